//! Reports read failures of open files.
//!
//! Invariant: a failure is reported once, and so is its end.

use std::io;
use std::path::Path;

use super::event::FileEvent;
use super::fs::FileError;

/// Kind of the failure reported last, if it persists.
#[derive(Debug, Default)]
pub(super) struct ReadFault(Option<io::ErrorKind>);

impl ReadFault {
    /// Returns whether the last read failed.
    pub(super) fn is_present(&self) -> bool {
        self.0.is_some()
    }

    /// Records the outcome of a read of the file at `path`. Returns an event if the outcome is of another kind than the
    /// previous one.
    pub(super) fn note(&mut self, path: &Path, error: Option<&io::Error>) -> Option<FileEvent> {
        let fault = error.map(io::Error::kind);
        let before = std::mem::replace(&mut self.0, fault);
        if before == fault {
            return None;
        }
        let path = path.to_path_buf();
        Some(match error {
            Some(error) => {
                let error = FileError::Io(copy_of(error));
                FileEvent::Unreadable { path, error }
            }
            None => FileEvent::Readable { path },
        })
    }
}

/// Returns an error of the same code or kind; [`io::Error`] is not `Clone`.
fn copy_of(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
