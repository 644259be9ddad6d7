//! What a path leads to.
//!
//! Invariant: two scans compare equal exactly if there is nothing to report about the second.

use std::io;
use std::path::Path;

use crate::source::file::fs::{FileError, FileId, Fs, Kind, Meta};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::file) enum Place {
    File(FileId),
    Trouble(Trouble),
}

/// Why a path does not lead to a readable file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::file) enum Trouble {
    Missing,
    NotRegular(Kind),
    Io(io::ErrorKind),
}

impl From<&Result<Meta, FileError>> for Place {
    fn from(seen: &Result<Meta, FileError>) -> Self {
        match seen {
            Ok(meta) => Self::File(meta.id),
            Err(error) => Self::Trouble(error.into()),
        }
    }
}

impl From<&FileError> for Trouble {
    fn from(error: &FileError) -> Self {
        match error {
            FileError::NotRegular(kind) => Self::NotRegular(*kind),
            FileError::Io(error) if is_absence(error) => Self::Missing,
            FileError::Io(error) => Self::Io(error.kind()),
        }
    }
}

/// Returns the metadata of the regular file at `path`; anything else is an error.
pub(in crate::source::file) fn stat<F: Fs>(fs: &F, path: &Path) -> Result<Meta, FileError> {
    let meta = fs.stat(path)?;
    match meta.kind {
        Kind::Regular => Ok(meta),
        other => Err(FileError::NotRegular(other)),
    }
}

/// Returns whether `path` leads to this file, or may do so because it cannot be checked.
pub(in crate::source::file) fn may_lead<F: Fs>(fs: &F, path: &Path, id: FileId) -> bool {
    match Place::from(&stat(fs, path)) {
        Place::File(other) => other == id,
        Place::Trouble(trouble) => matches!(trouble, Trouble::Io(_)),
    }
}

/// Returns whether the error means that nothing is there, rather than that it cannot be checked.
pub(in crate::source::file) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
