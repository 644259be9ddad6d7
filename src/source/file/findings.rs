//! Weighs what known texts say about the text of a file.
//!
//! Invariant: pure. A text that is all there outweighs a longer one of which the file is a part, if it is later and the
//! longer one was not compared beyond it; but the file is given the time to go on as the longer one does.

use super::finished::Age;
use super::marks::WINDOW;
use crate::model::GenerationId;

/// Judgment about the text of a file in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgment {
    /// None of it is known.
    Unknown,
    /// The text before `end` is known. `other` is the file without a name that holds it, and the end of it there.
    Known {
        end: u64,
        other: Option<(GenerationId, u64)>,
    },
    /// All of it is a part of a known text, so far. If it does not go on as that one does, the text before `end` is known.
    Part { of: Part, end: u64 },
    /// The comparison takes longer than one step.
    Unfinished,
    /// Another file holds the text too, and did not read it yet.
    Held,
}

/// A file that is a part of a known text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It took the place of the file with that text, or has a name of its own: it is known as long as it does not grow.
    OfKnown,
    /// It may be a new log that begins as the former one did: it is read, unless it soon turns out to hold all of that
    /// text.
    OfFormer,
}

/// Known texts that a file holds, or is a part of.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The end in the file of the longest text that is all there, and the age of that.
    known: Option<(u64, Age)>,
    /// The first of the longer texts.
    part: Option<Part>,
    /// Up to which places the file is the same as longer texts, and the ages of these.
    longer: Vec<(u64, Age)>,
}

impl Findings {
    /// Notes a text that is all there, and ends at `end`.
    pub(super) fn note_known(&mut self, end: u64, age: Age) {
        self.known = self.known.max(Some((end, age)));
    }

    /// Notes a longer text that is the same up to `compared`, as far as it can be compared.
    pub(super) fn note_part(&mut self, of: Part, compared: u64, age: Age) {
        self.part.get_or_insert(of);
        self.longer.push((compared, age));
    }

    /// Returns whether a longer text was noted.
    pub(super) fn is_part(&self) -> bool {
        self.part.is_some()
    }

    /// Drops the longer texts: the file does not prove anything.
    pub(super) fn forget_parts(&mut self) {
        self.part = None;
    }

    /// Returns the judgment about a file of `size` bytes.
    pub(super) fn judgment(self, size: u64) -> Judgment {
        let Some(of) = self.part else {
            return self.known.map_or(Judgment::Unknown, |(end, _)| {
                let other = None;
                Judgment::Known { end, other }
            });
        };
        let end = match (of, self.known) {
            (Part::OfFormer, known) => known.map_or(0, |(end, _)| end),
            (Part::OfKnown, Some((end, age)))
                if !(self.longer.iter()).any(|longer| outweighs(*longer, (end, age))) =>
            {
                end
            }
            (Part::OfKnown, _) => size,
        };
        Judgment::Part { of, end }
    }
}

/// Returns whether a longer text, which is the same up to a place, outweighs one that is all there and ends at another: it
/// is later, or was compared beyond that end. A few bytes there prove nothing: many lines begin alike.
pub(super) fn outweighs((compared, longer): (u64, Age), (end, known): (u64, Age)) -> bool {
    is_beyond(compared, end) || known < longer
}

/// Returns whether a text that is the same up to `compared` goes on in the same way behind `end`.
pub(super) fn is_beyond(compared: u64, end: u64) -> bool {
    compared >= end.saturating_add(WINDOW as u64)
}
