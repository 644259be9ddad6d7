//! Events of followed files.
//!
//! Invariant: an event is sent once per change of state, and contains paths and numbers, never bytes of a log.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::fs::FileError;

/// Every value of [`FileEvent::gap_reason`].
pub const FILE_GAP_REASONS: [&str; 4] = ["archive", "copytruncate", "forgotten", "truncated"];

/// A change in the files being read. [`fmt::Display`] writes one line.
#[derive(Debug)]
pub enum FileEvent {
    /// A file was opened. Its position is `offset` until its first batch.
    Opened {
        /// Path at which it was found.
        path: PathBuf,
        /// Offset at which reading begins.
        offset: u64,
    },
    /// A path leads to another file than before, or to none. The file is read on: until it is quiet, or like any other
    /// if another followed path leads to it.
    Rotated {
        /// Path that led to the file.
        path: PathBuf,
        /// Path under which the file is followed now.
        moved_to: Option<PathBuf>,
    },
    /// A file that no path leads to was read to its end, stayed quiet and was closed.
    Finished {
        /// Path at which the file was last found.
        path: PathBuf,
        /// Size of the file.
        offset: u64,
    },
    /// A file became shorter, or its bytes before the offset changed. It is read on from `resume`.
    Truncated {
        /// Path of the file.
        path: PathBuf,
        /// Offset that was reached.
        offset: u64,
        /// Bytes known to have followed `offset`: lost, unless there is a copy.
        unread: u64,
        /// Offset at which reading resumes: at most `offset`, as far as the bytes before it are unchanged.
        resume: u64,
        /// Copy made before the truncation, which is read from `offset` on. Then only bytes written between the copying
        /// and the truncation are lost.
        copy: Option<PathBuf>,
    },
    /// A compressed file could not be read to its end. It is read on if it changes.
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Offset in the decompressed text that was reached.
        offset: u64,
        /// Cause.
        error: io::Error,
    },
    /// Rotated files are not read: they may be among those that were counted and of which the record was dropped, because
    /// too many stand. A file is reported once.
    Forgotten {
        /// The followed path.
        path: PathBuf,
        /// Number of the files.
        files: u64,
    },
    /// A path does not exist, or a pattern matches no file. Not an error: a file may appear.
    Missing {
        /// The path or pattern.
        path: PathBuf,
    },
    /// A file or directory cannot be read. It is tried again.
    Unreadable {
        /// Path of the file or directory.
        path: PathBuf,
        /// Cause.
        error: FileError,
    },
    /// A file that could not be read can be read again.
    Readable {
        /// Path of the file.
        path: PathBuf,
    },
    /// A file was closed because it does not match the followed paths any more.
    Dropped {
        /// Path of the file.
        path: PathBuf,
        /// Bytes known to follow the position in the file.
        unread: u64,
    },
    /// A directory cannot be watched, or none can (`None`). Changes are found by polling.
    Unwatched {
        /// The directory.
        path: Option<PathBuf>,
        /// Cause.
        error: notify::Error,
    },
}

impl FileEvent {
    /// Returns the reason why lines may have been lost, as a label value of a metric: one of [`FILE_GAP_REASONS`].
    pub fn gap_reason(&self) -> Option<&'static str> {
        match self {
            Self::Truncated { copy: None, .. } => Some("truncated"),
            Self::Truncated { copy: Some(_), .. } => Some("copytruncate"),
            Self::Damaged { .. } => Some("archive"),
            Self::Forgotten { .. } => Some("forgotten"),
            Self::Opened { .. }
            | Self::Rotated { .. }
            | Self::Finished { .. }
            | Self::Missing { .. }
            | Self::Unreadable { .. }
            | Self::Readable { .. }
            | Self::Dropped { .. }
            | Self::Unwatched { .. } => None,
        }
    }
}

