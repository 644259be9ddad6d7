//! How a pattern reads a line, or where it stops and why: for people, one line at a time.
//!
//! Invariant: any bytes are explained, in time linear in their length; every place lies inside the
//! line, and what a pattern reads is told as [`Record::show`] tells it.

mod cause;
mod foreign;
mod looks;
mod misfit;
mod outline;
mod words;

use std::cmp::Reverse;
use std::ops::Range;

use super::template::Binding;
use super::{Dialect, Pattern, Reject, presets, read};
use crate::model::{Field, Record};

use cause::Case;
use outline::{Kind, Outline, Reach};

pub use cause::Cause;

/// Explains lines by the presets and by patterns of one's own.
#[derive(Debug)]
pub struct Explainer {
    /// Own patterns first.
    readers: Vec<Reader>,
    line_bytes: usize,
}

/// A pattern and its pieces.
#[derive(Debug)]
struct Reader {
    pattern: Pattern,
    outline: Outline,
    is_preset: bool,
}

/// What a pattern makes of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The pattern's name.
    pub pattern: String,
    /// Read or not.
    pub outcome: Outcome,
}

/// Whether a line is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With these values, in the order of the line.
    Read(Vec<Value>),
    /// Not: here it stops.
    Stopped(Box<Stop>),
}

/// A value of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As the format writes it, or the group's name; may be empty.
    pub name: String,
    /// Its bytes of the line, if they stand there in one piece.
    pub span: Option<Range<usize>>,
    /// The field it tells, if any.
    pub field: Option<Field>,
    /// The field's value as [`Record::show`] writes it; `None` if the line does not say.
    pub shown: Option<String>,
    /// What it means.
    pub meaning: &'static str,
}

/// Where a pattern stops, and why. Nothing but [`Stop::span`] tells of the line's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Bytes of the line; empty at its end.
    pub span: Range<usize>,
    /// The value read last, as the format writes it.
    pub after: Option<String>,
    /// What should stand there, in words.
    pub expected: String,
    /// The likely cause.
    pub cause: Cause,
    /// The cause in words.
    pub because: String,
    /// What to do.
    pub remedy: String,
    /// The preset that reads the line or gets furthest, if it is another one.
    pub nearest: Option<Nearest>,
}

/// A preset and how far it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// Its name.
    pub name: String,
    /// Whether it reads the line; behind a syslog header, if there is one.
    pub reads: bool,
    /// Where it stops, in bytes of the line.
    pub at: usize,
}

impl Explainer {
    /// Compiles the presets beside `own` patterns, which come first. Of longer lines than
    /// `line_bytes` no more is looked at.
    pub fn new(own: impl IntoIterator<Item = Pattern>, line_bytes: usize) -> Self {
        // A preset that does not compile is a broken build, and the tests say so.
        let shipped = presets().iter().filter_map(|preset| preset.pattern().ok());
        let own = own.into_iter().map(|pattern| Reader::new(pattern, false));
        let shipped = shipped.map(|pattern| Reader::new(pattern, true));
        Self {
            readers: own.chain(shipped).collect(),
            line_bytes,
        }
    }

    /// Knows this one pattern only, and lines of any length.
    pub fn alone(pattern: Pattern) -> Self {
        Self {
            readers: vec![Reader::new(pattern, false)],
            line_bytes: usize::MAX,
        }
    }

    /// Explains a line by the pattern of this name; `None` if there is no such pattern.
    pub fn explain(&self, name: &str, line: &[u8]) -> Option<Explanation> {
        let reader = self
            .readers
            .iter()
            .find(|reader| reader.pattern.name() == name)?;
        Some(Explanation {
            pattern: name.to_owned(),
            outcome: self.outcome(reader, line),
        })
    }

    /// The pattern that reads the line, or gets furthest.
    pub fn closest(&self, line: &[u8]) -> Option<Nearest> {
        let nearest = self.furthest(line, |_| true)?;
        Some(nearest.nearest(line, 0))
    }

    /// The patterns that read the line, in the order in which they are preferred.
    pub fn reading(&self, line: &[u8]) -> impl Iterator<Item = &str> {
        self.readers
            .iter()
            .filter(move |reader| reader.reads(line))
            .map(|reader| reader.pattern.name())
    }

    fn outcome(&self, reader: &Reader, line: &[u8]) -> Outcome {
        if line.len() > self.line_bytes {
            return Outcome::Stopped(Box::new(foreign::overlong(self.line_bytes, line.len())));
        }
        let header = looks::syslog_header(line).unwrap_or_default();
        let body = &line[header..];
        match reader.pattern.parse(&mut reader.pattern.scratch(), line) {
            Ok(record) => {
                // A pattern may read past a header that is no part of its format.
                let whole = reader.outline.reach(line);
                let reach = if header > 0 && whole.pieces < reader.outline.pieces.len() {
                    reader.outline.reach(body).behind(header)
                } else {
                    whole
                };
                Outcome::Read(reader.values(line, &reach, &record))
            }
            Err(reject) => {
                let nearest = self.furthest(body, |other| other.is_preset);
                let is_read = |reader: &Reader| reader.reads(body) && !reader.reads(line);
                let behind = [Some(reader), nearest].into_iter().flatten();
                let behind = behind.filter(|_| header > 0).find(|reader| is_read(reader));
                let mut stop = match behind {
                    Some(behind) => {
                        let expected = reader.place(b"", &Reach::default(), reject).1;
                        foreign::syslog(0..header, expected, behind.pattern.name())
                    }
                    None => reader.stop(nearest, body, reject).behind(header),
                };
                stop.nearest = nearest
                    .filter(|nearest| nearest.pattern.name() != reader.pattern.name())
                    .map(|nearest| nearest.nearest(body, header));
                Outcome::Stopped(Box::new(stop))
            }
        }
    }

