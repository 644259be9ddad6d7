//! A pattern as a sequence of pieces, and the number of them that a line matches.
//!
//! Invariant: the concatenated pieces are equivalent to the pattern: both match the same lines.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast, GroupKind};

use super::super::binding::Binding;
use super::super::template::{Item, Shape, Template};
use super::super::text::{self, Form};
use super::super::{Dialect, Pattern};
use super::words;

/// Size limit of a compiled expression, in bytes. One group per piece makes it larger than the
/// pattern's own expression.
const COMPILED_BYTES: usize = 8 * text::COMPILED_BYTES;
/// Longest piece of a custom expression that is quoted, in characters.
const QUOTED: usize = 60;

/// The pieces of a pattern.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) pieces: Vec<Piece>,
    head: &'static str,
    tail: String,
    /// Expressions for the first N pieces, compiled on first use; the last one is the whole pattern.
    expressions: Vec<OnceCell<Option<Regex>>>,
}

/// One piece of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// Zero-width syntax before the piece: flags, assertions.
    lead: String,
    regex: String,
}

/// The kind of a piece.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Literal text.
    Literal(String),
    /// A value.
    Value {
        /// Name as written in the format or expression; may be empty.
        name: String,
        /// `None` in a custom expression.
        shape: Option<Shape>,
        binding: Option<Binding>,
        /// Description of the text.
        words: String,
    },
}

/// The leading pieces of a pattern that a line matches.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// Number of matching pieces.
    pub(super) pieces: usize,
    /// Span of each matching piece in the line.
    pub(super) spans: Vec<Range<usize>>,
    /// End of the last matching piece.
    pub(super) at: usize,
}

impl Outline {
    pub(super) fn of(pattern: &Pattern) -> Self {
        match pattern.form() {
            Some(Form::Template(template)) => Self::of_template(template, pattern.dialect()),
            Some(Form::Regex(source)) => Self::of_regex(source),
            // Keys may come in any sequence, so such a pattern has no outline.
            None => Self::new("", Vec::new(), String::new()),
        }
    }

    fn of_template(template: &Template, dialect: Dialect) -> Self {
        let pieces = template.items.iter().enumerate().map(|(at, item)| Piece {
            kind: match item {
                Item::Literal(literal) => Kind::Literal(literal.clone()),
                Item::Slot(slot) => Kind::Value {
                    name: dialect.written(&slot.name),
                    shape: Some(slot.shape),
                    binding: slot.binding,
                    words: words::shape(slot.shape).to_owned(),
                },
            },
            lead: String::new(),
            regex: template.fragment(at),
        });
        Self::new(Template::HEAD, pieces.collect(), Template::TAIL.to_owned())
    }

    /// Splits an expression into its top-level parts.
    fn of_regex(source: &str) -> Self {
        let tree = ast::parse::Parser::new().parse(source);
        let parts = match &tree {
            Ok(Ast::Concat(concat)) => concat.asts.as_slice(),
            Ok(only) => std::slice::from_ref(only),
            Err(_) => &[],
        };
        let slice = |span: Range<usize>| source.get(span).unwrap_or_default();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut lead = String::new();
        let mut end = 0;
        for part in parts {
            let span = part.span().start.offset..part.span().end.offset;
            lead.push_str(slice(end..span.start));
            end = span.end;
            let regex = slice(span).to_owned();
            let kind = match part {
                Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => {
                    lead.push_str(&regex);
                    continue;
                }
                Ast::Literal(literal) => match pieces.last_mut() {
                    Some(Piece {
                        kind: Kind::Literal(before),
                        regex: whole,
                        ..
                    }) if lead.is_empty() => {
                        before.push(literal.c);
                        whole.push_str(&regex);
                        continue;
                    }
                    _ => Kind::Literal(literal.c.to_string()),
                },
                Ast::Group(group) => {
                    let name = match &group.kind {
                        GroupKind::CaptureName { name, .. } => name.name.as_str(),
                        GroupKind::CaptureIndex(_) | GroupKind::NonCapturing(_) => "",
                    };
                    let inner = group.ast.span();
                    custom_value(name, slice(inner.start.offset..inner.end.offset))
                }
                _ => custom_value("", &regex),
            };
            pieces.push(Piece {
                kind,
                lead: std::mem::take(&mut lead),
                regex,
            });
        }
        lead.push_str(slice(end..source.len()));
        Self::new("", pieces, lead)
    }

