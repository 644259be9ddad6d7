//! The thread that commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Commits, FRESHEN_LIMIT, VOLATILE_AFTER};
use crate::clock::Clock;
use crate::daemon::control::{Control, lock, micros, poll_now, take_snapshots};
use crate::daemon::error::with_remedy;
use crate::daemon::shared_shard::Shards;
use crate::daemon::snapshot::{self, SourceSnapshot};
use crate::model::Saved;
use crate::state::{Store, StoreError};

/// Interval of commits that no scrape asks for.
const INTERVAL: Duration = Duration::from_secs(10);
/// Least time between two commits, however many scrapes there are.
const PAUSE: Duration = Duration::from_millis(100);
/// Time in which all sources have to answer.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(1);

/// The thread that commits.
pub(in crate::daemon) struct CommitThread {
    pub(in crate::daemon) commits: Arc<Commits>,
    pub(in crate::daemon) shards: Arc<Shards>,
    pub(in crate::daemon) store: Store,
    /// Key of all fingerprints.
    pub(in crate::daemon) key: [u64; 2],
    /// True while less may have been counted than was served before the start.
    pub(in crate::daemon) is_behind: bool,
    pub(in crate::daemon) clock: Arc<dyn Clock>,
    /// Revision of the counts that were committed.
    pub(in crate::daemon) revision: Option<u64>,
}

impl CommitThread {
    /// Commits when asked, and at intervals, until [`Commits::finish`].
    pub(in crate::daemon) fn run(mut self) {
        self.note_committed();
        let commits = Arc::clone(&self.commits);
        let mut asked = Vec::new();
        let (mut due, mut rested) = (INTERVAL, Duration::ZERO);
        loop {
            if let Some(last) = lock(&commits.last).take() {
                return self.commit(last);
            }
            asked.append(&mut lock(&commits.asked));
            let now = self.clock.monotonic();
            let next = if asked.is_empty() { due } else { rested };
            if now < next {
                commits.waker.wait(next.saturating_sub(now));
                continue;
            }
            let is_asked = !asked.is_empty();
            if is_asked || self.revision != Some(self.shards.revision()) {
                self.commit_running(is_asked);
            } else {
                self.note_committed();
            }
            asked.clear();
            let now = self.clock.monotonic();
            (due, rested) = (now + INTERVAL, now + PAUSE);
        }
    }

    /// Commits the counts of sources that are worked on.
    fn commit_running(&mut self, is_asked: bool) {
        let threads = self.shards.threads();
        if is_asked {
            poll_now(&threads, FRESHEN_LIMIT);
        }
        // What is counted meanwhile has a later one.
        let revision = self.shards.revision();
        if self.revision == Some(revision) {
            return self.note_committed();
        }
        // If not all sources answer, a reload replaces them, or one is stuck, which is logged elsewhere.
        if let Some(snapshots) = self.take_snapshots(&threads) {
            self.commit(snapshots);
            if !self.commits.is_failing.load(Ordering::Acquire) {
                self.revision = Some(revision);
            }
        }
    }

    fn take_snapshots(&self, threads: &[Arc<Control>]) -> Option<Vec<SourceSnapshot>> {
        let snapshots = take_snapshots(threads, self.commits.wanted_logs(), SNAPSHOT_LIMIT);
        // Sources without a thread would be forgotten.
        snapshots.filter(|snapshots| snapshots.len() == self.shards.len())
    }

    fn commit(&mut self, mut snapshots: Vec<SourceSnapshot>) {
        let families = snapshot::families(&mut snapshots);
        let is_behind = snapshots.iter().any(|snapshot| snapshot.is_behind);
        let mut saved = Saved {
            key: self.key,
            ..Saved::default()
        };
        let mut logs = Vec::new();
        for snapshot in snapshots {
            logs.extend(snapshot.logs);
            saved.links.extend(snapshot.link);
            saved.sources.push(snapshot.saved);
        }
        let began = self.clock.monotonic();
        let committed =
            (self.store).commit(&saved, self.clock.wall(), &mut || snapshot::sync(&logs));
        let took = self.clock.monotonic().saturating_sub(began);
        self.commits.telemetry.committed(took, committed.is_ok());
        match committed {
            Ok(_) => {
                // A source that is never read to its end must not keep the others from being served.
                self.is_behind &= is_behind && began < VOLATILE_AFTER;
                if !self.is_behind {
                    *lock(&self.commits.served) = families;
                }
                if self.commits.is_failing.swap(false, Ordering::AcqRel) {
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
        if !self.commits.is_failing.swap(true, Ordering::AcqRel) {
            let error = with_remedy(error);
            tracing::error!(
                "the state is not kept: {error}; counts that are not kept are served after {VOLATILE_AFTER:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests;
