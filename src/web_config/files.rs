//! The files that a web configuration consists of, as they were when they were read.
//!
//! Invariant: a file's stamp is taken before the file is read, so that a later change is noticed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::text_file::{self, Accept, ReadError, Stamp};

/// Age from which a file's stamp tells whether it has changed. Within the granularity of the clock of a file system, it may
/// change without a trace.
const SETTLED: Duration = Duration::from_secs(1);

/// The stamps of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

/// Reads files and stamps them.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) stamps: Stamps,
}

impl Files {
    /// Reads a file.
    pub(super) fn read(&mut self, path: &Path, accept: Accept) -> Result<Vec<u8>, ReadError> {
        let stamp = Stamp::of(path);
        self.stamps.0.push((path.to_owned(), stamp));
        text_file::read_file(path, accept)
    }
}

impl Stamps {
    /// Returns whether no file has changed.
    pub fn are_current(&self) -> bool {
        self.0.iter().all(|(path, stamp)| Stamp::of(path) == *stamp)
    }

    /// Returns whether a change after this time cannot have been missed.
    pub fn are_settled(&self, now: SystemTime) -> bool {
        let since = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let latest = self.0.iter().filter_map(|(_, stamp)| stamp.as_ref());
        let latest = latest.map(|stamp| stamp.modified.max(stamp.changed)).max();
        latest.is_none_or(|(seconds, _)| {
            let at = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            // Also for a file of the future: its time tells nothing.
            at + SETTLED < since
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_appears_or_is_replaced_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.yml");
        let mut files = Files::default();
        assert!(files.read(&path, Accept::Regular).is_err());
        assert!(files.stamps.are_current());
        std::fs::write(&path, "a").unwrap();
        assert!(!files.stamps.are_current());
        let mut files = Files::default();
        assert_eq!(files.read(&path, Accept::Regular).unwrap(), b"a");
        assert!(files.stamps.are_current());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(dir.path().join("other"), "x").unwrap();
        std::fs::write(&path, "a").unwrap();
        assert!(!files.stamps.are_current());
    }

    #[test]
    fn a_stamp_settles_after_two_seconds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.yml");
        std::fs::write(&path, "a").unwrap();
        let mut files = Files::default();
        files.read(&path, Accept::Regular).unwrap();
        let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert!(!files.stamps.are_settled(changed));
        assert!(files.stamps.are_settled(changed + Duration::from_secs(3)));
    }
}
