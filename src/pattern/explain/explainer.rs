//! Explains lines by every known pattern.

use std::cmp::Reverse;

use super::super::{Pattern, presets};
use super::foreign;
use super::outcome::{Explanation, Nearest, Outcome, Stop};
use super::reader::Reader;
use super::stop::stop;

/// Explains lines by the presets and by custom patterns.
#[derive(Debug)]
pub struct Explainer {
    /// Custom patterns first.
    pub(super) readers: Vec<Reader>,
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
        let nearest = self.furthest(line, |_| true, None)?;
        Some(nearest.nearest(line))
    }

    /// Lists the patterns that read the line, sorted by preference.
    pub fn reading(&self, line: &[u8]) -> impl Iterator<Item = &str> {
        self.readers
            .iter()
            .filter(move |reader| reader.reads(line))
            .map(|reader| reader.pattern.name())
    }

    pub(super) fn outcome(&self, reader: &Reader, line: &[u8]) -> Outcome {
        if line.len() > self.line_bytes {
            return Outcome::Stopped(Box::new(Stop {
                span: self.line_bytes..line.len(),
                after: None,
                expected: "the end of the line".to_owned(),
                diagnosis: foreign::overlong(self.line_bytes),
                nearest: None,
            }));
        }
        match reader.pattern.parse(&mut reader.pattern.scratch(), line) {
            Ok(record) => {
                let envelope = reader.envelope(line);
                let message = &line[envelope..];
                let reach = reader
                    .divided(message)
                    .unwrap_or_else(|| reader.outline.reach(message));
                let reach = reach.shifted(envelope);
                Outcome::Read(reader.values(line, &reach, &record))
            }
            Err(reject) => {
                let nearest = self.furthest(line, |other| other.is_preset, Some(reader));
                Outcome::Stopped(Box::new(stop(reader, nearest, line, reject)))
            }
        }
    }

    /// Of the wanted readers, finds the one that reads the line with the most fields, or else the one
    /// that gets furthest. Of equals, the one in the dialect of `rejecting` wins, then the first.
    fn furthest(
        &self,
        line: &[u8],
        is_wanted: impl Fn(&Reader) -> bool,
        rejecting: Option<&Reader>,
    ) -> Option<&Reader> {
        let line = &line[..line.len().min(self.line_bytes)];
        let rank = |reader: &Reader| {
            let envelope = reader.envelope(line);
            let reach = reader.outline.reach(&line[envelope..]);
            let missing = reader.outline.pieces.len() - reach.pieces;
            let fields = reader.pattern.fields().iter().count();
            let dialect = reader.pattern.dialect();
            let is_related = rejecting.is_some_and(|other| other.pattern.dialect() == dialect);
            if reader.reads(line) {
                (true, fields, Reverse(0), is_related)
            } else {
                (false, envelope + reach.at, Reverse(missing), is_related)
            }
        };
        // `max_by_key` returns the last of equals.
        let wanted = self.readers.iter().rev().filter(|reader| is_wanted(reader));
        wanted.max_by_key(|reader| rank(reader))
    }
}
