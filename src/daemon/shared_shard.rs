//! The counts of all sources, shared by the workers that count and the scrapes that copy.
//!
//! Invariant: a shard is locked for one batch or one copy, never while its holder waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::control::{Control, poll_now};
use crate::aggregate::{Accounts, Ledger, Shard};
use crate::http::Scrape;
use crate::join::Links;
use crate::model::Families;
use crate::telemetry::Telemetry;

/// Time that a scrape waits for lines that were written before it.
const FRESHEN_LIMIT: Duration = Duration::from_millis(50);

/// Counts of one source.
#[derive(Debug)]
pub(super) struct SharedShard {
    shard: Mutex<Shard>,
    /// Calls of [`Self::lock`], including those that wait.
    #[cfg(test)]
    pub(super) locks: std::sync::atomic::AtomicUsize,
}

/// Counts of every source, and the exporter's own metrics.
#[derive(Debug)]
pub struct Shards {
    sources: Mutex<Sources>,
    /// Threads that work on the sources.
    threads: Mutex<Vec<Arc<Control>>>,
    telemetry: Arc<Telemetry>,
}

/// Sources of the configuration in force.
#[derive(Clone, Debug, Default)]
struct Sources {
    shards: Vec<Arc<SharedShard>>,
    links: Links,
}

impl SharedShard {
    /// Shares a shard.
    pub(super) fn new(shard: Shard) -> Self {
        Self {
            shard: Mutex::new(shard),
            #[cfg(test)]
            locks: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Locks the shard. A panic under the lock ends the process, so a poisoned shard is only read.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        #[cfg(test)]
        self.locks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        lock(&self.shard)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shards {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            sources: Mutex::default(),
            threads: Mutex::default(),
            telemetry,
        }
    }

    /// Replaces the sources that a scrape reads.
    pub(super) fn replace(&self, shards: Vec<Arc<SharedShard>>, links: Links) {
        *lock(&self.sources) = Sources { shards, links };
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

impl Scrape for Shards {
    fn families(&self) -> Families {
        let threads = lock(&self.threads).clone();
        poll_now(&threads, FRESHEN_LIMIT);
        // First, as the registry's families are copied twice: what that frees is enough for all others.
        let mut families = self.telemetry.families();
        let mut accounts = Accounts::default();
        let sources = lock(&self.sources).clone();
        for shard in sources.shards {
            let mut shard = shard.lock();
            families.extend(shard.snapshot());
            shard.account(&mut accounts);
        }
        families.extend(accounts.into_families());
        families.extend(sources.links.families());
        families.extend(sources.links.outcomes());
        Families::new(families)
    }
}
