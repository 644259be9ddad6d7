//! Followed files that wait for a descriptor.
//!
//! Invariant: their number is reported when some wait, and again once it has doubled.

use std::path::PathBuf;

use crate::source::file::event::FileEvent;
use crate::source::file::fs::Meta;

/// Followed files that wait for a descriptor.
#[derive(Debug, Default)]
pub(in crate::source::file) struct Waiting {
    /// The latest last.
    files: Vec<WaitingFile>,
    /// Number of files in the last event about them.
    reported: usize,
    /// Bytes in the files that could not be opened for another reason.
    pub(in crate::source::file) refused_bytes: u64,
}

/// A followed file that is not open.
#[derive(Clone, Debug)]
pub(in crate::source::file) struct WaitingFile {
    pub(in crate::source::file) path: PathBuf,
    pub(in crate::source::file) meta: Meta,
    /// Place in the file at which its history ends.
    pub(in crate::source::file) place: Option<u64>,
    /// True if it existed at the first scan of its path.
    pub(in crate::source::file) fresh: bool,
    /// Bytes that were not read.
    pub(in crate::source::file) unread: u64,
}

impl Waiting {
    /// Returns whether no file waits.
    pub(in crate::source::file) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the number of files that wait.
    pub(in crate::source::file) fn len(&self) -> usize {
        self.files.len()
    }

    /// Takes the file that was modified last.
    pub(in crate::source::file) fn next(&mut self) -> Option<WaitingFile> {
        self.files.pop()
    }

    /// Replaces the files that wait, and reports their number if it differs much from the last one.
    pub(in crate::source::file) fn replace(
        &mut self,
        files: Vec<WaitingFile>,
        limit: usize,
        events: &mut dyn FnMut(FileEvent),
    ) {
        self.files = files;
        self.files.sort_by_key(|file| file.meta.modified);
        let number = self.files.len();
        if number > 2 * self.reported {
            self.reported = number;
            if let Some(last) = self.files.last() {
                events(FileEvent::Waiting {
                    path: last.path.clone(),
                    files: number as u64,
                    limit: limit as u64,
                });
            }
        }
    }

    pub(in crate::source::file) fn clear(&mut self) {
        self.files.clear();
    }

    /// Returns the number of bytes that were not read in files that are not open.
    pub(in crate::source::file) fn unread(&self) -> u64 {
        let waiting: u64 = self.files.iter().map(|file| file.unread).sum();
        waiting + self.refused_bytes
    }
}
