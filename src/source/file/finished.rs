//! Consumed texts, as they enter the history and as they are compared with a file.
//!
//! Invariant: a text is described by fingerprints and numbers; none of its bytes is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fingerprint::{Fingerprint, Trailer};
use super::fs::Meta;
use super::marks::Ends;

/// A file that was consumed and closed.
#[derive(Clone, Debug)]
pub(super) struct FinishedFile {
    /// Followed path that the text belongs to.
    pub(super) base: PathBuf,
    /// Path under which the file was seen last.
    pub(super) path: PathBuf,
    pub(super) ends: Ends,
    /// Bytes of the text that were counted or skipped.
    pub(super) consumed: u64,
    /// The file that holds the text; `None` if it is gone or holds other text.
    pub(super) holder: Option<Meta>,
    /// True if the file is an archive that was read to its end, so it does not grow.
    pub(super) is_whole: bool,
    /// True if the text was not written to the followed path while that was followed, and nor is what it grows by.
    pub(super) is_past: bool,
    /// Last bytes of an archive that was not decoded: it existed before its path was followed, and all of its text is
    /// history.
    pub(super) trailer: Option<Trailer>,
    /// True if the file is still at its followed path, and was closed for want of descriptors.
    pub(super) is_parked: bool,
    /// Bytes after `consumed` of a line that had no end when its file was history: it is a line once it is complete.
    pub(super) partial: u64,
    /// Moment in which the text was first seen; 0 if it was there before, or is that of an archive.
    pub(super) begun: u64,
}

/// A consumed text that a file may hold.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) base: Arc<Path>,
    pub(super) consumed: u64,
    /// The last place of the text, as far as the file goes, that can be compared, and the fingerprint of the bytes before it.
    /// `None` if all that both have was compared.
    pub(super) last: Option<(u64, Fingerprint)>,
    /// Up to which place it is the same then.
    pub(super) compared: u64,
    pub(super) age: Age,
}

/// Age of a consumed text: the moment in which it was first seen, and the number of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age(pub(super) u64, pub(super) u64);

impl Age {
    /// The age of what an open file holds: it is later than all records.
    pub(super) const PRESENT: Self = Self(u64::MAX, u64::MAX);
}
