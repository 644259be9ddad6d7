//! The file that a path leads to, or the reason why it cannot be read.
//!
//! Invariant: two scans compare equal exactly if there is nothing to report about the second.

use std::io;
use std::path::Path;

use crate::source::file::fs::{FileError, FileId, Fs, Kind, Meta};

/// The regular file that a path leads to, or why it does not lead to one.
pub(crate) type Place = Result<FileId, Trouble>;

/// The reason for which a path does not lead to a readable file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    Missing,
    NotRegular(Kind),
    Io(io::ErrorKind),
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
pub(crate) fn stat<F: Fs>(fs: &F, path: &Path) -> Result<Meta, FileError> {
    let meta = fs.stat(path)?;
    match meta.kind {
        Kind::Regular => Ok(meta),
        other => Err(FileError::NotRegular(other)),
    }
}

/// Reduces the outcome of [`stat`] to the part that two scans compare.
pub(crate) fn place(seen: &Result<Meta, FileError>) -> Place {
    seen.as_ref().map(|meta| meta.id).map_err(Trouble::from)
}

/// Returns whether `path` leads to this file, or may do so because it cannot be checked.
pub(crate) fn may_lead<F: Fs>(fs: &F, path: &Path, id: FileId) -> bool {
    match place(&stat(fs, path)) {
        Ok(other) => other == id,
        Err(trouble) => matches!(trouble, Trouble::Io(_)),
    }
}

/// Returns whether the error means that nothing is there, rather than that it cannot be checked.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