    fn new(head: &'static str, pieces: Vec<Piece>, tail: String) -> Self {
        Self {
            expressions: vec![OnceCell::new(); pieces.len() + 2],
            head,
            pieces,
            tail,
        }
    }

    /// Matches as many pieces as possible.
    pub(super) fn reach(&self, line: &[u8]) -> Reach {
        let all = self.pieces.len();
        if let Some(reach) = self.first(all + 1, line) {
            return reach;
        }
        // A line that matches the first N pieces matches the first N - 1, so a binary search finds the end.
        let (mut matching, mut failing) = (0, all + 1);
        while failing - matching > 1 {
            let middle = usize::midpoint(matching, failing);
            let is_match = self
                .expression(middle)
                .is_some_and(|regex| regex.is_match(line));
            if is_match {
                matching = middle;
            } else {
                failing = middle;
            }
        }
        self.first(matching, line).unwrap_or_default()
    }

    /// Returns whether a matching line may begin with this character.
    pub(super) fn may_begin_with(&self, byte: char) -> bool {
        match self.pieces.first().map(|piece| &piece.kind) {
            Some(Kind::Literal(literal)) => literal.starts_with(byte),
            Some(Kind::Value { shape, .. }) => shape.is_none(),
            None => true,
        }
    }

    /// Counts the quotes in literals, which every matching line has.
    pub(super) fn quotes(&self) -> usize {
        let literals = self.pieces.iter().map(|piece| match &piece.kind {
            Kind::Literal(literal) => literal.matches('"').count(),
            Kind::Value { .. } => 0,
        });
        literals.sum()
    }

    /// Returns whether a line matches all pieces to its end.
    #[cfg(test)]
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        self.expression(self.pieces.len() + 1)
            .is_some_and(|regex| regex.is_match(line))
    }

    /// Matches the first `count` pieces; a count of all pieces plus one includes the end of the line.
    fn first(&self, count: usize, line: &[u8]) -> Option<Reach> {
        let captures = self.expression(count)?.captures(line)?;
        let pieces = count.min(self.pieces.len());
        let spans = (0..pieces).map(|piece| {
            captures
                .name(&group(piece))
                .map_or(0..0, |found| found.range())
        });
        Some(Reach {
            pieces,
            spans: spans.collect(),
            at: captures.get(0).map_or(0, |found| found.end()),
        })
    }

    fn expression(&self, count: usize) -> Option<&Regex> {
        let cell = self.expressions.get(count)?;
        cell.get_or_init(|| {
            let mut source = self.head.to_owned();
            for (at, piece) in self.pieces.iter().enumerate().take(count) {
                source.push_str(&piece.lead);
                let _ = write!(source, "(?P<{}>{})", group(at), piece.regex);
            }
            if count > self.pieces.len() {
                source.push_str(&self.tail);
            }
            RegexBuilder::new(&source)
                .unicode(false)
                .size_limit(COMPILED_BYTES)
                .build()
                .ok()
        })
        .as_ref()
    }
}

impl Reach {
    /// Shifts all places by the length of a header that was cut off.
    pub(super) fn shifted(mut self, header: usize) -> Self {
        for span in &mut self.spans {
            *span = span.start + header..span.end + header;
        }
        self.at += header;
        self
    }
}

impl Kind {
    /// Returns the shape of a value in a server's format.
    pub(super) fn shape(&self) -> Option<Shape> {
        match self {
            Self::Value { shape, .. } => *shape,
            Self::Literal(_) => None,
        }
    }
}

impl Piece {
    /// Returns the name of the value.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Value { name, .. } if !name.is_empty() => Some(name),
            Kind::Value { .. } | Kind::Literal(_) => None,
        }
    }

    /// Returns whether the value extends to the next occurrence of this literal.
    pub(super) fn extends_to(&self, literal: &str) -> bool {
        matches!(self.kind.shape(), Some(Shape::Text | Shape::SlashText))
            && !literal.starts_with('"')
    }
}

/// Returns the name of the group around a piece. Field names do not have this form.
fn group(piece: usize) -> String {
    format!("piece_{piece}")
}

/// Returns the kind of a part of a custom expression.
fn custom_value(name: &str, source: &str) -> Kind {
    let mut quoted: String = source.chars().take(QUOTED).collect();
    if quoted.len() < source.len() {
        quoted.push('…');
    }
    Kind::Value {
        name: name.to_owned(),
        shape: None,
        binding: Binding::from_name(name),
        words: format!("text that matches `{quoted}`"),
    }
}
