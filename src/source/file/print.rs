//! Tells a text again without keeping it.
//!
//! Invariant: a print covers only bytes that were read and counted, so a text that grew still has the
//! prints it had; no byte of a log can be got back from one.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

/// Bytes from the beginning of a text that tell it from others. Some lines, each with its time.
pub(super) const HEAD_BYTES: usize = 4096;

/// The shortest beginning that a text is told by: less than any line, more than the end of one.
pub(super) const LEAST_BYTES: usize = 16;

/// A keyed hash of a stretch of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    /// How many bytes it covers.
    pub(super) bytes: usize,
    hash: u64,
}

/// The prints of a text's beginning: of all of it, and of its first 16, 32, 64… bytes, so that a text that
/// is shorter can be told to be a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    prints: Vec<Print>,
}

/// Makes prints under a key of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Printer {
    key: RandomState,
}

impl Head {
    /// How many bytes are known.
    pub(super) fn bytes(&self) -> usize {
        self.prints.last().map_or(0, |print| print.bytes)
    }
}

impl Printer {
    /// The print of these bytes.
    pub(super) fn print(&self, bytes: &[u8]) -> Print {
        let mut hasher = self.key.build_hasher();
        hasher.write(bytes);
        Print {
            bytes: bytes.len(),
            hash: hasher.finish(),
        }
    }

    /// The prints of a text that begins with these bytes.
    pub(super) fn head(&self, bytes: &[u8]) -> Head {
        let bytes = &bytes[..bytes.len().min(HEAD_BYTES)];
        let lengths = std::iter::successors(Some(LEAST_BYTES), |length| length.checked_mul(2));
        let parts = lengths.take_while(|length| *length < bytes.len());
        let whole = (!bytes.is_empty()).then_some(bytes.len());
        let prints = parts
            .chain(whole)
            .map(|length| self.print(&bytes[..length]));
        Head {
            prints: prints.collect(),
        }
    }

    /// The prints of a text of which nothing is known: it begins and ends with no bytes.
    pub(super) fn nothing(&self) -> (Head, Print) {
        (self.head(&[]), self.print(&[]))
    }

    /// Whether a text that begins with `bytes` is one that left this head, or a part of it. A few bytes are
    /// nobody's.
    pub(super) fn begins(&self, bytes: &[u8], head: &Head) -> bool {
        if head.bytes() < LEAST_BYTES {
            return false;
        }
        let longest = head
            .prints
            .iter()
            .rev()
            .find(|print| print.bytes <= bytes.len());
        longest.is_some_and(|print| self.print(&bytes[..print.bytes]) == *print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_beginning() {
        let printer = Printer::default();
        let text: Vec<u8> = (0..=250).cycle().take(6_000).collect();
        let check = |known: usize, given: &[u8], expected: bool| {
            let head = printer.head(&text[..known]);
            assert_eq!(head.bytes(), known.min(HEAD_BYTES));
            let given = &given[..given.len().min(HEAD_BYTES)];
            assert_eq!(
                printer.begins(given, &head),
                expected,
                "{known} {}",
                given.len()
            );
        };
        check(15, &text, false);
        for known in [16, 17, 100, 4_095, 4_096, 6_000] {
            check(known, &text, true);
            check(known, &text[..known], true);
            check(known, &text[1..], false);
            check(known, &[], false);
        }
        check(0, &text, false);
        check(100, &text[..70], true);
        check(100, &text[..15], false);
        check(100, &text[1..70], false);
        assert_ne!(
            Printer::default().head(&text),
            Printer::default().head(&text),
            "each has a key of its own"
        );
    }
}
