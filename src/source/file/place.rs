//! What was known of a path at the last discovery.
//!
//! Invariant: two looks compare equal exactly if there is nothing to tell about the second.

use std::io;
use std::path::Path;

use super::discover::{self, is_absence};
use super::fs::{FileError, Fs, Kind, Meta};
use super::identity::FileId;

/// A path the last discovery found.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) place: Place,
    /// How far the file had got when the path was first seen, if it was there from the first and
    /// could not be opened yet.
    pub(super) size_at_first: Option<u64>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Leads(FileId),
    Not(Trouble),
}

/// Why a path leads to no file that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Missing,
    NotRegular(Kind),
    Io(io::ErrorKind),
}

impl Place {
    /// Whether nothing stands there, or one can't see what.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Not(Trouble::Missing | Trouble::Io(_)))
    }
}

impl From<&Result<Meta, FileError>> for Place {
    fn from(seen: &Result<Meta, FileError>) -> Self {
        match seen {
            Ok(meta) => Self::Leads(meta.id),
            Err(error) => Self::Not(error.into()),
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

/// Whether `path` leads to this file, or one can't see where it leads.
pub(super) fn may_lead<F: Fs>(fs: &F, path: &Path, id: FileId) -> bool {
    match Place::from(&discover::stat(fs, path)) {
        Place::Leads(other) => other == id,
        Place::Not(trouble) => matches!(trouble, Trouble::Io(_)),
    }
}
