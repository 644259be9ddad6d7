//! The decisions of commits: when one is due, what it contains, and what is served after it.
//!
//! Invariant: families are published only once the checkpoint that contains them is in force, and, while an earlier process may
//! have served more than was recovered, only once all that stands in the logs is counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Commits, VOLATILE_AFTER};
use crate::clock::Clock;
use crate::daemon::control::{lock, micros};
use crate::daemon::error::with_remedy;
use crate::daemon::snapshot::{self, SourceSnapshot};
#[cfg(test)]
use crate::daemon::tests::planted::{Fault, is_planted};
use crate::model::Saved;
use crate::state::{Store, StoreError};

/// Interval of commits that no scrape asks for.
const INTERVAL: Duration = Duration::from_secs(10);
/// Least time between two commits, however many scrapes there are.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes checkpoints of snapshots. It waits for nothing but the disk.
pub(in crate::daemon) struct Committer {
    commits: Arc<Commits>,
    store: Store,
    /// Key of all fingerprints.
    key: [u64; 2],
    /// True while less may have been counted than was served before the start.
    is_behind: bool,
    clock: Arc<dyn Clock>,
    /// Revision of the counts that were committed.
    revision: Option<u64>,
    /// Time of the next attempt that no scrape asks for.
    due: Duration,
    /// Time of the next attempt that a scrape can ask for.
    rested: Duration,
}

impl Committer {
    /// Makes a committer of a store whose content, with this key, is what was counted. With `is_behind`, an earlier process may
    /// have served more.
    pub(in crate::daemon) fn new(
        commits: Arc<Commits>,
        store: Store,
        key: [u64; 2],
        is_behind: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let committer = Self {
            commits,
            store,
            key,
            is_behind,
            clock,
            revision: None,
            due: INTERVAL,
            rested: Duration::ZERO,
        };
        committer.note_committed();
        committer
    }

    /// Returns the part that others share.
    pub(in crate::daemon) fn commits(&self) -> &Arc<Commits> {
        &self.commits
    }

    /// Returns the time until the next attempt.
    pub(in crate::daemon) fn until_due(&self, is_asked: bool) -> Duration {
        let next = if is_asked { self.rested } else { self.due };
        next.saturating_sub(self.clock.monotonic())
    }

    /// Returns whether counts of this revision are to be committed; if they are already, notes that.
    pub(in crate::daemon) fn needs_commit(&self, revision: u64) -> bool {
        let is_new = self.revision != Some(revision);
        if !is_new {
            self.note_committed();
        }
        is_new
    }

    /// Commits snapshots that were taken after the counts had this revision.
    pub(in crate::daemon) fn commit(&mut self, revision: u64, snapshots: Vec<SourceSnapshot>) {
        self.commit_last(snapshots);
        if !self.commits.is_failing() {
            self.revision = Some(revision);
        }
    }

    /// Ends an attempt, successful or not.
    pub(in crate::daemon) fn rest(&mut self) {
        let now = self.clock.monotonic();
        (self.due, self.rested) = (now + INTERVAL, now + PAUSE);
    }

    /// Commits snapshots after which nothing more is counted.
    pub(in crate::daemon) fn commit_last(&mut self, mut snapshots: Vec<SourceSnapshot>) {
        let families = snapshot::families(&mut snapshots);
        let began = self.clock.monotonic();
        let is_behind = snapshots.iter().any(|snapshot| snapshot.is_behind);
        #[cfg(test)]
        let is_behind = is_behind && !is_planted(Fault::ServesBehind);
        // A source that is never read to its end must not keep the others from being served.
        let is_behind = self.is_behind && is_behind && began < VOLATILE_AFTER;
        let mut saved = Saved {
            key: self.key,
            is_behind,
            ..Saved::default()
        };
        let mut logs = Vec::new();
        for snapshot in snapshots {
            logs.extend(snapshot.logs);
            saved.links.extend(snapshot.link);
            saved.sources.push(snapshot.saved);
        }
        #[cfg(test)]
        if is_planted(Fault::ServesUncommitted) {
            self.commits.publish(families.clone());
        }
        let committed =
            (self.store).commit(&saved, self.clock.wall(), &mut || snapshot::sync(&logs));
        let took = self.clock.monotonic().saturating_sub(began);
        self.commits.telemetry.committed(took, committed.is_ok());
        match committed {
            Ok(_) => {
                self.is_behind = is_behind;
                if !self.is_behind {
                    self.commits.publish(families);
                }
                if self.commits.is_failing.swap(false, Ordering::AcqRel) {
                    *lock(&self.commits.failure) = None;
                    tracing::info!("the state is kept again");
                }
                self.note_committed();
            }
            Err(error) => self.note_failure(error),
        }
    }

    fn note_committed(&self) {
        let now = micros(self.clock.monotonic());
        self.commits.committed_micros.store(now, Ordering::Release);
    }

    /// Logs the first failure of several.
    fn note_failure(&self, error: StoreError) {
        let was_failing = self.commits.is_failing.swap(true, Ordering::AcqRel);
        let error = with_remedy(error);
        *lock(&self.commits.failure) = Some(error.clone());
        if !was_failing {
            tracing::error!(
                "the state is not kept: {error}; counts that are not kept are served after {VOLATILE_AFTER:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests;
