//! Whether a file that is open can be read.
//!
//! Invariant: that it can't is told once, and so is that it can be again.

use std::io;
use std::path::Path;

use super::fs::FileError;
use crate::source::FileEvent;

/// Why a file can't be read, if that was told.
#[derive(Debug, Default)]
pub(super) struct ReadFault(Option<io::ErrorKind>);

impl ReadFault {
    /// Takes note of how reading went; says what there is to tell.
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

/// The same error, as far as it can be told.
fn copy_of(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
