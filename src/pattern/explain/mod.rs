//! Explains single lines to people: which values a pattern reads, or where it stops and why.
//!
//! Invariant: every byte sequence is explained, in time linear in its length; all spans lie inside
//! the line, and values are shown as [`Record::show`](crate::model::Record::show) writes them.

mod case;
mod detect;
mod diagnose;
mod foreign;
mod misfit;
mod outcome;
mod outline;
mod reader;
mod words;

use std::cmp::Reverse;

use super::{Pattern, Reject, presets};

use case::Case;
use outline::Reach;
use reader::Reader;

pub use outcome::{Cause, Diagnosis, Explanation, Nearest, Outcome, Stop, Value};

/// Explains lines by the presets and by custom patterns.
#[derive(Debug)]
pub struct Explainer {
    /// Custom patterns first.
    readers: Vec<Reader>,
    line_bytes: usize,
}

impl Explainer {
    /// Compiles the presets and puts the `custom` patterns before them. Lines over `line_bytes` are
    /// not examined beyond that limit.
    pub fn new(custom: impl IntoIterator<Item = Pattern>, line_bytes: usize) -> Self {
        // A preset that does not compile is a broken build; its own tests report that.
        let presets = presets().iter().filter_map(|preset| preset.pattern().ok());
        let presets = presets.map(|pattern| Reader::new(pattern, true));
        let custom = custom
            .into_iter()
            .map(|pattern| Reader::new(pattern, false));
        Self {
            readers: custom.chain(presets).collect(),
            line_bytes,
        }
    }

    /// Explains lines of any length by a single pattern.
    pub fn alone(pattern: Pattern) -> Self {
        Self {
            readers: vec![Reader::new(pattern, false)],
            line_bytes: usize::MAX,
        }
    }

    /// Explains a line by the pattern of this name; `None` if the name is unknown.
    pub fn explain(&self, name: &str, line: &[u8]) -> Option<Explanation> {
        let mut readers = self.readers.iter();
        let reader = readers.find(|reader| reader.pattern.name() == name)?;
        Some(Explanation {
            pattern: name.to_owned(),
            outcome: self.outcome(reader, line),
        })
    }

    /// Finds the pattern that reads the line, or else the one that gets furthest.
    pub fn closest(&self, line: &[u8]) -> Option<Nearest> {
        let nearest = self.furthest(line, |_| true)?;
        Some(nearest.nearest(line, 0))
    }

    /// Lists the patterns that read the line, sorted by preference.
    pub fn reading(&self, line: &[u8]) -> impl Iterator<Item = &str> {
        self.readers
            .iter()
            .filter(move |reader| reader.reads(line))
            .map(|reader| reader.pattern.name())
    }

    fn outcome(&self, reader: &Reader, line: &[u8]) -> Outcome {
        if line.len() > self.line_bytes {
            return Outcome::Stopped(Box::new(Stop {
                span: self.line_bytes..line.len(),
                after: None,
                expected: "the end of the line".to_owned(),
                diagnosis: foreign::overlong(self.line_bytes),
                nearest: None,
            }));
        }
        let header = detect::syslog_header(line).unwrap_or_default();
        let body = &line[header..];
        match reader.pattern.parse(&mut reader.pattern.scratch(), line) {
            Ok(record) => {
                // A pattern may skip a header that is not part of its format.
                let whole = reader.outline.reach(line);
                let reach = if header > 0 && whole.pieces < reader.outline.pieces.len() {
                    reader.outline.reach(body).shifted(header)
                } else {
                    whole
                };
                Outcome::Read(reader.values(line, &reach, &record))
            }
            Err(reject) => {
                let nearest = self.furthest(body, |other| other.is_preset);
                let reads_body = |reader: &&Reader| reader.reads(body) && !reader.reads(line);
                let mut readers = [Some(reader), nearest].into_iter().flatten();
                let past_header = readers.find(reads_body);
                let mut stop = match past_header {
                    Some(found) => Stop {
                        span: 0..header,
                        after: None,
                        expected: reader.stop(b"", &Reach::default(), reject).1,
                        diagnosis: foreign::syslog(found.pattern.name()),
                        nearest: None,
                    },
                    None => stop(reader, nearest, body, reject).shifted(header),
                };
                stop.nearest = nearest
                    .filter(|nearest| nearest.pattern.name() != reader.pattern.name())
                    .map(|nearest| nearest.nearest(body, header));
                Outcome::Stopped(Box::new(stop))
            }
        }
    }

    /// Of the wanted readers, finds the one that reads the line with the most fields, or else the one
    /// that gets furthest. The first of equals wins.
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
        // `max_by_key` returns the last of equals.
        let wanted = self.readers.iter().rev().filter(|reader| is_wanted(reader));
        wanted.max_by_key(|reader| rank(reader))
    }
}

/// Explains why a reader does not read a line. `nearest` is the preset that reads it or gets furthest.
fn stop(reader: &Reader, nearest: Option<&Reader>, line: &[u8], reject: Reject) -> Stop {
    let reach = reader.outline.reach(line);
    let (span, expected) = reader.stop(line, &reach, reject);
    let preset = nearest.filter(|nearest| nearest.reads(line));
    let diagnosis = diagnose::diagnose(&Case {
        reader,
        line,
        span: &span,
        piece: reach.pieces,
        reject,
        preset: preset.map(|preset| preset.pattern.name()),
    });
    Stop {
        after: reader.last_name(&reach).map(str::to_owned),
        expected,
        diagnosis,
        nearest: None,
        span,
    }
}

#[cfg(test)]
mod tests;
