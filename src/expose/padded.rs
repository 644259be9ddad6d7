//! Texts that are copied again and again.
//!
//! Invariant: a copy is whole, and what it writes behind the text is overwritten or cut off.

/// Bytes that are copied at once. Copies of a few constant lengths are a few instructions; copying a text by its own
/// length would be a call.
const CHUNK: usize = 32;

/// A text, padded to whole chunks.
#[derive(Debug, Default)]
pub(super) struct Padded {
    chunks: Vec<[u8; CHUNK]>,
    length: usize,
}

impl Padded {
    /// Replaces the text by these parts.
    pub(super) fn set(&mut self, parts: &[&[u8]]) {
        self.length = parts.iter().map(|part| part.len()).sum();
        self.chunks.clear();
        self.chunks.resize(self.length.div_ceil(CHUNK), [0; CHUNK]);
        let mut rest = self.chunks.as_flattened_mut();
        for part in parts {
            let (place, behind) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = behind;
        }
    }

    /// Returns the bytes that a copy writes, padding included.
    pub(super) fn size(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// Writes the text at an offset that has room for the padding too; returns the end of the text.
    #[inline]
    pub(super) fn put(&self, out: &mut [u8], at: usize) -> usize {
        let (places, _) = out[at..][..self.size()].as_chunks_mut();
        for (place, chunk) in places.iter_mut().zip(&self.chunks) {
            *place = *chunk;
        }
        at + self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn copies_one_behind_the_other_are_the_texts(texts in proptest::collection::vec("[a-z]{0,100}", 0..10)) {
            let mut padded = Padded::default();
            let (mut out, mut at) = (vec![0; 2_000], 0);
            for text in &texts {
                let (one, two) = text.as_bytes().split_at(text.len() / 2);
                padded.set(&[one, two]);
                prop_assert!(padded.size() >= text.len());
                at = padded.put(&mut out, at);
            }
            prop_assert_eq!(&String::from_utf8_lossy(&out[..at]), &texts.concat());
        }
    }
}
