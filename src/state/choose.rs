//! Chooses the copy of a state from which a start goes on.
//!
//! Invariant: a copy that can be used is never given up for none. A start is refused, and nothing is moved, if the only
//! copies left may be sound: a newer program's, or one that cannot be read now.
//!
//! `state` is used if it is valid, whatever `state.prev` is. A copy that is used although a newer one existed was consistent
//! in itself, so that counting goes on exactly from it, but more was served than it holds: the daemon then serves once all
//! that stood in the logs is counted.

use std::fmt;

use super::version::Version;

/// State of a copy, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The file does not exist.
    Missing,
    /// The file cannot be read now.
    Unreadable,
    /// Its content is not as it was written.
    Damaged,
    /// Another program's file.
    Foreign,
    /// Only a program of a newer major version can read it.
    Newer {
        /// Version of the format.
        version: Version,
        /// Version of the program that wrote it.
        writer: String,
    },
    /// A valid checkpoint.
    Valid {
        /// Number of the checkpoint.
        number: u64,
    },
}

/// Copy of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copy {
    /// `state`.
    Current,
    /// `state.prev`.
    Previous,
}

/// Case of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No state exists: counting starts at 0.
    Fresh,
    /// The last checkpoint is used.
    Current,
    /// The last checkpoint is used, and the one before is newer: a backup was restored, or a power loss dropped commits that
    /// were not synced.
    CurrentThoughOlder,
    /// `state` is missing.
    PreviousBecauseMissing,
    /// `state` is damaged.
    PreviousBecauseDamaged,
    /// `state` is another program's file.
    PreviousBecauseForeign,
    /// `state` cannot be read.
    PreviousBecauseUnreadable,
    /// No copy can be used, now or by another program: counting starts at 0.
    NoneValid,
    /// No copy can be used by this program, and one can by a newer one.
    RefuseNewer {
        /// The copy.
        copy: Copy,
        /// Version of its format.
        version: Version,
        /// Version of the program that wrote it.
        writer: String,
    },
    /// No copy can be used, and one could not be read.
    RefuseUnreadable(Copy),
}

/// Chooses a copy.
pub fn choose(current: &Found, previous: &Found) -> Verdict {
    use Found::{Damaged, Foreign, Missing, Newer, Unreadable, Valid};
    match (current, previous) {
        (Valid { number }, Valid { number: other }) if number < other => {
            Verdict::CurrentThoughOlder
        }
        (Valid { .. }, _) => Verdict::Current,
        // The counts since would be lost to the newer program.
        (Newer { version, writer }, _) => refuse_newer(Copy::Current, *version, writer),
        (Missing, Valid { .. }) => Verdict::PreviousBecauseMissing,
        (Damaged, Valid { .. }) => Verdict::PreviousBecauseDamaged,
        (Foreign, Valid { .. }) => Verdict::PreviousBecauseForeign,
        (Unreadable, Valid { .. }) => Verdict::PreviousBecauseUnreadable,
        (_, Newer { version, writer }) => refuse_newer(Copy::Previous, *version, writer),
        (Unreadable, _) => Verdict::RefuseUnreadable(Copy::Current),
        (_, Unreadable) => Verdict::RefuseUnreadable(Copy::Previous),
        (Missing, Missing) => Verdict::Fresh,
        (Missing | Damaged | Foreign, Missing | Damaged | Foreign) => Verdict::NoneValid,
    }
}

fn refuse_newer(copy: Copy, version: Version, writer: &str) -> Verdict {
    Verdict::RefuseNewer {
        copy,
        version,
        writer: writer.to_owned(),
    }
}

impl Copy {
    /// Both copies.
    pub const ALL: [Self; 2] = [Self::Current, Self::Previous];

    /// Returns the name of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "state",
            Self::Previous => "state.prev",
        }
    }
}

impl Verdict {
    /// Returns the copy that is used.
    pub fn used(&self) -> Option<Copy> {
        match self {
            Self::Current | Self::CurrentThoughOlder => Some(Copy::Current),
            Self::PreviousBecauseMissing
            | Self::PreviousBecauseDamaged
            | Self::PreviousBecauseForeign
            | Self::PreviousBecauseUnreadable => Some(Copy::Previous),
            Self::Fresh
            | Self::NoneValid
            | Self::RefuseNewer { .. }
            | Self::RefuseUnreadable(_) => None,
        }
    }

    /// Returns whether a start is refused.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::RefuseNewer { .. } | Self::RefuseUnreadable(_))
    }

    /// Returns whether the copy that is used may hold less than was served.
    pub fn may_be_behind(&self) -> bool {
        self.used().is_some() && *self != Self::Current
    }

    /// Returns the copies to move away before the next commit would replace them: those that are neither missing nor valid.
    /// A refusal moves nothing.
    pub fn quarantined(&self, current: &Found, previous: &Found) -> Vec<Copy> {
        if self.is_refusal() {
            return Vec::new();
        }
        let is_moved = |found: &Found| !matches!(found, Found::Missing | Found::Valid { .. });
        let copies = Copy::ALL.into_iter().zip([current, previous]);
        copies
            .filter(|(_, found)| is_moved(found))
            .map(|(copy, _)| copy)
            .collect()
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => f.write_str("no state exists: counting starts at 0"),
            Self::Current => f.write_str("`state` is used"),
            Self::CurrentThoughOlder => {
                f.write_str("`state` is used, though `state.prev` is newer")
            }
            Self::PreviousBecauseMissing => {
                f.write_str("`state.prev` is used, as `state` is missing")
            }
            Self::PreviousBecauseDamaged => {
                f.write_str("`state.prev` is used, as `state` is damaged")
            }
            Self::PreviousBecauseForeign => {
                f.write_str("`state.prev` is used, as `state` is another program's file")
            }
            Self::PreviousBecauseUnreadable => {
                f.write_str("`state.prev` is used, as `state` cannot be read")
            }
            Self::NoneValid => f.write_str("no copy can be used: counting starts at 0"),
            Self::RefuseNewer { copy, writer, .. } => write!(
                f,
                "`{copy}` can only be read by a newer program (httplog-exporter {writer} wrote it): the start is refused"
            ),
            Self::RefuseUnreadable(copy) => {
                write!(f, "`{copy}` cannot be read: the start is refused")
            }
        }
    }
}
