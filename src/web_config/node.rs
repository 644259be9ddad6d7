//! YAML as a tree of nodes with their places.
//!
//! Invariant: the tree is at most [`DEEPEST`] nodes deep. An alias shares the node that it names, so the tree takes no more memory
//! than its text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// Most levels of lists and maps.
const DEEPEST: usize = 32;

/// A part of a document.
#[derive(Debug)]
pub(super) struct Node {
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// The content of a node.
#[derive(Debug)]
pub(super) enum Value {
    /// A text, a number or a boolean, as it is written.
    Scalar { text: String, is_plain: bool },
    /// Nothing, `~` or `null`.
    Null,
    /// A list.
    List(Vec<Rc<Node>>),
    /// Keys and values in their sequence.
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

/// The reason for which a text is not a document, and its place in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) at: usize,
    pub(super) message: String,
}

/// A parsed text.
#[derive(Debug)]
pub(super) struct Document {
    /// `None` if the text is empty.
    pub(super) root: Option<Rc<Node>>,
    /// Start of a second document, in bytes, which is not read.
    pub(super) second: Option<usize>,
}

/// A list or a map whose end has not come.
struct Unfinished {
    span: Range<usize>,
    anchor: usize,
    is_map: bool,
    items: Vec<Rc<Node>>,
}

/// Parses the first document of a text.
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let offsets = Offsets::of(text);
    let mut building = Building::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| SyntaxError {
            at: offsets.byte(error.marker().index()),
            message: error.info().to_owned(),
        })?;
        let span = offsets.bytes(span);
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                let second = Some(span.start);
                let root = building.root;
                return Ok(Document { root, second });
            }
        }
        building.add(event, span)?;
    }
    let root = building.root;
    Ok(Document { root, second: None })
}

/// Offsets in bytes of offsets in characters.
struct Offsets(Option<Vec<usize>>, usize);

impl Offsets {
    fn of(text: &str) -> Self {
        let offsets = || text.char_indices().map(|(at, _)| at).collect();
        Self((!text.is_ascii()).then(offsets), text.len())
    }

    fn byte(&self, char: usize) -> usize {
        match &self.0 {
            None => char.min(self.1),
            Some(offsets) => offsets.get(char).copied().unwrap_or(self.1),
        }
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}

#[derive(Default)]
struct Building {
    open: Vec<Unfinished>,
    anchors: BTreeMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
}

impl Building {
    fn add(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if is_plain && is_null(&text) {
                    Value::Null
                } else {
                    let text = text.into_owned();
                    Value::Scalar { text, is_plain }
                };
                self.close(Node { span, value }, anchor);
            }
            Event::SequenceStart(anchor, _) => self.begin(span, anchor, false)?,
            Event::MappingStart(anchor, _) => self.begin(span, anchor, true)?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(unfinished) = self.open.pop() {
                    let anchor = unfinished.anchor;
                    let node = unfinished.finish(span.end);
                    self.close(node, anchor);
                }
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or_else(|| SyntaxError {
                    at: span.start,
                    message: "an alias inside the value that it names".to_owned(),
                })?;
                self.put(Rc::clone(node));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        is_map: bool,
    ) -> Result<(), SyntaxError> {
        if self.open.len() >= DEEPEST {
            let message = format!("more than {DEEPEST} levels");
            let at = span.start;
            return Err(SyntaxError { at, message });
        }
        self.open.push(Unfinished {
            span,
            anchor,
            is_map,
            items: Vec::new(),
        });
        Ok(())
    }

    fn close(&mut self, node: Node, anchor: usize) {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node);
    }

    fn put(&mut self, node: Rc<Node>) {
        match self.open.last_mut() {
            Some(unfinished) => unfinished.items.push(node),
            None => self.root = Some(node),
        }
    }
}

impl Unfinished {
    fn finish(self, end: usize) -> Node {
        let span = self.span.start..end.max(self.span.start);
        let value = if self.is_map {
            let mut items = self.items.into_iter();
            let mut entries = Vec::new();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                entries.push((key, value));
            }
            Value::Map(entries)
        } else {
            Value::List(self.items)
        };
        Node { span, value }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

impl Node {
    /// Names the node's type in a fault.
    pub(super) fn type_name(&self) -> &'static str {
        match &self.value {
            Value::Scalar { is_plain: true, .. } => "a value",
            Value::Scalar { .. } => "a string",
            Value::Null => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Rc<Node> {
        parse(text).unwrap().root.unwrap()
    }

    #[test]
    fn nodes_have_their_places_in_bytes() {
        let text = "ä: [x, 'y z']\nb:\n  c: |\n    one\n    two\n";
        let root = root(text);
        let Value::Map(entries) = &root.value else {
            panic!("{root:?}")
        };
        let shown = |node: &Node| text[node.span.clone()].to_owned();
        assert_eq!(shown(&entries[0].0), "ä");
        let Value::List(items) = &entries[0].1.value else {
            panic!("{root:?}")
        };
        assert_eq!([shown(&items[0]), shown(&items[1])], ["x", "'y z'"]);
        let Value::Map(inner) = &entries[1].1.value else {
            panic!("{root:?}")
        };
        assert!(matches!(&inner[0].1.value, Value::Scalar { text, .. } if text == "one\ntwo\n"));
        assert!(shown(&inner[0].1).contains("two"));
    }

    #[test]
    fn an_alias_shares_its_node_and_cannot_contain_itself() {
        let line = |n: usize| {
            format!(
                "a{}: &a{} [{}]\n",
                n + 1,
                n + 1,
                vec![format!("*a{n}"); 20].join(",")
            )
        };
        let text = "a0: &a0 [x]\n".to_owned() + &(0..29).map(line).collect::<String>();
        assert!(parse(&text).unwrap().root.is_some());
        let error = parse("a: &a [*a]").unwrap_err();
        assert_eq!(error.at, 7);
    }

    #[test]
    fn the_depth_is_bounded() {
        let nested = |depth: usize| parse(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(nested(DEEPEST).is_ok());
        assert!(nested(DEEPEST + 1).is_err());
        assert!(nested(100_000).is_err());
    }

    #[test]
    fn an_empty_text_has_no_root_and_a_second_document_is_noted() {
        assert!(parse("# nothing\n").unwrap().root.is_none());
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap().second, Some(5));
    }
}
