//! Commits what was counted, then serves it.
//!
//! Invariant: what is served was committed before, so that no counter is lower after the process was killed than a scrape saw
//! it. Only while nothing could be committed for [`VOLATILE_AFTER`] is more served, and a gauge says so.

pub(super) mod committer;
pub(super) mod thread;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::control::{Ask, lock};
use super::snapshot::{Logs, SourceSnapshot};
use crate::clock::Waker;
use crate::model::Families;
use crate::state::Durability;
use crate::telemetry::StateTelemetry;

/// Time that a scrape waits for lines that were written before it.
pub(super) const FRESHEN_LIMIT: Duration = Duration::from_millis(50);
/// Time that a scrape waits for a commit, before it is served the one before.
const COMMIT_LIMIT: Duration = Duration::from_millis(250);
/// Time without a commit after which counts are served that are not durable.
const VOLATILE_AFTER: Duration = Duration::from_mins(1);

/// State that the thread that commits shares with those who ask for commits.
pub(super) struct Commits {
    asked: Mutex<Vec<Arc<Ask>>>,
    waker: Waker,
    /// Families of the last commit.
    served: Mutex<Families>,
    /// Number of times that they were replaced.
    published: AtomicU64,
    /// Time at which everything that was counted was known to be committed, in microseconds of the monotonic clock.
    committed_micros: AtomicU64,
    is_failing: AtomicBool,
    /// Error of the last commit, if it failed.
    failure: Mutex<Option<String>>,
    /// True until what an earlier process has committed is served.
    awaits_recovered: AtomicBool,
    telemetry: StateTelemetry,
    durability: Durability,
    /// Snapshots of the end; the thread ends with them.
    last: Mutex<Option<Vec<SourceSnapshot>>>,
}

impl Commits {
    /// With `is_behind`, an earlier process may have served more than was recovered.
    pub(super) fn new(telemetry: StateTelemetry, durability: Durability, is_behind: bool) -> Self {
        Self {
            asked: Mutex::default(),
            waker: Waker::default(),
            served: Mutex::default(),
            published: AtomicU64::default(),
            committed_micros: AtomicU64::default(),
            is_failing: AtomicBool::default(),
            failure: Mutex::default(),
            awaits_recovered: AtomicBool::new(!is_behind),
            telemetry,
            durability,
            last: Mutex::default(),
        }
    }

    /// Commits what was written before the call, and waits until that is done, for a limited time.
    pub(super) fn commit(&self) {
        let done = Waker::default();
        self.ask(&done);
        done.wait(FRESHEN_LIMIT + COMMIT_LIMIT);
    }

    /// Asks for a commit; `done` is woken when it was made, or will not be.
    pub(super) fn ask(&self, done: &Waker) {
        let ask = Arc::new(Ask::new(done.clone()));
        lock(&self.asked).push(ask);
        self.waker.wake();
    }

    /// Takes the requests for a commit that came since the last call.
    pub(super) fn take_asked(&self) -> Vec<Arc<Ask>> {
        std::mem::take(&mut *lock(&self.asked))
    }

    /// Serves what an earlier process has committed until the first commit; has an effect once.
    pub(super) fn serve_recovered(&self, families: impl FnOnce() -> Families) {
        if self.awaits_recovered.swap(false, Ordering::AcqRel) {
            self.publish(families());
        }
    }

    /// Serves these families from now on.
    fn publish(&self, families: Families) {
        *lock(&self.served) = families;
        self.published.fetch_add(1, Ordering::Release);
    }

    /// Returns the number of times that what is served was replaced.
    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Returns the families of the last commit, or none if the last one is so long ago that what was counted is to be served
    /// as it is.
    pub(super) fn served(&self, now: Duration) -> Option<Families> {
        let committed = self.committed_micros.load(Ordering::Acquire);
        let age = now.saturating_sub(Duration::from_micros(committed));
        let is_volatile = age >= VOLATILE_AFTER;
        self.telemetry.set(age, !self.is_failing() && !is_volatile);
        (!is_volatile).then(|| lock(&self.served).clone())
    }

    /// Removes the exemplars of requests before a time, in milliseconds since 1970, from what is served.
    pub(super) fn forget_exemplars(&self, before: u64) {
        lock(&self.served).forget_exemplars(before);
    }

    /// Returns whether the last commit failed.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Acquire)
    }

    /// Returns the error of the last commit, if it failed.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// Returns the logs that belong to the next snapshot.
    pub(super) fn wanted_logs(&self) -> Logs {
        match self.durability {
            Durability::Process => Logs::None,
            Durability::Power if self.is_failing() => Logs::All,
            Durability::Power => Logs::Advanced,
        }
    }

    /// Commits the snapshots of sources that have ended, and ends the thread.
    pub(super) fn finish(&self, snapshots: Vec<SourceSnapshot>) {
        *lock(&self.last) = Some(snapshots);
        self.waker.wake();
    }
}
