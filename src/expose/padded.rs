//! Short texts that are copied again and again.
//!
//! Invariant: a copy is the text alone.

/// Bytes that are copied at once. A copy of a constant length is a few instructions; one of any length is a call.
const CHUNK: usize = 32;

/// A text, padded to whole chunks.
#[derive(Debug)]
pub(super) struct Padded {
    chunks: Box<[[u8; CHUNK]]>,
    length: usize,
}

impl Padded {
    /// Pads a text.
    pub(super) fn new(text: &[u8]) -> Self {
        let chunks = text.chunks(CHUNK).map(|chunk| {
            let mut padded = [0; CHUNK];
            padded[..chunk.len()].copy_from_slice(chunk);
            padded
        });
        Self {
            chunks: chunks.collect(),
            length: text.len(),
        }
    }

    /// Appends the text.
    #[inline]
    pub(super) fn push_to(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.length;
        for chunk in &self.chunks {
            out.extend_from_slice(chunk);
        }
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn copies_one_behind_the_other_are_the_texts(texts in proptest::collection::vec("[a-z]{0,100}", 0..10)) {
            let mut out = Vec::new();
            for text in &texts {
                Padded::new(text.as_bytes()).push_to(&mut out);
            }
            prop_assert_eq!(String::from_utf8(out).unwrap(), texts.concat());
        }
    }
}
