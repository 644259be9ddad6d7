//! What a source has to say besides its lines.
//!
//! Invariant: an event is told once per change of state, and holds paths and numbers, never what
//! a log says.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::fs::FileError;
use crate::model::GenerationId;

/// Every value of [`FileEvent::gap_reason`].
pub const FILE_GAP_REASONS: [&str; 3] = ["archive", "copytruncate", "truncated"];

/// A change of what is being read. [`fmt::Display`] is one line.
#[derive(Debug)]
pub enum FileEvent {
    /// Reading of a file begins; its position is `offset` until its first batch moves it.
    Opened {
        /// Where the file was found.
        path: PathBuf,
        /// Its name from now on.
        generation: GenerationId,
        /// Where reading begins.
        offset: u64,
    },
    /// The path leads to another file, or to none. What it led to is read on: until it is quiet,
    /// or like any other file if another followed path leads to it.
    Rotated {
        /// The path that led to the file.
        path: PathBuf,
        /// The file that was there.
        generation: GenerationId,
        /// The path under which the file is followed now.
        moved_to: Option<PathBuf>,
    },
    /// A file no path leads to was read to its end, stayed quiet and was closed. Its position is
    /// of no more use.
    Finished {
        /// Where the file was last found.
        path: PathBuf,
        /// The file.
        generation: GenerationId,
        /// Its size.
        offset: u64,
    },
    /// A file became shorter, or holds something else now where it was read. It is read on from
    /// `resume`, which is its position until a batch moves it.
    Truncated {
        /// Where the file is.
        path: PathBuf,
        /// The file.
        generation: GenerationId,
        /// How far it had been read.
        offset: u64,
        /// Bytes known to have stood after `offset` that are gone: lost.
        unread: u64,
        /// Where reading goes on: 0, or less than `offset` if a part of what was read is still there,
        /// or `offset` if all of it is.
        resume: u64,
        /// The copy that was made of it before, which is read on from `offset`: nothing is lost but
        /// what was written between the copying and the truncation.
        copy: Option<PathBuf>,
    },
    /// A compressed file could not be read to its end. It is read on if it changes.
    Damaged {
        /// Its path.
        path: PathBuf,
        /// The file.
        generation: GenerationId,
        /// How far its text was read.
        offset: u64,
        /// Why.
        error: io::Error,
    },
    /// The path leads nowhere, or the pattern matches no file. Not an error: it may come.
    Missing {
        /// The path or the pattern.
        path: PathBuf,
    },
    /// The file or directory can't be read. It is tried again.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// A file that couldn't be read on can be again.
    Readable {
        /// Its path.
        path: PathBuf,
    },
    /// The file is no more among those to follow, and was closed.
    Dropped {
        /// Its path.
        path: PathBuf,
        /// The file.
        generation: GenerationId,
        /// Bytes it is known to hold after its position.
        unread: u64,
    },
    /// Changes don't wake the reader: they are found by looking now and then. `path` is the
    /// directory concerned; none means all.
    Unwatched {
        /// The directory.
        path: Option<PathBuf>,
        /// Why.
        error: notify::Error,
    },
}

impl FileEvent {
    /// Why lines may have been lost unseen, as the label of a metric; one of [`FILE_GAP_REASONS`].
    pub fn gap_reason(&self) -> Option<&'static str> {
        match self {
            Self::Truncated { copy: None, .. } => Some("truncated"),
            Self::Truncated { copy: Some(_), .. } => Some("copytruncate"),
            Self::Damaged { .. } => Some("archive"),
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
                write!(f, "{} was rotated", Shown(path))?;
                match moved_to {
                    Some(path) => write!(f, ", followed as {}", Shown(path)),
                    None => f.write_str(", read on until it is quiet"),
                }
            }
            Self::Finished { path, offset, .. } => {
                write!(f, "finished rotated {} at byte {offset}", Shown(path))
            }
            Self::Truncated {
                path,
                offset,
                copy: Some(copy),
                ..
            } => write!(
                f,
                "{} was truncated after {offset} bytes were read, reading on in its copy {} and from byte 0",
                Shown(path),
                Shown(copy)
            ),
            Self::Damaged {
                path,
                offset,
                error,
                ..
            } => write!(
                f,
                "{} cannot be decompressed behind byte {offset} of its text: {error}",
                Shown(path)
            ),
            Self::Truncated {
                path,
                offset,
                unread,
                resume,
                ..
            } => write!(
                f,
                "{} was truncated after {offset} bytes were read, {unread} unread ones are lost, \
                 reading on from byte {resume}",
                Shown(path)
            ),
            Self::Missing { path } => write!(f, "there is no file at {}", Shown(path)),
            Self::Unreadable { path, error } => {
                write!(f, "{} {error}{}", Shown(path), Causes(error))
            }
            Self::Readable { path } => write!(f, "{} can be read again", Shown(path)),
            Self::Dropped { path, unread, .. } => {
                write!(
                    f,
                    "{} is no longer followed, {unread} bytes are unread",
                    Shown(path)
                )
            }
            Self::Unwatched { path, error } => {
                match path {
                    Some(path) => write!(f, "{} is not watched", Shown(path))?,
                    None => f.write_str("no directory is watched")?,
                }
                write!(f, ", changes are found later: {error}{}", Causes(error))
            }
        }
    }
}

/// A path in one line, whatever bytes it holds.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.to_string_lossy().escape_debug())
    }
}

/// What lies behind an error, each level after a colon.
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
    use crate::source::file::Kind;
    use std::io;

    fn check(event: &FileEvent, expected: &str, gap: Option<&str>) {
        assert_eq!(event.to_string(), expected);
        assert_eq!(event.gap_reason(), gap);
        assert!(gap.is_none_or(|reason| FILE_GAP_REASONS.contains(&reason)));
    }

    #[test]
    fn events_are_single_lines_and_gaps_have_a_reason() {
        let path = || PathBuf::from("/log/a\nb");
        let generation = GenerationId(1);
        check(
            &FileEvent::Opened {
                path: path(),
                generation,
                offset: 7,
            },
            r"following /log/a\nb from byte 7",
            None,
        );
        check(
            &FileEvent::Rotated {
                path: path(),
                generation,
                moved_to: Some("/log/c".into()),
            },
            r"/log/a\nb was rotated, followed as /log/c",
            None,
        );
        check(
            &FileEvent::Truncated {
                path: path(),
                generation,
                offset: 7,
                unread: 3,
                resume: 0,
                copy: None,
            },
            r"/log/a\nb was truncated after 7 bytes were read, 3 unread ones are lost, reading on from byte 0",
            Some("truncated"),
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
