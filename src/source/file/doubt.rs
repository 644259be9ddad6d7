//! Files that are not read before it is decided which part of their text was read in another file.
//!
//! Invariant: a doubt ends: each has a time, after the last change of the file or after the doubt arose, when it is decided
//! by what can be seen then.

use std::collections::BTreeMap;
use std::time::Duration;

use super::compare::Common;
use super::consumed::Consumed;
use super::fingerprint::Fingerprinter;
use super::saved::{SavedFilesFault, checked, checked_or_none, saved_time, time_of};
use crate::model::GenerationId;
use crate::model::saved::files::{SavedDoubt, SavedReason};

/// Time after which a file that is being written by a copying program is taken for complete: less than a second of lines
/// waits for it.
pub(crate) const REST: Duration = Duration::from_secs(1);

/// Reason why a file is not read yet, and the state of its examination.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) reason: Reason,
    /// Size as of the last examination.
    examined: Option<u64>,
    /// True if the file was empty at an examination.
    was_empty: bool,
    /// Bytes at its beginning that are known, each part of them as a text of its own.
    pub(crate) known: u64,
    /// Bytes at its beginning that are known if it does not grow: it is a part of a known text.
    pub(crate) part_end: u64,
    /// Time of the first examination, and of the last change of the size.
    since: Duration,
    changed: Duration,
    wait: Wait,
    /// Moment in which text was first seen in the file; `u64::MAX` before that.
    seen: u64,
    /// The last examination was interrupted to keep it short.
    pub(crate) is_unfinished: bool,
    /// It is examined again after another file was read.
    pub(crate) is_held: bool,
    /// Comparisons with other files from both starts, and from the ends of the lines that both hold.
    pub(crate) prefix: Comparisons,
    pub(crate) beyond: Comparisons,
}

/// Comparisons of a file with others. Each is kept, so that files that take several steps are compared to their ends.
pub(crate) type Comparisons = BTreeMap<GenerationId, Common>;

/// Time that a file in doubt is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// [`REST`] after the first examination.
    Brief,
    /// So long after its last change.
    UntilQuiet(Duration),
}

/// The reason for which a file is in doubt.
#[derive(Debug)]
pub(crate) enum Reason {
    /// It appeared in moment `listed`, see [`Finder::latest_moment`](super::finder::Finder::latest_moment), and may hold text that was seen before.
    New { listed: u64 },
    /// Its consumed part was found removed or overwritten in moment `listed`, and `unread` known bytes behind it. It may be
    /// rewritten in place.
    Rewritten { unread: u64, listed: u64 },
    /// It was cut to the first part of `former`, which is consumed, and may be written again with the rest of it.
    Left { former: Consumed },
}

impl Doubt {
    pub(crate) fn new(reason: Reason, now: Duration) -> Box<Self> {
        Box::new(Self {
            reason,
            examined: None,
            was_empty: false,
            known: 0,
            part_end: 0,
            since: now,
            changed: now,
            wait: Wait::Brief,
            seen: u64::MAX,
            is_unfinished: false,
            is_held: false,
            prefix: Comparisons::new(),
            beyond: Comparisons::new(),
        })
    }

    /// Returns the doubt as it is saved.
    pub(crate) fn saved(&self, fingerprinter: &Fingerprinter) -> SavedDoubt {
        SavedDoubt {
            reason: match &self.reason {
                Reason::New { listed } => SavedReason::New { listed: *listed },
                Reason::Rewritten { unread, listed } => SavedReason::Rewritten {
                    unread: *unread,
                    listed: *listed,
                },
                Reason::Left { former } => SavedReason::Left {
                    former: former.saved(fingerprinter),
                },
            },
            examined: self.examined,
            was_empty: self.was_empty,
            known: self.known,
            part_end: self.part_end,
            since: saved_time(self.since),
            changed: saved_time(self.changed),
            quiet: match self.wait {
                Wait::Brief => None,
                Wait::UntilQuiet(time) => Some(saved_time(time)),
            },
            seen: self.seen,
        }
    }

