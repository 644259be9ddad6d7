//! The outcome of reading a line whose end is not known yet.

use super::Reject;

/// The first line of a text, as far as [`Pattern::parse_ahead`](super::Pattern::parse_ahead) can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// The line ends after `length` bytes, at a newline or at the text's end.
    Line {
        /// Bytes of the line, without its newline.
        length: usize,
        /// Success if the record holds the line's values.
        outcome: Result<(), Reject>,
    },
    /// The fast way cannot read the line. The record may hold wrong values.
    Undecided,
}

impl Ahead {
    /// Returns a line of this length, or [`Ahead::Undecided`] without one.
    #[inline]
    pub(super) fn from_length(length: Option<usize>, outcome: Result<(), Reject>) -> Self {
        match length {
            Some(length) => Self::Line { length, outcome },
            None => Self::Undecided,
        }
    }
}
