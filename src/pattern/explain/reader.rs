//! A pattern with its outline: which values it reads from a line, and where it stops.

use std::ops::Range;

use super::super::binding::Binding;
use super::super::{Dialect, Pattern, Reject};
use super::outcome::{Nearest, Value};
use super::outline::{Kind, Outline, Piece, Reach};
use super::words;
use crate::model::{Field, Record, Timestamp};

/// A pattern and its pieces.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) pattern: Pattern,
    pub(super) outline: Outline,
    pub(super) is_preset: bool,
}

impl Reader {
    pub(super) fn new(pattern: Pattern, is_preset: bool) -> Self {
        Self {
            outline: Outline::of(&pattern),
            pattern,
            is_preset,
        }
    }

    /// Returns whether the pattern reads a line.
    pub(super) fn reads(&self, line: &[u8]) -> bool {
        self.pattern
            .parse(&mut self.pattern.scratch(), line)
            .is_ok()
    }

    /// Returns the pieces of a line without its envelope, if the types of the values divide it.
    pub(super) fn divided(&self, line: &[u8]) -> Option<Reach> {
        let spans = self.pattern.item_spans(line)?;
        Some(Reach {
            pieces: spans.len(),
            spans: spans.into_iter().map(Option::unwrap_or_default).collect(),
            at: line.len(),
        })
    }

    /// Returns the length of the envelope behind which the pattern gets furthest, 0 without one.
    pub(super) fn envelope(&self, line: &[u8]) -> usize {
        let places = self.pattern.places(line);
        let mut starts: Vec<usize> = places.iter().chain([0]).collect();
        // `max_by_key` returns the last of equals.
        starts.reverse();
        let pieces = |start: &usize| self.outline.reach(&line[*start..]).pieces;
        starts.into_iter().max_by_key(pieces).unwrap_or_default()
    }

    /// Reports how far the pattern reads a line.
    pub(super) fn nearest(&self, line: &[u8]) -> Nearest {
        let envelope = self.envelope(line);
        Nearest {
            name: self.pattern.name().to_owned(),
            reads: self.reads(line),
            at: self.outline.reach(&line[envelope..]).at + envelope,
        }
    }

    /// Lists the values of a line that is read, sorted as they stand in it.
    pub(super) fn values(&self, line: &[u8], reach: &Reach, record: &Record<'_>) -> Vec<Value> {
        let value = |name: &str, field: Field, piece: Option<Range<usize>>, meaning| {
            let text = record.clone().text_mut(field).and_then(|text| *text);
            Value {
                name: name.to_owned(),
                span: text.and_then(|text| span_of(line, text)).or(piece),
                field: Some(field),
                shown: record.show(field),
                meaning,
            }
        };
        let mut values = Vec::new();
        for (piece, span) in self.outline.pieces.iter().zip(&reach.spans) {
            let Kind::Value { name, binding, .. } = &piece.kind else {
                continue;
            };
            let Some(binding) = binding else {
                values.push(Value {
                    name: name.clone(),
                    span: Some(span.clone()),
                    field: None,
                    shown: None,
                    meaning: "",
                });
                continue;
            };
            values.extend(binding.fields().iter().map(|field| {
                let meaning = match binding {
                    Binding::Duration(_) if !record.is_endless() => words::duration(name),
                    _ => meaning(field, record),
                };
                value(name, field, Some(span.clone()), meaning)
            }));
        }
        // Patterns of keys have fields, but no pieces.
        let listed: Vec<Field> = values.iter().filter_map(|value| value.field).collect();
        let others = self.pattern.fields().iter();
        let others = others.filter(|field| !listed.contains(field));
        values.extend(others.map(|field| value("", field, None, meaning(field, record))));
        values
    }

