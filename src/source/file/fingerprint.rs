//! Fingerprints that identify a text without keeping it.
//!
//! Invariant: a fingerprint covers consumed bytes only, so a file that grows keeps the fingerprints of its consumed
//! part; the bytes of a log cannot be recovered from one.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

/// Bytes at the beginning that identify a text: some lines, each with a time.
pub(super) const HEAD_BYTES: usize = 4096;

/// Least number of bytes that identify a text: fewer than in any line, more than in the rest of a partial one.
pub(super) const LEAST_BYTES: usize = 16;

/// Keyed hash of a part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// Number of bytes it covers.
    pub(super) bytes: usize,
    hash: u64,
}

/// Fingerprints of a text's beginning: of its first 16, 32, 64… bytes, and of all `bytes` of it, so that a shorter text
/// can be recognized as a part of it. Compact, since every rotated file has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) bytes: usize,
    hashes: Box<[u64]>,
}

/// Fingerprints of both ends of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Fingerprints of the first bytes.
    pub(super) head: Head,
    /// Fingerprint of the last bytes.
    pub(super) tail: Fingerprint,
}

/// Makes and compares fingerprints under a random key.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprinter {
    key: RandomState,
}

impl Fingerprinter {
    /// Returns the fingerprint of these bytes.
    pub(super) fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        let mut hasher = self.key.build_hasher();
        hasher.write(bytes);
        Fingerprint {
            bytes: bytes.len(),
            hash: hasher.finish(),
        }
    }

    /// Returns the fingerprints of a text that begins with these bytes.
    pub(super) fn head(&self, bytes: &[u8]) -> Head {
        let bytes = &bytes[..bytes.len().min(HEAD_BYTES)];
        let hash = |length| self.fingerprint(&bytes[..length]).hash;
        Head {
            bytes: bytes.len(),
            hashes: lengths(bytes.len()).map(hash).collect(),
        }
    }

    /// Returns the fingerprints of a text with these first and last bytes.
    pub(super) fn ends(&self, head: &[u8], tail: &[u8]) -> Ends {
        Ends {
            head: self.head(head),
            tail: self.fingerprint(tail),
        }
    }

    /// Returns whether a text that begins with `bytes` is the text of `head` or its beginning. False for heads too short to
    /// identify a text.
    pub(super) fn matches(&self, bytes: &[u8], head: &Head) -> bool {
        if head.bytes < LEAST_BYTES {
            return false;
        }
        let parts = lengths(head.bytes).zip(&head.hashes);
        let covered = parts.take_while(|(length, _)| *length <= bytes.len());
        covered
            .last()
            .is_some_and(|(length, hash)| self.fingerprint(&bytes[..length]).hash == *hash)
    }
}

/// Returns the lengths of the parts of a beginning that have a fingerprint, ascending.
fn lengths(bytes: usize) -> impl Iterator<Item = usize> {
    let parts = std::iter::successors(Some(LEAST_BYTES), |length| length.checked_mul(2));
    let parts = parts.take_while(move |length| *length < bytes);
    parts.chain((bytes > 0).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_recognized_by_its_beginning() {
        let fingerprinter = Fingerprinter::default();
        let text: Vec<u8> = (0..=250).cycle().take(6_000).collect();
        let check = |known: usize, given: &[u8], expected: bool| {
            let head = fingerprinter.head(&text[..known]);
            assert_eq!(head.bytes, known.min(HEAD_BYTES));
            let given = &given[..given.len().min(HEAD_BYTES)];
            assert_eq!(
                fingerprinter.matches(given, &head),
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
            Fingerprinter::default().head(&text),
            Fingerprinter::default().head(&text),
            "each has another key"
        );
    }
}
