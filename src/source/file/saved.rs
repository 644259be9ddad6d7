//! Values of a checkpoint, and what keeps a source from being resumed.
//!
//! Invariant: a checkpoint is untrusted. A number from it that is used in a sum is below [`MOST`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::fs::{FileId, Kind, Meta};
use crate::model::saved::files::{SavedFileId, SavedFilePath, SavedMeta};

/// Largest number that is accepted: sums of some of them do not overflow, and no file is so long.
const MOST: u64 = 1 << 60;

/// Reason why the saved state of a source cannot be what a source saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SavedFilesFault {
    /// A number is too large, or contradicts another one.
    #[error("the saved position in followed files has a number that is impossible")]
    Number,
    /// A path, a file or a record is there twice, or in another place than it should be.
    #[error("the saved position in followed files has an entry twice, or in a wrong place")]
    Sequence,
    /// Fingerprints are not those of a text.
    #[error("the saved position in followed files has fingerprints that are not those of a text")]
    Text,
}

/// Returns a number if it is not too large.
pub(super) fn checked(number: u64) -> Result<u64, SavedFilesFault> {
    if number > MOST {
        return Err(SavedFilesFault::Number);
    }
    Ok(number)
}

/// Returns a number if it is not too large, or if it is [`u64::MAX`], which stands for none.
pub(super) fn checked_or_none(number: u64) -> Result<u64, SavedFilesFault> {
    if number == u64::MAX {
        return Ok(number);
    }
    checked(number)
}

/// Returns a path as it is saved.
pub(super) fn saved_path(path: &Path) -> SavedFilePath {
    path.as_os_str().as_bytes().to_vec()
}

/// Returns a saved path.
pub(super) fn path_of(saved: &SavedFilePath) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(saved))
}

/// Returns a time as it is saved.
pub(super) fn saved_time(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(MOST)
}

/// Returns a saved time.
pub(super) fn time_of(saved: u64) -> Result<Duration, SavedFilesFault> {
    Ok(Duration::from_nanos(checked(saved)?))
}

impl From<FileId> for SavedFileId {
    fn from(FileId { dev, ino, born }: FileId) -> Self {
        Self { dev, ino, born }
    }
}

impl From<SavedFileId> for FileId {
    fn from(SavedFileId { dev, ino, born }: SavedFileId) -> Self {
        Self { dev, ino, born }
    }
}

impl From<Meta> for SavedMeta {
    fn from(meta: Meta) -> Self {
        Self {
            id: meta.id.into(),
            size: meta.size,
            modified: meta.modified,
        }
    }
}

impl TryFrom<SavedMeta> for Meta {
    type Error = SavedFilesFault;

    fn try_from(saved: SavedMeta) -> Result<Self, SavedFilesFault> {
        Ok(Self {
            id: saved.id.into(),
            size: checked(saved.size)?,
            kind: Kind::Regular,
            modified: saved.modified,
        })
    }
}