    /// Returns a saved doubt. The file is examined again at once.
    pub(crate) fn from_saved(
        saved: &SavedDoubt,
        fingerprinter: &Fingerprinter,
    ) -> Result<Box<Self>, SavedFilesFault> {
        let reason = match &saved.reason {
            SavedReason::New { listed } => Reason::New {
                listed: checked(*listed)?,
            },
            SavedReason::Rewritten { unread, listed } => Reason::Rewritten {
                unread: checked(*unread)?,
                listed: checked(*listed)?,
            },
            SavedReason::Left { former } => Reason::Left {
                former: Consumed::from_saved(former, fingerprinter).ok_or(SavedFilesFault::Text)?,
            },
        };
        let wait = match saved.quiet {
            None => Wait::Brief,
            Some(time) => Wait::UntilQuiet(time_of(time)?),
        };
        Ok(Box::new(Self {
            examined: saved.examined.map(checked).transpose()?,
            was_empty: saved.was_empty,
            known: checked(saved.known)?,
            part_end: checked(saved.part_end)?,
            since: time_of(saved.since)?,
            changed: time_of(saved.changed)?,
            wait,
            seen: checked_or_none(saved.seen)?,
            is_unfinished: saved.examined.is_some(),
            ..*Self::new(reason, Duration::ZERO)
        }))
    }

    /// Returns whether the file, which has `size` bytes now, is to be examined. A new one has nothing to show while it is
    /// empty.
    pub(crate) fn is_due(&self, size: u64, now: Duration) -> bool {
        if size == 0 && matches!(self.reason, Reason::New { .. }) {
            return false;
        }
        self.is_unfinished || self.is_held || self.examined != Some(size) || self.is_over(now)
    }

    /// Returns whether the file was never examined.
    pub(crate) fn is_new(&self) -> bool {
        self.examined.is_none()
    }

    /// Returns whether it is to be decided now.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        self.examined.is_some() && self.until_over(now).is_zero()
    }

    /// Returns the time until the file is to be examined though it does not change; `None` if nothing is known of it.
    pub(crate) fn until_due(&self, now: Duration) -> Option<Duration> {
        self.examined.map(|_| self.until_over(now))
    }

    fn until_over(&self, now: Duration) -> Duration {
        let end = match self.wait {
            Wait::Brief => self.since + REST,
            Wait::UntilQuiet(time) => self.changed + time,
        };
        end.saturating_sub(now)
    }

    /// Notes that the file is examined with this size.
    pub(crate) fn begin(&mut self, size: u64, now: Duration) {
        let before = self.examined.replace(size);
        if before.is_none() {
            self.since = now;
        }
        if before != Some(size) {
            self.changed = now;
            self.part_end = 0;
        }
        if before.is_some_and(|before| size < before) {
            self.known = 0;
            self.prefix.clear();
            self.beyond.clear();
        }
        self.was_empty |= size == 0;
        self.is_unfinished = false;
        self.is_held = false;
    }

    /// Returns whether the file was empty at an examination: what it holds then may be another text.
    pub(crate) fn was_empty(&self) -> bool {
        self.was_empty
    }

    /// Notes that text was seen in the file in this moment.
    pub(crate) fn note_text(&mut self, moment: u64) {
        self.seen = self.seen.min(moment);
    }

    /// Returns the moment in which text was first seen in the file; `u64::MAX` before that.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns whether the file may hold text that is not consumed.
    pub(crate) fn is_unread(&self) -> bool {
        !matches!(self.reason, Reason::Left { .. })
    }

    /// Sets when it is to be decided.
    pub(crate) fn wait(&mut self, wait: Wait) {
        self.wait = wait;
    }

    /// Returns the files with which it is compared: they are not to be closed.
    pub(crate) fn compared_with(&self) -> impl Iterator<Item = GenerationId> {
        self.prefix.keys().copied()
    }

    /// Returns whether the first examination was so long ago.
    pub(crate) fn waited(&self, time: Duration, now: Duration) -> bool {
        now.saturating_sub(self.since) >= time
    }
}
