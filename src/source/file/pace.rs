//! Decides when to scan for files, and which files to read in a round.
//!
//! Invariant: pure but for the times it is given; without a notification, a scan is due after [`SELDOM`] poll intervals
//! at the latest.

use std::time::Duration;

use super::settings::Progress;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};

/// While files have more to read, every round of this number reads all files and checks all paths. A round takes less
/// than a millisecond.
const WHOLE_ROUND: u32 = 8;

/// Number of consecutive discoveries without a change before they become rarer.
const QUIET_POLLS: u32 = 2;

/// Factor of the interval of rarer discoveries. A wake-up costs far more than the discovery itself, and a thousand sources
/// at rest are to cost next to nothing.
pub(super) const SELDOM: u32 = 40;

/// A discovery is followed by a rest of this many times what it took, so that those of large directories take a hundredth
/// of a processor.
const REST_FACTOR: u32 = 100;

/// A discovery that took less is followed by no rest.
const SHORT: Duration = Duration::from_millis(2);

/// Longest rest: what appears is followed after this time at the latest.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Seldom discoveries that may find a change without a notification before they are given up: the first may have come
/// ahead of its notification.
const MOST_MISSED: u32 = 2;

/// Schedule of one source.
#[derive(Debug)]
pub(super) struct Pace {
    poll: Duration,
    /// Start of the last discovery; `None` if one is due at once.
    discovered: Option<Duration>,
    must_scan: bool,
    /// Discovery since the last round.
    since_round: Discovery,
    /// Number of consecutive rounds that left bytes to read.
    busy_rounds: u32,
    /// True if every change is notified.
    is_watched: bool,
    /// Number of consecutive discoveries without a change before them.
    quiet_polls: u32,
    /// Seldom discoveries that found a change without a notification.
    missed: u32,
    /// Time before which no further discovery begins.
    rested: Duration,
}

/// Discovery between two rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Discovery {
    None,
    Regular,
    Seldom,
}

/// One round of reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// True to read only files that had more to read.
    pub(super) is_short: bool,
    after: Discovery,
}

impl Pace {
    pub(super) fn new(poll: Duration) -> Self {
        Self {
            poll,
            discovered: None,
            must_scan: true,
            since_round: Discovery::None,
            busy_rounds: 0,
            is_watched: false,
            quiet_polls: 0,
            missed: 0,
            rested: Duration::ZERO,
        }
    }

    /// Makes a discovery due at once, with another poll interval from then on.
    pub(super) fn reconfigure(&mut self, poll: Duration) {
        let is_watched = self.is_watched;
        *self = Self {
            is_watched,
            ..Self::new(poll)
        };
    }

    pub(super) fn set_watched(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    /// Returns the time until the next discovery is due. `is_steady` if all files to follow are open at their path.
    pub(super) fn until_due(&self, now: Duration, is_steady: bool) -> Duration {
        let Some(discovered) = self.discovered else {
            return Duration::ZERO;
        };
        let is_at_rest = self.is_at_rest(is_steady);
        #[cfg(test)]
        if is_planted(Fault::NoPoll) || is_planted(Fault::NoSeldomPoll) && is_at_rest {
            return Duration::MAX;
        }
        let factor = if is_at_rest { SELDOM } else { 1 };
        let interval = self.poll.saturating_mul(factor);
        let due = discovered.saturating_add(interval).max(self.rested);
        due.saturating_sub(now)
    }

    /// Returns the time until a discovery may follow the last one.
    pub(super) fn until_rested(&self, now: Duration) -> Duration {
        self.rested.saturating_sub(now)
    }

    /// Records that a discovery, which ended at `now`, took this much processor time.
    pub(super) fn rest(&mut self, now: Duration, took: Duration) {
        if took >= SHORT {
            self.rested = now + took.saturating_mul(REST_FACTOR).min(LONGEST_REST);
        }
    }

    /// Records that a discovery begins.
    pub(super) fn begin_discovery(&mut self, now: Duration, is_steady: bool) {
        let is_seldom = self.is_at_rest(is_steady) && self.until_due(now, is_steady).is_zero();
        self.since_round = if is_seldom {
            Discovery::Seldom
        } else {
            Discovery::Regular
        };
        self.discovered = Some(now);
    }

    /// Records that a discovery ended; `is_quiet` if it found no change.
    pub(super) fn end_discovery(&mut self, is_quiet: bool) {
        let quiet_polls = self.quiet_polls.saturating_add(1);
        self.quiet_polls = if is_quiet { quiet_polls } else { 0 };
    }

    /// Records that all paths were scanned.
    pub(super) fn note_scan(&mut self) {
        self.must_scan = false;
        self.busy_rounds = 0;
    }

    /// Records that a file was written.
    pub(super) fn note_activity(&mut self) {
        self.quiet_polls = 0;
    }

    /// Begins a round.
    pub(super) fn begin_round(&mut self) -> Round {
        Round {
            is_short: !self.busy_rounds.is_multiple_of(WHOLE_ROUND),
            after: std::mem::replace(&mut self.since_round, Discovery::None),
        }
    }

    /// Returns whether a scan must precede the reading; `has_changed` checks all known paths.
    pub(super) fn needs_scan(
        &self,
        round: Round,
        now: Duration,
        has_changed: impl FnOnce() -> bool,
    ) -> bool {
        // A change after a discovery is left to the next round.
        let is_checked =
            round.after == Discovery::None && !round.is_short && self.until_rested(now).is_zero();
        self.must_scan || is_checked && has_changed()
    }

    /// Ends a round.
    pub(super) fn end_round(&mut self, round: Round, progress: Progress) {
        if round.after == Discovery::Seldom && self.quiet_polls == 0 {
            self.missed += 1;
        }
        self.busy_rounds = match progress {
            Progress::More => self.busy_rounds.wrapping_add(1),
            Progress::Idle => 0,
        };
    }

    fn is_at_rest(&self, is_steady: bool) -> bool {
        self.is_watched && self.quiet_polls >= QUIET_POLLS && self.missed < MOST_MISSED && is_steady
    }
}
