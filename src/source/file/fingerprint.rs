//! Fingerprints that identify a text without keeping it.
//!
//! Invariant: a fingerprint covers consumed bytes only, so a file that grows keeps the fingerprints of its consumed
//! part; the bytes of a log cannot be recovered from one.

use std::collections::BTreeMap;

use crate::model::SecretKey;
use crate::model::saved::files::{SavedEnds, SavedFingerprint};

/// Bytes at the beginning that identify a text: some lines, each with a time.
pub(super) const HEAD_BYTES: usize = 4096;

/// Bytes before the end that are compared at each read: a few lines, so that they contain times of day and are found
/// again in a log that was trimmed in place.
pub(super) const TAIL_BYTES: usize = 1024;

/// Least number of bytes that identify a text: fewer than in any line, more than in the rest of a partial one.
pub(super) const LEAST_BYTES: usize = 16;

/// Keyed hash of a part of a text. Compact, since every rotated file has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// Number of bytes it covers.
    pub(super) bytes: u16,
    pub(super) hash: u32,
}

impl From<SavedFingerprint> for Fingerprint {
    fn from(SavedFingerprint { bytes, hash }: SavedFingerprint) -> Self {
        Self { bytes, hash }
    }
}

impl From<Fingerprint> for SavedFingerprint {
    fn from(Fingerprint { bytes, hash }: Fingerprint) -> Self {
        Self { bytes, hash }
    }
}

/// Fingerprints of a text's beginning: of its first 16, 32, 64… bytes, and of all `bytes` of it, so that a shorter text
/// can be recognized as a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) bytes: usize,
    hashes: Box<[u32]>,
}

impl Head {
    /// Returns the fingerprints of a saved beginning; `None` if they are not those of one.
    pub(super) fn from_saved(saved: &SavedEnds) -> Option<Self> {
        let bytes = usize::from(saved.head_bytes);
        let is_whole = bytes <= HEAD_BYTES && lengths(bytes).count() == saved.head.len();
        is_whole.then(|| Self {
            bytes,
            hashes: saved.head.clone().into(),
        })
    }

    /// Returns the beginning as it is saved, without the other fingerprints of its text.
    pub(super) fn saved(&self) -> SavedEnds {
        SavedEnds {
            head_bytes: u16::try_from(self.bytes).unwrap_or(u16::MAX),
            head: self.hashes.to_vec(),
            ..SavedEnds::default()
        }
    }

    /// Returns the lengths of the parts that have a hash, ascending, and the hashes.
    pub(super) fn parts(&self) -> impl Iterator<Item = (usize, u32)> {
        lengths(self.bytes).zip(self.hashes.iter().copied())
    }

    /// Returns how many bytes of a text of `size` bytes are compared with this beginning.
    pub(super) fn compared_until(&self, size: u64) -> u64 {
        let known = usize::try_from(size).map_or(HEAD_BYTES, |size| size.min(HEAD_BYTES));
        let compared = lengths(self.bytes).take_while(|length| *length <= known);
        compared.last().unwrap_or(0) as u64
    }
}

/// Last eight bytes of an archive: checksum and size of the last member's text (RFC 1952, section 2.3.1), unless other
/// bytes follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer(pub(super) [u8; 8]);

impl Trailer {
    /// Returns whether it holds no checksum.
    pub(super) fn is_zero(self) -> bool {
        self.0 == [0; 8]
    }

    /// Returns the size of the text, modulo 2^32, if it is all in one member.
    pub(super) fn size(self) -> u64 {
        let [.., a, b, c, d] = self.0;
        u32::from_le_bytes([a, b, c, d]).into()
    }

    /// Returns whether a text of so many bytes can have this trailer, if it is all in one member.
    pub(super) fn may_end(self, size: u64) -> bool {
        self.0[4..] == size.to_le_bytes()[..4]
    }
}

/// Makes and compares fingerprints under a key.
#[derive(Clone, Debug)]
pub(super) struct Fingerprinter {
    key: SecretKey,
}

impl Fingerprinter {
    pub(super) fn new(key: SecretKey) -> Self {
        Self { key }
    }

    #[cfg(test)]
    pub(super) fn random() -> Self {
        Self::new(SecretKey::random())
    }

    /// Returns the fingerprint of these bytes.
    pub(super) fn fingerprint(&self, bytes: &[u8]) -> Fingerprint {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a part of a hash is a hash"
        )]
        let hash = self.key.hash(bytes) as u32;
        let bytes = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        Fingerprint { bytes, hash }
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

    /// Returns whether a text that begins with `bytes` is the text of `head` or its beginning.
    pub(super) fn matches(&self, bytes: &[u8], head: &Head) -> bool {
        self.beginning(bytes).matches(head)
    }

    /// Returns the beginning of a text, to compare it with many heads.
    pub(super) fn beginning<'b>(&'b self, bytes: &'b [u8]) -> Beginning<'b> {
        Beginning {
            fingerprinter: self,
            bytes,
            hashes: BTreeMap::new(),
        }
    }
}

/// Beginning of a text. Each part of it is hashed at most once, however many heads it is compared with.
#[derive(Debug)]
pub(super) struct Beginning<'b> {
    fingerprinter: &'b Fingerprinter,
    bytes: &'b [u8],
    /// By the length of the part.
    hashes: BTreeMap<usize, u32>,
}

impl Beginning<'_> {
    /// Returns whether the text is that of `head` or its beginning. False for heads too short to identify a text.
    pub(super) fn matches(&mut self, head: &Head) -> bool {
        let known = self.bytes.len();
        let (length, hash) = if head.bytes <= known {
            (head.bytes, head.hashes.last())
        } else {
            let Some(index) = (known / LEAST_BYTES).checked_ilog2() else {
                return false;
            };
            (LEAST_BYTES << index, head.hashes.get(index as usize))
        };
        if head.bytes < LEAST_BYTES {
            return false;
        }
        let (fingerprinter, bytes) = (self.fingerprinter, self.bytes);
        let own = self.hashes.entry(length);
        let own = own.or_insert_with(|| fingerprinter.fingerprint(&bytes[..length]).hash);
        hash == Some(own)
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
    fn fingerprints_are_those_of_siphash_1_3_under_the_key() {
        let key = SecretKey([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
        let text: Vec<u8> = (0..15).collect();
        // The value is that of another implementation.
        let found = Fingerprinter::new(key).fingerprint(&text);
        assert_eq!((found.bytes, found.hash), (15, 0x2a51_9956));
    }

    #[test]
    fn a_text_is_recognized_by_its_beginning() {
        let fingerprinter = Fingerprinter::random();
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
            Fingerprinter::random().head(&text),
            Fingerprinter::random().head(&text),
            "each has another key"
        );
    }
}
