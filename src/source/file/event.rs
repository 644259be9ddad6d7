//! Events of followed files.
//!
//! Invariant: an event is sent once per change of state, and contains paths and numbers, never bytes of a log.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::fs::FileError;
use super::shown::{AtLeast, Causes, Shown, Were};
use crate::model::{Gap, GapBound, GapReason, counted, plural};

/// A compressed file is damaged. The text behind the damage, and its size, are unknown.
const ARCHIVE: GapReason = reason("archive", &[]);
/// A file was truncated, and its copy was found. Lines written after the copying are lost; their number is unknown.
const COPYTRUNCATE: GapReason = reason("copytruncate", &[GapBound::Min]);
/// A file was gone after a restart, and its text was not found elsewhere. Lines written to it since the last read are lost.
const DELETED: GapReason = reason("deleted", &[GapBound::Min]);
/// Old rotated files are not read. They were counted, unless they were never read.
const FORGOTTEN: GapReason = reason("forgotten", &[GapBound::Max]);
/// A file was truncated, and no copy was found. Lines written since the last read are lost; their number is unknown.
const TRUNCATED: GapReason = reason("truncated", &[GapBound::Min]);

/// All reasons of [`FileEvent::gap`].
pub const FILE_GAP_REASONS: [GapReason; 5] = [ARCHIVE, COPYTRUNCATE, DELETED, FORGOTTEN, TRUNCATED];

