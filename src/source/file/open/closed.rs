//! Files that were open when the state was saved, and are not now.
//!
//! Invariant: plain data; each of them is to be opened again, or was found to be gone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::generation::Generation;
use crate::source::file::consumed::Consumed;
use crate::source::file::fs::{FileId, Meta};
use crate::source::file::marks::Ends;

/// Files that were open when the state was saved, and are to be opened again.
#[derive(Debug, Default)]
pub(in crate::source::file) struct Closed {
    pub(in crate::source::file) files: Vec<Generation<()>>,
    pub(in crate::source::file) archives: Vec<ClosedArchive>,
    /// Time of the first attempt to open them.
    pub(in crate::source::file) since: Option<Duration>,
}

/// An archive that is to be opened again.
#[derive(Debug)]
pub(in crate::source::file) struct ClosedArchive {
    pub(in crate::source::file) meta: Meta,
    pub(in crate::source::file) path: PathBuf,
    pub(in crate::source::file) base: PathBuf,
    pub(in crate::source::file) ends: Ends,
    pub(in crate::source::file) offset: u64,
}

impl Closed {
    pub(in crate::source::file) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.archives.is_empty()
    }

    /// Gives a device another number.
    pub(in crate::source::file) fn renumber(&mut self, old: u64, new: u64) {
        let files = self.files.iter_mut().map(|own| &mut own.file_id);
        let archives = self.archives.iter_mut().map(|own| &mut own.meta.id);
        let ids = files.chain(archives);
        ids.filter(|id| id.dev == old).for_each(|id| id.dev = new);
    }

    /// Returns the identities of the files.
    pub(super) fn file_ids(&self) -> impl Iterator<Item = FileId> {
        let files = self.files.iter().map(|own| own.file_id);
        files.chain(self.archives.iter().map(|own| own.meta.id))
    }

    /// Returns whether a file is to be opened again that had this path, or belongs to it.
    pub(in crate::source::file) fn awaits_file(&self, path: &Path) -> bool {
        let mut files = self.files.iter();
        files.any(|own| own.path == path || own.base == path)
    }

    /// Returns whether a file or an archive is to be opened again that belongs to this path.
    pub(in crate::source::file) fn awaits(&self, base: &Path) -> bool {
        self.awaits_file(base) || self.archives.iter().any(|own| own.base == base)
    }
}

/// Text of a file that is gone.
#[derive(Debug)]
pub(in crate::source::file) struct Former {
    pub(in crate::source::file) path: PathBuf,
    pub(in crate::source::file) consumed: Consumed,
}
