//! A few fixed bytes, compared as one number.

use crate::model::digits::word;

/// Up to [`Literal::BYTES`] bytes that a line has to hold.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    word: u64,
    /// Ones where the word has bytes.
    mask: u64,
    length: usize,
}

impl Literal {
    /// Longest literal, in bytes.
    pub(super) const BYTES: usize = 8;

    /// Packs no more than [`Literal::BYTES`] bytes.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (mut word, mut mask) = ([0; Self::BYTES], [0; Self::BYTES]);
        for ((byte, word), mask) in bytes.iter().zip(&mut word).zip(&mut mask) {
            (*word, *mask) = (*byte, 0xff);
        }
        Self {
            word: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
            length: bytes.len(),
        }
    }

    /// Returns the end of the literal if the text has it at `at`.
    #[inline]
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let end = at + self.length;
        (word(text, at) & self.mask == self.word && end <= text.len()).then_some(end)
    }

    pub(super) fn contains_newline(&self) -> bool {
        self.word.to_le_bytes()[..self.length].contains(&b'\n')
    }
}