const fn reason(name: &'static str, bounds: &'static [GapBound]) -> GapReason {
    GapReason { name, bounds }
}

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
    /// Many files were opened at once.
    OpenedMany {
        /// One of them.
        path: PathBuf,
        /// Their number.
        files: u64,
    },
    /// There are more files than may be open at one time. Those that were read to their end are closed for others, and opened
    /// again once they change. Sent again once their number has doubled.
    Waiting {
        /// The one that was modified last.
        path: PathBuf,
        /// Number of the files that wait.
        files: u64,
        /// Most files open at one time.
        limit: u64,
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
        /// Bytes known to have followed `offset`, and not to be in the copy.
        unread: u64,
        /// Offset at which reading resumes: at most `offset`, as far as the bytes before it are unchanged.
        resume: u64,
        /// Copy made before the truncation, which is read from `offset` on. Then only bytes written between the copying
        /// and the truncation are lost.
        copy: Option<PathBuf>,
    },
    /// A file was rewritten in place with the last lines that were read, or with all of them. It is read on behind them.
    Rewritten {
        /// Path of the file.
        path: PathBuf,
        /// Offset that was reached.
        offset: u64,
        /// Offset at which reading resumes.
        resume: u64,
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
    /// too many stand, or hold the text of an archive that existed at the first scan. A file is reported once.
    Forgotten {
        /// The followed path.
        path: PathBuf,
        /// Number of the files.
        files: u64,
        /// Most bytes of text that these files can hold.
        at_most: u64,
    },
    /// A file that was open when the state was saved was gone after a restart, and its text was not found elsewhere.
    Gone {
        /// Path at which the file was last found.
        path: PathBuf,
        /// Offset that was reached.
        offset: u64,
        /// Bytes known to have followed `offset`.
        unread: u64,
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
    /// Many paths do not exist. Sent again once their number has doubled or halved.
    ManyMissing {
        /// One of them.
        path: PathBuf,
        /// Their number.
        files: u64,
    },
    /// Many files or directories cannot be read for the same reason. They are tried again. Sent again once their number has
    /// doubled or halved.
    ManyUnreadable {
        /// One of them.
        path: PathBuf,
        /// Their number.
        files: u64,
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
        path: PathBuf,
        /// Cause.
        error: notify::Error,
    },
}

impl FileEvent {
    /// Returns what may have been lost, and why.
    pub fn gap(&self) -> Option<Gap> {
        let gap = |reason, at_least, at_most| {
            Some(Gap {
                reason,
                count: 1,
                at_least,
                at_most,
            })
        };
        match self {
            Self::Truncated {
                copy: None, unread, ..
            } => gap(TRUNCATED, *unread, 0),
            Self::Truncated {
                copy: Some(_),
                unread,
                ..
            } => gap(COPYTRUNCATE, *unread, 0),
            Self::Damaged { .. } => gap(ARCHIVE, 0, 0),
            Self::Gone { unread, .. } => gap(DELETED, *unread, 0),
            Self::Forgotten { at_most, .. } => gap(FORGOTTEN, 0, *at_most),
            Self::Opened { .. }
            | Self::OpenedMany { .. }
            | Self::Waiting { .. }
            | Self::ManyMissing { .. }
            | Self::ManyUnreadable { .. }
            | Self::Rotated { .. }
            | Self::Rewritten { .. }
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
            Self::OpenedMany { path, files } => {
                let files = counted(*files, "file");
                write!(f, "following {files}, among them {}", Shown(path))
            }
            Self::Waiting { path, files, limit } => write!(
                f,
                "{files} {} to be opened, among them {}: {limit} may be open at one time, and are closed for others once \
                 they are read; raise the limit of open files (LimitNOFILE= in the unit)",
                plural(*files, "file waits", "files wait"),
                Shown(path)
            ),
            Self::ManyMissing { path, files } => {
                let paths = counted(*files, "path");
                write!(f, "no file at {paths}, among them {}", Shown(path))
            }
            Self::ManyUnreadable { path, files, error } => write!(
                f,
                "{} cannot be followed, among them {}: {error}{}",
                counted(*files, "file"),
                Shown(path),
                Causes(error)
            ),
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
            Self::Truncated { .. } | Self::Rewritten { .. } => self.fmt_changed(f),
            Self::Damaged {
                path,
                offset,
                error,
                ..
            } => write!(
                f,
                "{} cannot be decompressed beyond byte {offset} of its text, and the lines behind it are lost: {error}",
                Shown(path)
            ),
            Self::Forgotten {
                path,
                files,
                at_most,
            } => write!(
                f,
                "{} of {} {} not read: it is unknown whether {} counted; lines \
                 are lost only if some never were (at most {})",
                counted(*files, "old rotated file"),
                Shown(path),
                plural(*files, "is", "are"),
                plural(*files, "it was", "they were"),
                counted(*at_most, "byte")
            ),
            Self::Gone {
                path,
                offset,
                unread,
            } => write!(
                f,
                "{} was deleted after {} read, while the exporter did not run; lines written since are lost{}",
                Shown(path),
                Were(*offset),
                AtLeast(*unread)
            ),
            Self::Missing { path } => write!(f, "no file at {}", Shown(path)),
            Self::Unreadable { path, error } => {
                write!(f, "{} {error}{}", Shown(path), Causes(error))
            }
            Self::Readable { path } => write!(f, "{} can be read again", Shown(path)),
            Self::Dropped { path, unread, .. } => {
                let unread = Were(*unread);
                write!(f, "stopped following {}; {unread} not read", Shown(path))
            }
            Self::Unwatched { path, error } => {
                let causes = Causes(error);
                write!(
                    f,
                    "cannot watch {}, polling instead: {error}{causes}",
                    Shown(path)
                )
            }
        }
    }
}

impl FileEvent {
    /// Writes the line about a file whose consumed bytes were removed or overwritten.
    fn fmt_changed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated {
                path,
                offset,
                copy: Some(copy),
                unread,
                ..
            } => write!(
                f,
                "{} was truncated after {} read; continuing in its copy {}, then from byte 0; \
                 lines written after the copying are lost{}",
                Shown(path),
                Were(*offset),
                Shown(copy),
                AtLeast(*unread)
            ),
            Self::Truncated {
                path,
                offset,
                unread,
                resume,
                ..
            } => write!(
                f,
                "{} was truncated after {} read, and no copy was found; lines written since the last read \
                 are lost{}; continuing from byte {resume}",
                Shown(path),
                Were(*offset),
                AtLeast(*unread)
            ),
            Self::Rewritten {
                path,
                offset,
                resume,
            } => write!(
                f,
                "{} was rewritten after {} read; its last lines are those read before, continuing from byte {resume}",
                Shown(path),
                Were(*offset)
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::fs::Kind;
    use std::io;

    fn check(event: &FileEvent, expected: &str, gap: Option<(&str, &[(GapBound, u64)])>) {
        assert_eq!(event.to_string(), expected);
        let found = event.gap();
        let bounds = found.map(|gap| gap.bounds().collect::<Vec<_>>());
        let found = found.map(|gap| gap.reason);
        assert_eq!(found.map(|reason| reason.name), gap.map(|(name, _)| name));
        assert_eq!(bounds.as_deref(), gap.map(|(_, bounds)| bounds));
        assert!(found.is_none_or(|reason| FILE_GAP_REASONS.contains(&reason)));
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
        let truncated = |unread, copy: Option<&str>| FileEvent::Truncated {
            path: path(),
            offset: 7,
            unread,
            resume: 0,
            copy: copy.map(Into::into),
        };
        check(
            &truncated(3, None),
            r"/log/a\nb was truncated after 7 bytes were read, and no copy was found; lines written since the last read are lost (at least 3 bytes); continuing from byte 0",
            Some(("truncated", &[(GapBound::Min, 3)])),
        );
        check(
            &truncated(0, None),
            r"/log/a\nb was truncated after 7 bytes were read, and no copy was found; lines written since the last read are lost, if there were any; continuing from byte 0",
            Some(("truncated", &[(GapBound::Min, 0)])),
        );
        check(
            &truncated(5, Some("/log/c")),
            r"/log/a\nb was truncated after 7 bytes were read; continuing in its copy /log/c, then from byte 0; lines written after the copying are lost (at least 5 bytes)",
            Some(("copytruncate", &[(GapBound::Min, 5)])),
        );
        check(
            &FileEvent::Forgotten {
                path: path(),
                files: 12,
                at_most: 99,
            },
            r"12 old rotated files of /log/a\nb are not read: it is unknown whether they were counted; lines are lost only if some never were (at most 99 bytes)",
            Some(("forgotten", &[(GapBound::Max, 99)])),
        );
        check(
            &FileEvent::Gone {
                path: path(),
                offset: 7,
                unread: 5,
            },
            r"/log/a\nb was deleted after 7 bytes were read, while the exporter did not run; lines written since are lost (at least 5 bytes)",
            Some(("deleted", &[(GapBound::Min, 5)])),
        );
        check(
            &FileEvent::Damaged {
                path: path(),
                offset: 7,
                error: io::ErrorKind::UnexpectedEof.into(),
            },
            r"/log/a\nb cannot be decompressed beyond byte 7 of its text, and the lines behind it are lost: unexpected end of file",
            Some(("archive", &[])),
        );
        check(
            &FileEvent::Rewritten {
                path: path(),
                offset: 7,
                resume: 3,
            },
            r"/log/a\nb was rewritten after 7 bytes were read; its last lines are those read before, continuing from byte 3",
            None,
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
