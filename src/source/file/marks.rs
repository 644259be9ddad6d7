//! Fingerprints at regular distances in a text, by which its parts are recognised.
//!
//! Invariant: the marks depend on the text alone, not on how it was read: they stand at the multiples of a step, which
//! doubles while the text grows so that there are fewer than [`MOST_MARKS`].

use std::io;

use super::fingerprint::{Fingerprint, Fingerprinter, Head};
use crate::model::saved::files::SavedEnds;

/// Bytes before a place that are compared there. Longer than a usual line, so that they contain a time of day.
pub(super) const WINDOW: usize = 256;
/// [`WINDOW`], as a fingerprint counts.
const WINDOW_BYTES: u16 = 256;
/// Number of marks at which the step doubles.
const MOST_MARKS: usize = 16;
/// Distance of the marks of a short text, in bytes.
const FIRST_STEP: u64 = 512;

/// Fingerprints of the [`WINDOW`] bytes before the multiples of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    step: u64,
    hashes: Vec<u32>,
}

/// Fingerprints of a text: of both ends, and of places between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Fingerprints of the first bytes.
    pub(super) head: Head,
    /// Fingerprint of the last bytes; of none if they are unknown.
    pub(super) tail: Fingerprint,
    /// Fingerprints of places before the end.
    pub(super) marks: Marks,
}

impl Fingerprinter {
    /// Returns the fingerprints of a text with these first and last bytes, without marks.
    pub(super) fn ends(&self, head: &[u8], tail: &[u8]) -> Ends {
        Ends {
            head: self.head(head),
            tail: self.fingerprint(tail),
            marks: Marks::default(),
        }
    }
}

impl Ends {
    /// Returns saved fingerprints; `None` if they are not those of a text.
    pub(super) fn from_saved(saved: &SavedEnds) -> Option<Self> {
        let marks = Marks {
            step: saved.step,
            hashes: saved.marks.clone(),
        };
        let is_step = |step: u64| step >= FIRST_STEP && step.is_power_of_two();
        let is_known = is_step(marks.step) && marks.hashes.len() < MOST_MARKS;
        let last = marks.step.checked_mul(marks.hashes.len() as u64);
        if !(marks == Marks::unknown() || is_known && last.is_some()) {
            return None;
        }
        Some(Self {
            head: Head::from_saved(saved)?,
            tail: saved.tail.into(),
            marks,
        })
    }

    /// Returns the fingerprints as they are saved.
    pub(super) fn saved(&self) -> SavedEnds {
        SavedEnds {
            tail: self.tail.into(),
            step: self.marks.step,
            marks: self.marks.hashes.clone(),
            ..self.head.saved()
        }
    }
}

impl Default for Marks {
    /// Makes the marks of an empty text.
    fn default() -> Self {
        Self {
            step: FIRST_STEP,
            hashes: Vec::new(),
        }
    }
}

impl Marks {
    /// Makes the marks of a text of `end` bytes, of which `window` returns the [`WINDOW`] bytes before an offset.
    pub(super) fn read(
        fingerprinter: &Fingerprinter,
        end: u64,
        mut window: impl FnMut(u64) -> io::Result<Vec<u8>>,
    ) -> io::Result<Self> {
        let mut step = FIRST_STEP;
        while end / step >= MOST_MARKS as u64 {
            step *= 2;
        }
        let mut marks = Self {
            step,
            hashes: Vec::new(),
        };
        while marks.next() <= end {
            let bytes = window(marks.next())?;
            if bytes.len() < WINDOW {
                // The file was cut meanwhile.
                return Ok(Self::unknown());
            }
            marks.hashes.push(fingerprinter.fingerprint(&bytes).hash);
        }
        Ok(marks)
    }

    /// Frees memory for more marks.
    pub(super) fn shrink(&mut self) {
        self.hashes.shrink_to_fit();
    }

    /// Makes the marks of a text that was not read from its start.
    fn unknown() -> Self {
        Self {
            step: u64::MAX,
            hashes: Vec::new(),
        }
    }

    /// Adds the marks of the bytes that follow. `bytes` ends with them, and begins at offset `from`: at least [`WINDOW`] bytes
    /// before them or at the start of the text.
    pub(super) fn extend(&mut self, fingerprinter: &Fingerprinter, from: u64, bytes: &[u8]) {
        let end = from + bytes.len() as u64;
        while self.next() <= end {
            let window = self.next().checked_sub(from).and_then(|until| {
                let until = usize::try_from(until).ok()?;
                bytes.get(until.checked_sub(WINDOW)?..until)
            });
            let Some(window) = window else {
                *self = Self::unknown();
                return;
            };
            self.hashes.push(fingerprinter.fingerprint(window).hash);
            if self.hashes.len() == MOST_MARKS {
                let mut is_second = true;
                self.hashes.retain(|_| {
                    is_second = !is_second;
                    is_second
                });
                self.step *= 2;
            }
        }
    }

    /// Returns the offsets of the marks, ascending.
    pub(super) fn offsets(&self) -> impl Iterator<Item = u64> {
        (1..)
            .zip(&self.hashes)
            .map(|(number, _)| number * self.step)
    }

    /// Returns the offset of the last mark of a text's first `length` bytes, and the fingerprint there.
    pub(super) fn last_within(&self, length: u64) -> Option<(u64, Fingerprint)> {
        self.until(length).last()
    }

    /// Returns the offsets of the marks of a text's first `length` bytes, ascending, and the fingerprints there.
    pub(super) fn until(&self, length: u64) -> impl Iterator<Item = (u64, Fingerprint)> {
        let marks = self.offsets().zip(&self.hashes);
        let marks = marks.take_while(move |(offset, _)| *offset <= length);
        marks.map(|(offset, hash)| {
            let (bytes, hash) = (WINDOW_BYTES, *hash);
            (offset, Fingerprint { bytes, hash })
        })
    }

    /// Returns the offset of the next mark.
    fn next(&self) -> u64 {
        self.step.saturating_mul(self.hashes.len() as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_do_not_depend_on_how_a_text_was_read() {
        let fingerprinter = Fingerprinter::random();
        let text: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
        for pieces in [1, 100, 511, 512, 8_192, 100_000, text.len()] {
            let (mut marks, mut end) = (Marks::default(), 0);
            while end < text.len() {
                let from = end - end.min(WINDOW);
                end = (end + pieces).min(text.len());
                marks.extend(&fingerprinter, from as u64, &text[from..end]);
                if end.is_multiple_of(7) || pieces > 99 {
                    let window = |at| {
                        let at = usize::try_from(at).unwrap();
                        Ok(text[at - WINDOW..at].to_vec())
                    };
                    let read = Marks::read(&fingerprinter, end as u64, window).unwrap();
                    assert_eq!(marks, read, "{pieces} {end}");
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_text_has_the_last_mark_before_its_end() {
        let text: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let mut marks = Marks::default();
        marks.extend(&Fingerprinter::random(), 0, &text);
        assert_eq!(marks.last_within(2_047), None);
        assert_eq!(marks.last_within(2_048).unwrap().0, 2_048);
        assert_eq!(marks.last_within(19_999).unwrap().0, 18_432);
        assert_eq!(marks.offsets().count(), 9);
    }
}