    /// Of the readers wanted: the one that reads the line with most fields, else the one that gets
    /// furthest; the first of equals.
    fn furthest(&self, line: &[u8], is_wanted: impl Fn(&Reader) -> bool) -> Option<&Reader> {
        let line = &line[..line.len().min(self.line_bytes)];
        let rank = |reader: &Reader| {
            let reach = reader.outline.reach(line);
            let missing = reader.outline.pieces.len() - reach.pieces;
            let fields = reader.pattern.fields().iter().count();
            if reader.reads(line) {
                (true, fields, Reverse(0))
            } else {
                (false, reach.at, Reverse(missing))
            }
        };
        // The last of equals is what `max_by_key` gives.
        let wanted = self.readers.iter().rev().filter(|reader| is_wanted(reader));
        wanted.max_by_key(|reader| rank(reader))
    }
}

impl Stop {
    /// The same, seen from before a header.
    fn behind(mut self, header: usize) -> Self {
        self.span = self.span.start + header..self.span.end + header;
        self
    }
}

impl Reader {
    fn new(pattern: Pattern, is_preset: bool) -> Self {
        Self {
            outline: Outline::of(&pattern),
            pattern,
            is_preset,
        }
    }

    fn reads(&self, line: &[u8]) -> bool {
        self.pattern
            .parse(&mut self.pattern.scratch(), line)
            .is_ok()
    }

    /// How far it gets with what follows a header.
    fn nearest(&self, body: &[u8], header: usize) -> Nearest {
        Nearest {
            name: self.pattern.name().to_owned(),
            reads: self.reads(body),
            at: self.outline.reach(body).at + header,
        }
    }

    /// Why it does not read a line; `nearest` is the preset that comes nearest.
    fn stop(&self, nearest: Option<&Reader>, line: &[u8], reject: Reject) -> Stop {
        let reach = self.outline.reach(line);
        let (span, expected) = self.place(line, &reach, reject);
        let mut names = self.outline.pieces[..reach.pieces].iter().rev();
        let after = names.find_map(outline::Piece::name);
        let taken = nearest.filter(|nearest| nearest.reads(line));
        let diagnosis = cause::diagnose(&Case {
            reader: self,
            line,
            span: &span,
            piece: reach.pieces,
            reject,
            preset: taken.map(|nearest| nearest.pattern.name()),
        });
        Stop {
            after: after.map(str::to_owned),
            expected,
            cause: diagnosis.cause,
            because: diagnosis.because,
            remedy: diagnosis.remedy,
            nearest: None,
            span,
        }
    }

    /// What was read, in the order of the line.
    fn values(&self, line: &[u8], reach: &Reach, record: &Record<'_>) -> Vec<Value> {
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
            for field in binding.fields().iter() {
                let text = record.clone().text_mut(field).and_then(|text| *text);
                let place = text.and_then(|text| place(line, text));
                values.push(Value {
                    name: name.clone(),
                    span: place.or_else(|| Some(span.clone())),
                    field: Some(field),
                    shown: record.show(field),
                    meaning: match binding {
                        Binding::Duration(_) => words::duration(name),
                        _ => words::field(field),
                    },
                });
            }
        }
        // A pattern without pieces still has fields.
        let told: Vec<Field> = values.iter().filter_map(|value| value.field).collect();
        let others = self.pattern.fields().iter();
        values.extend(others.filter(|field| !told.contains(field)).map(|field| {
            let text = record.clone().text_mut(field).and_then(|text| *text);
            Value {
                name: String::new(),
                span: text.and_then(|text| place(line, text)),
                field: Some(field),
                shown: record.show(field),
                meaning: words::field(field),
            }
        }));
        values
    }

    /// Where the pattern stops, and what should stand there.
    fn place(&self, line: &[u8], reach: &Reach, reject: Reject) -> (Range<usize>, String) {
        if reject == Reject::Number
            && let Some(stop) = self.bad_number(line, reach)
        {
            return stop;
        }
        if self.outline.pieces.is_empty() {
            let expected = match self.pattern.dialect() {
                Dialect::Ltsv => {
                    "`label:value` pairs between tabs, those of status and request among them"
                }
                _ => "a JSON object on one line, the keys of status and request among its own",
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
                if before.is_some_and(|before| before.reaches_for(literal)) {
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
                let common = (0..=common)
                    .rev()
                    .find(|common| literal.is_char_boundary(*common))
                    .unwrap_or_default();
                (
                    token(line, at + common),
                    format!("`{}`", &literal[common..]),
                )
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

    /// The number that does not fit.
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
            read((*binding)?, text, &mut Record::default()).err()?;
            Some((span.clone(), format!("`{name}`: {words}, up to 2^64")))
        })
    }
}

/// Where a piece of a line stands in it.
fn place(line: &[u8], piece: &[u8]) -> Option<Range<usize>> {
    let start = (piece.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let end = start.checked_add(piece.len())?;
    (end <= line.len()).then_some(start..end)
}

/// What stands at a place, up to the next blank or quote.
fn token(line: &[u8], at: usize) -> Range<usize> {
    let rest = line.get(at..).unwrap_or_default();
    let is_border = |byte: &u8| matches!(byte, b' ' | b'"' | b'\t' | b']');
    let length = match rest {
        [] => 0,
        [_, rest @ ..] => 1 + rest.iter().position(is_border).unwrap_or(rest.len()),
    };
    at..at + length
}

#[cfg(test)]
mod tests;