    /// Returns where the pattern stops, and a description of the text expected there.
    pub(super) fn stop(
        &self,
        line: &[u8],
        reach: &Reach,
        reject: Reject,
    ) -> (Range<usize>, String) {
        if reject == Reject::Number
            && let Some(stop) = self.bad_number(line, reach)
        {
            return stop;
        }
        if reject == Reject::Ambiguous
            && let Some(item) = self.pattern.unclear().and_then(|unclear| unclear.item)
            && let (Some(piece), Some(span)) =
                (self.outline.pieces.get(item), reach.spans.get(item))
        {
            let name = piece.name().unwrap_or_default();
            return (
                span.start..line.len(),
                format!("one possible end of `{name}`"),
            );
        }
        if self.outline.pieces.is_empty() {
            let expected = match self.pattern.dialect() {
                Dialect::Ltsv => {
                    "`label:value` pairs separated by tabs, including those for status and request"
                }
                _ => "a JSON object on one line, including the keys for status and request",
            };
            return (0..line.len(), expected.to_owned());
        }
        let at = reach.at;
        let before = reach.pieces.checked_sub(1);
        let before = before.and_then(|before| self.outline.pieces.get(before));
        let Some(piece) = self.outline.pieces.get(reach.pieces) else {
            return (at..line.len(), "the end of the line".to_owned());
        };
        match &piece.kind {
            Kind::Literal(literal) => {
                if before.is_some_and(|before| before.extends_to(literal)) {
                    return (
                        at..line.len(),
                        format!("`{literal}` somewhere from here on"),
                    );
                }
                let common = literal
                    .bytes()
                    .zip(&line[at..])
                    .take_while(|(wanted, found)| wanted == *found)
                    .count();
                let common = literal.floor_char_boundary(common);
                let expected = format!("`{}`", &literal[common..]);
                (token(line, at + common), expected)
            }
            Kind::Value { name, words, .. } => {
                let name = match name.as_str() {
                    "" => String::new(),
                    name => format!("`{name}`: "),
                };
                (token(line, at), format!("{name}{words}"))
            }
        }
    }

    /// Returns the name of the last value read.
    pub(super) fn last_name(&self, reach: &Reach) -> Option<&str> {
        let mut pieces = self.outline.pieces[..reach.pieces].iter().rev();
        pieces.find_map(Piece::name)
    }

    /// Finds the number that does not fit in 64 bits.
    fn bad_number(&self, line: &[u8], reach: &Reach) -> Option<(Range<usize>, String)> {
        let mut pieces = self.outline.pieces.iter().zip(&reach.spans);
        pieces.find_map(|(piece, span)| {
            let Kind::Value {
                name,
                binding,
                words,
                ..
            } = &piece.kind
            else {
                return None;
            };
            let text = line.get(span.clone())?;
            (*binding)?.read(text, &mut Record::default()).err()?;
            Some((span.clone(), format!("`{name}`: {words}, below 2^64")))
        })
    }
}

/// Returns the meaning of a field, with what is odd about its value.
fn meaning(field: Field, record: &Record<'_>) -> &'static str {
    match field {
        Field::Duration if record.is_endless() => {
            "time taken by the request; an hour or more: is it another unit? (duration_ms, duration_us, duration_ns)"
        }
        Field::Time
            if record
                .time
                .is_some_and(|time| Timestamp::parse(time).is_none()) =>
        {
            "time of the log line, which `backfill` cannot read: it has no zone, or an unknown form"
        }
        field => words::field(field),
    }
}

/// Returns the span of a subslice within its line; `None` for text from elsewhere.
fn span_of(line: &[u8], piece: &[u8]) -> Option<Range<usize>> {
    let start = (piece.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let end = start.checked_add(piece.len())?;
    (end <= line.len()).then_some(start..end)
}

/// Returns the span from `at` to the next blank, quote or bracket.
fn token(line: &[u8], at: usize) -> Range<usize> {
    let rest = line.get(at..).unwrap_or_default();
    let is_border = |byte: &u8| matches!(byte, b' ' | b'"' | b'\t' | b']');
    let length = match rest {
        [] => 0,
        [_, rest @ ..] => 1 + rest.iter().position(is_border).unwrap_or(rest.len()),
    };
    at..at + length
}
