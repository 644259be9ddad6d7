//! Rotated files that a file which is read from its beginning goes on with.

use crate::model::GenerationId;
use crate::source::container::Carried;

/// The line that rotated files leave open, for the file that goes on with it.
pub(super) struct Carry {
    pub(super) line: Carried,
    /// The files that it is in, and what is not consumed of each.
    pub(super) files: Vec<(GenerationId, Vec<u8>)>,
}

/// State of the file that precedes one that is about to be read.
pub(super) enum Before {
    /// Nothing that it goes on with.
    Nothing,
    /// A rotated file, which is to be read first; `has_more` if that can be done at once.
    Unread { has_more: bool },
    /// A line that it goes on with.
    Line(Carry),
}
