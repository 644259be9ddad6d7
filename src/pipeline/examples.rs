//! Remembers which lines of a text were rejected first, so that a person can examine them.
//!
//! Invariant: only numbers and hashes of lines are kept. The examples of a text are among the examples of its parts, so
//! a text may be read in parts.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Largest number of examples per reason.
pub(super) const EXAMPLES: usize = 3;

/// A rejected line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectExample {
    /// The reason.
    pub reason: &'static str,
    /// Number of lines of the text before it.
    pub before: u64,
    /// Hash of the line; `None` for an over-long one, whose text may be unknown.
    hash: Option<u64>,
}

/// The first different lines that were rejected for each reason.
#[derive(Debug, Default)]
pub struct RejectExamples {
    found: Vec<RejectExample>,
    /// Number of lines counted before the text.
    start: u64,
}

impl RejectExamples {
    /// Begins a text; `start` lines were counted before it.
    pub(super) fn begin(start: u64) -> Self {
        Self {
            found: Vec::new(),
            start,
        }
    }

    /// Returns the examples in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &RejectExample> {
        self.found.iter()
    }

    /// Adds a rejected line, unless there are enough for its reason or a line like it is known. Returns whether it was added.
    pub fn add(&mut self, example: RejectExample) -> bool {
        let is_known = |known: &RejectExample| known.hash.is_some() && known.hash == example.hash;
        let is_new = self.has_room(example.reason) && !self.found.iter().any(is_known);
        if is_new {
            self.found.push(example);
        }
        is_new
    }

    /// Adds a line as [`Self::add`] does; `text` is `None` for an over-long line. `lines` returns the number of lines counted
    /// before it.
    pub(super) fn note(
        &mut self,
        reason: &'static str,
        text: Option<&[u8]>,
        lines: impl FnOnce() -> u64,
    ) {
        if self.has_room(reason) {
            let hash = text.map(|text| {
                let mut hasher = DefaultHasher::new();
                (reason, text).hash(&mut hasher);
                hasher.finish()
            });
            let before = lines() - self.start;
            self.add(RejectExample {
                reason,
                before,
                hash,
            });
        }
    }

    fn has_room(&self, reason: &str) -> bool {
        let same = self.found.iter().filter(|known| known.reason == reason);
        same.count() < EXAMPLES
    }
}
