//! The counts of all sources, shared by the workers that count and the scrapes that copy.
//!
//! Invariant: a shard is locked for one batch or one copy, never while its holder waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::commits::{Commits, FRESHEN_LIMIT};
use super::control::{Control, lock, poll_now};
use crate::aggregate::{Accounts, Ledger, Shard};
use crate::clock::Clock;
use crate::expose::Options;
use crate::http::Scrape;
use crate::join::Links;
use crate::model::Families;
use crate::telemetry::Telemetry;

/// Counts of one source.
#[derive(Debug)]
pub(super) struct SharedShard {
    shard: Mutex<Shard>,
    /// Number of rounds in which anything was counted or discovered.
    revision: AtomicU64,
    /// Calls of [`Self::lock`], including those that wait.
    #[cfg(test)]
    pub(super) locks: std::sync::atomic::AtomicUsize,
}

/// Counts of every source, and the exporter's own metrics.
pub struct Shards {
    sources: Mutex<Sources>,
    /// Threads that work on the sources.
    threads: Mutex<Vec<Arc<Control>>>,
    telemetry: Arc<Telemetry>,
    clock: Arc<dyn Clock>,
    /// Present if what is served was committed before.
    commits: OnceLock<Arc<Commits>>,
    /// True if OpenMetrics shows the time at which each series was created.
    shows_created: AtomicBool,
}

/// Sources of the configuration in force.
#[derive(Clone, Debug, Default)]
struct Sources {
    shards: Vec<Arc<SharedShard>>,
    links: Links,
    /// Number of configurations before this one.
    before: u64,
}

impl SharedShard {
    /// Shares a shard.
    pub(super) fn new(shard: Shard) -> Self {
        Self {
            shard: Mutex::new(shard),
            revision: AtomicU64::new(0),
            #[cfg(test)]
            locks: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Notes that something was counted or discovered.
    pub(super) fn revise(&self) {
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// Lets an empty shard of other settings take over the counts. Returns the names of the families that start at 0.
    pub(super) fn succeed(&self, successor: Shard) -> Vec<Arc<str>> {
        let mut shard = self.lock();
        let former = std::mem::replace(&mut *shard, successor);
        shard.take_over(former)
    }

    /// Locks the shard. A panic under the lock ends the process, so a poisoned shard is only read.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        #[cfg(test)]
        self.locks.fetch_add(1, Ordering::SeqCst);
        lock(&self.shard)
    }
}

impl Shards {
    pub(super) fn new(telemetry: Arc<Telemetry>, clock: Arc<dyn Clock>) -> Self {
        Self {
            sources: Mutex::default(),
            threads: Mutex::default(),
            telemetry,
            clock,
            commits: OnceLock::new(),
            shows_created: AtomicBool::new(false),
        }
    }

    /// Serves what was committed from now on.
    pub(super) fn commit_with(&self, commits: Arc<Commits>) {
        // Called once.
        let _ = self.commits.set(commits);
    }

    /// Serves what was recovered until the first commit, at the start.
    pub(super) fn serve_recovered(&self) {
        if let Some(commits) = self.commits.get() {
            commits.serve_recovered(|| self.counted());
        }
    }

    /// Returns the number of sources.
    pub(super) fn len(&self) -> usize {
        lock(&self.sources).shards.len()
    }

    /// Returns a number that is another one once anything was counted or discovered, or the sources were replaced.
    pub(super) fn revision(&self) -> u64 {
        let sources = lock(&self.sources);
        let revisions = sources.shards.iter();
        let rounds: u64 = revisions
            .map(|shard| shard.revision.load(Ordering::Acquire))
            .sum();
        (sources.before << 48) + rounds
    }

    /// Returns the threads that work on the sources.
    pub(super) fn threads(&self) -> Vec<Arc<Control>> {
        lock(&self.threads).clone()
    }

    /// Replaces the sources that a scrape reads by those that `make` makes; scrapes wait meanwhile.
    pub(super) fn replace(&self, links: Links, make: impl FnOnce() -> Vec<Arc<SharedShard>>) {
        let mut sources = lock(&self.sources);
        *sources = Sources {
            shards: make(),
            links,
            before: sources.before + 1,
        };
    }

    /// Sets whether OpenMetrics shows the time at which each series was created.
    pub(super) fn show_created(&self, shows_created: bool) {
        self.shows_created.store(shows_created, Ordering::Relaxed);
    }

    /// Sets the threads that poll before a scrape.
    pub(super) fn set_threads(&self, threads: Vec<Arc<Control>>) {
        *lock(&self.threads) = threads;
    }

    /// Returns the shards of all sources.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<Arc<SharedShard>> {
        lock(&self.sources).shards.clone()
    }

    /// Returns the account of all lines of all sources.
    pub fn ledger(&self) -> Ledger {
        let mut all = Ledger::default();
        for shard in lock(&self.sources).clone().shards {
            all.add(shard.lock().ledger());
        }
        all
    }
}

impl Shards {
    /// Returns what was committed; `None` if what was counted is to be served.
    pub(super) fn committed(&self) -> Option<Families> {
        self.commits.get()?.served(self.clock.monotonic())
    }

    /// Returns what was counted, whether it was committed or not.
    pub(super) fn counted(&self) -> Families {
        let mut families = Vec::new();
        let mut accounts = Accounts::default();
        // The sources of one configuration, all before a reload or all after it.
        let sources = lock(&self.sources);
        for shard in &sources.shards {
            let mut shard = shard.lock();
            families.extend(shard.snapshot());
            shard.account(&mut accounts);
        }
        families.extend(accounts.into_families());
        families.extend(self.telemetry.gap_families());
        families.extend(sources.links.families());
        families.extend(sources.links.outcomes());
        Families::new(families)
    }
}

impl Scrape for Shards {
    fn families(&self) -> Families {
        match self.commits.get() {
            Some(commits) => commits.commit(),
            None => poll_now(&self.threads(), FRESHEN_LIMIT),
        }
        let committed = self.committed();
        // First, as the registry's families are copied twice: what that frees is enough for all others.
        let own = Families::new(self.telemetry.families());
        own.joined(&committed.unwrap_or_else(|| self.counted()))
    }

    fn options(&self) -> Options {
        Options {
            shows_created: self.shows_created.load(Ordering::Relaxed),
        }
    }
}