impl fmt::Display for FileEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { path, offset, .. } => {
                write!(f, "following {} from byte {offset}", Shown(path))
            }
            Self::Rotated { path, moved_to, .. } => {
                write!(f, "{} was rotated; ", Shown(path))?;
                match moved_to {
                    Some(path) => write!(f, "its file is now followed as {}", Shown(path)),
                    None => f.write_str("its file is read until it is quiet"),
                }
            }
            Self::Finished { path, offset, .. } => {
                write!(f, "closed rotated {} at byte {offset}", Shown(path))
            }
            Self::Truncated {
                path,
                offset,
                copy: Some(copy),
                ..
            } => write!(
                f,
                "{} was truncated after {offset} bytes were read; continuing in its copy {}, then from byte 0",
                Shown(path),
                Shown(copy)
            ),
            Self::Truncated {
                path,
                offset,
                unread,
                resume,
                ..
            } => write!(
                f,
                "{} was truncated after {offset} bytes were read; lines that were not read are lost (at least {unread} bytes), \
                 continuing from byte {resume}",
                Shown(path)
            ),
            Self::Damaged {
                path,
                offset,
                error,
                ..
            } => write!(
                f,
                "{} cannot be decompressed beyond byte {offset} of its text: {error}",
                Shown(path)
            ),
            Self::Forgotten { path, files } => write!(
                f,
                "{files} old rotated files of {} are not read: there are too many to remember which were counted",
                Shown(path)
            ),
            Self::Missing { path } => write!(f, "no file at {}", Shown(path)),
            Self::Unreadable { path, error } => {
                write!(f, "{} {error}{}", Shown(path), Causes(error))
            }
            Self::Readable { path } => write!(f, "{} can be read again", Shown(path)),
            Self::Dropped { path, unread, .. } => {
                write!(
                    f,
                    "stopped following {}; {unread} bytes were not read",
                    Shown(path)
                )
            }
            Self::Unwatched { path, error } => {
                match path {
                    Some(path) => write!(f, "cannot watch {}", Shown(path))?,
                    None => f.write_str("cannot watch directories")?,
                }
                write!(f, ", polling instead: {error}{}", Causes(error))
            }
        }
    }
}

/// Displays a path in one line, whatever bytes it holds.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.to_string_lossy().escape_debug())
    }
}

/// Displays the causes of an error, each after a colon.
struct Causes<'a>(&'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::fs::Kind;
    use std::io;

    fn check(event: &FileEvent, expected: &str, gap: Option<&str>) {
        assert_eq!(event.to_string(), expected);
        assert_eq!(event.gap_reason(), gap);
        assert!(gap.is_none_or(|reason| FILE_GAP_REASONS.contains(&reason)));
    }

    #[test]
    fn events_are_single_lines_and_gaps_have_a_reason() {
        let path = || PathBuf::from("/log/a\nb");
        check(
            &FileEvent::Opened {
                path: path(),
                offset: 7,
            },
            r"following /log/a\nb from byte 7",
            None,
        );
        check(
            &FileEvent::Rotated {
                path: path(),
                moved_to: Some("/log/c".into()),
            },
            r"/log/a\nb was rotated; its file is now followed as /log/c",
            None,
        );
        check(
            &FileEvent::Truncated {
                path: path(),
                offset: 7,
                unread: 3,
                resume: 0,
                copy: None,
            },
            r"/log/a\nb was truncated after 7 bytes were read; lines that were not read are lost (at least 3 bytes), continuing from byte 0",
            Some("truncated"),
        );
        check(
            &FileEvent::Forgotten {
                path: path(),
                files: 12,
            },
            r"12 old rotated files of /log/a\nb are not read: there are too many to remember which were counted",
            Some("forgotten"),
        );
        check(
            &FileEvent::Unreadable {
                path: path(),
                error: FileError::NotRegular(Kind::Fifo),
            },
            r"/log/a\nb is a FIFO, not a regular file",
            None,
        );
        check(
            &FileEvent::Unreadable {
                path: path(),
                error: FileError::Io(io::Error::from_raw_os_error(13)),
            },
            r"/log/a\nb cannot be read: Permission denied (os error 13)",
            None,
        );
    }
}
