//! A pattern as a row of pieces, and how many of them a line satisfies.
//!
//! Invariant: the pieces, one behind the other, are the pattern: a line that satisfies them all up
//! to its end is a line the pattern matches, and no other is.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast, GroupKind};

use super::super::regexp;
use super::super::template::{Binding, Item, Shape, Template};
use super::super::{Dialect, Form, Pattern};
use super::words;

/// Largest compiled expression, in bytes: a group for each piece makes it larger than the pattern's.
const COMPILED_BYTES: usize = 8 * regexp::COMPILED_BYTES;
/// Longest piece of a person's own expression that is quoted, in characters.
const QUOTED: usize = 60;

/// A pattern, taken apart.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) pieces: Vec<Piece>,
    head: &'static str,
    tail: String,
    /// The expressions of the first N pieces, made when asked for; the last one is the whole.
    expressions: Vec<OnceCell<Option<Regex>>>,
}

/// One piece of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// What stands before the piece and matches no byte: flags, assertions.
    lead: String,
    regex: String,
}

/// What a piece is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// These very bytes.
    Literal(String),
    /// A value.
    Value {
        /// As the format, or the person who wrote the expression, writes it; may be empty.
        name: String,
        /// `None` in a person's own expression.
        shape: Option<Shape>,
        binding: Option<Binding>,
        /// What it looks like.
        words: String,
    },
}

/// How far a line goes along with a pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// Pieces satisfied.
    pub(super) pieces: usize,
    /// Where each of them stands in the line.
    pub(super) spans: Vec<Range<usize>>,
    /// The end of the last one.
    pub(super) at: usize,
}

impl Outline {
    pub(super) fn of(pattern: &Pattern) -> Self {
        match pattern.form() {
            Some(Form::Template(template)) => Self::of_template(template, pattern.dialect()),
            Some(Form::Regex(source)) => Self::of_regex(source),
            // Keys stand in any order: there is nothing to be outlined.
            None => Self::new("", Vec::new(), String::new()),
        }
    }

    fn of_template(template: &Template, dialect: Dialect) -> Self {
        let pieces = template.items.iter().enumerate().map(|(at, item)| Piece {
            kind: match item {
                Item::Literal(literal) => Kind::Literal(literal.clone()),
                Item::Slot(slot) => Kind::Value {
                    name: words::written(dialect, &slot.name),
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

    /// Cuts where the expression's parts meet; parts of parts stay together.
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
                    own_value(name, slice(inner.start.offset..inner.end.offset))
                }
                _ => own_value("", &regex),
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

    /// Reads a line as far as it goes.
    pub(super) fn reach(&self, line: &[u8]) -> Reach {
        let all = self.pieces.len();
        if let Some(reach) = self.first(all + 1, line) {
            return reach;
        }
        // What satisfies the first N pieces satisfies the first N - 1: look where that ends.
        let (mut satisfied, mut unsatisfied) = (0, all + 1);
        while unsatisfied - satisfied > 1 {
            let middle = usize::midpoint(satisfied, unsatisfied);
            let is_satisfied = self
                .expression(middle)
                .is_some_and(|regex| regex.is_match(line));
            if is_satisfied {
                satisfied = middle;
            } else {
                unsatisfied = middle;
            }
        }
        self.first(satisfied, line).unwrap_or_default()
    }

    /// Whether the pattern's lines may begin so.
    pub(super) fn may_begin_with(&self, byte: char) -> bool {
        match self.pieces.first().map(|piece| &piece.kind) {
            Some(Kind::Literal(literal)) => literal.starts_with(byte),
            Some(Kind::Value { shape, .. }) => shape.is_none(),
            None => true,
        }
    }

    /// Quotes that every line has.
    pub(super) fn quotes(&self) -> usize {
        let literals = self.pieces.iter().map(|piece| match &piece.kind {
            Kind::Literal(literal) => literal.matches('"').count(),
            Kind::Value { .. } => 0,
        });
        literals.sum()
    }

    /// Whether a line satisfies all pieces and ends there.
    #[cfg(test)]
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        self.expression(self.pieces.len() + 1)
            .is_some_and(|regex| regex.is_match(line))
    }

    /// Reads the first `count` pieces; one more than there are means: to the end of the line.
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
    /// The same, seen from before a header.
    pub(super) fn behind(mut self, header: usize) -> Self {
        for span in &mut self.spans {
            *span = span.start + header..span.end + header;
        }
        self.at += header;
        self
    }
}

impl Piece {
    /// What the server calls the value.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Value { name, .. } if !name.is_empty() => Some(name),
            Kind::Value { .. } | Kind::Literal(_) => None,
        }
    }

    /// Whether the value goes on until this literal, wherever that stands.
    pub(super) fn reaches_for(&self, literal: &str) -> bool {
        match &self.kind {
            Kind::Value {
                shape: Some(Shape::Text | Shape::SlashText),
                ..
            } => !literal.starts_with('"'),
            Kind::Value { .. } | Kind::Literal(_) => false,
        }
    }
}

/// The name of the group around a piece; no field is called so.
fn group(piece: usize) -> String {
    format!("piece_{piece}")
}

/// A part of a person's own expression.
fn own_value(name: &str, source: &str) -> Kind {
    let mut quoted: String = source.chars().take(QUOTED).collect();
    if quoted.len() < source.len() {
        quoted.push('…');
    }
    Kind::Value {
        name: name.to_owned(),
        shape: None,
        binding: Binding::named(name),
        words: format!("text that matches `{quoted}`"),
    }
}
