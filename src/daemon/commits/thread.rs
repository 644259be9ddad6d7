//! The thread that commits.

use std::sync::Arc;
use std::time::Duration;

use super::FRESHEN_LIMIT;
use super::committer::Committer;
use crate::daemon::control::{Control, lock, poll_now, take_snapshots};
use crate::daemon::shared_shard::Shards;
use crate::daemon::snapshot::SourceSnapshot;

/// Time in which all sources have to answer.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(1);

/// The thread that commits.
pub(in crate::daemon) struct CommitThread {
    pub(in crate::daemon) committer: Committer,
    pub(in crate::daemon) shards: Arc<Shards>,
}

impl CommitThread {
    /// Commits when asked, and at intervals, until [`super::Commits::finish`].
    pub(in crate::daemon) fn run(mut self) {
        let commits = Arc::clone(self.committer.commits());
        let mut asked = Vec::new();
        loop {
            if let Some(last) = lock(&commits.last).take() {
                return self.committer.commit_last(last);
            }
            asked.append(&mut commits.take_asked());
            let until_due = self.committer.until_due(!asked.is_empty());
            if !until_due.is_zero() {
                commits.waker.wait(until_due);
                continue;
            }
            self.commit_running(!asked.is_empty());
            asked.clear();
            self.committer.rest();
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
        if !self.committer.needs_commit(revision) {
            return;
        }
        // If not all sources answer, a reload replaces them, or one is stuck, which is logged elsewhere.
        if let Some(snapshots) = self.take_snapshots(&threads) {
            self.committer.commit(revision, snapshots);
        }
    }

    fn take_snapshots(&self, threads: &[Arc<Control>]) -> Option<Vec<SourceSnapshot>> {
        let logs = self.committer.commits().wanted_logs();
        let snapshots = take_snapshots(threads, logs, SNAPSHOT_LIMIT);
        // Sources without a thread would be forgotten.
        snapshots.filter(|snapshots| snapshots.len() == self.shards.len())
    }
}
