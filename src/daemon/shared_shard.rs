//! The counts of all sources, shared by the workers that count and the scrapes that copy.
//!
//! Invariant: a shard is locked for one batch or one copy, never while its holder waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::aggregate::{Ledger, Shard};
use crate::http::Scrape;
use crate::join::Links;
use crate::model::Families;
use crate::telemetry::Telemetry;

/// Counts of one source.
#[derive(Debug)]
pub(super) struct SharedShard(pub(super) Mutex<Shard>);

/// Counts of every source, and the exporter's own metrics.
#[derive(Debug)]
pub struct Shards {
    sources: Mutex<Sources>,
    telemetry: Arc<Telemetry>,
}

/// Sources of the configuration in force.
#[derive(Clone, Debug, Default)]
struct Sources {
    shards: Vec<Arc<SharedShard>>,
    links: Links,
}

impl SharedShard {
    /// Locks the shard. A panic under the lock ends the process, so a poisoned shard is only read.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        lock(&self.0)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shards {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            sources: Mutex::default(),
            telemetry,
        }
    }

    /// Replaces the sources that a scrape reads.
    pub(super) fn replace(&self, shards: Vec<Arc<SharedShard>>, links: Links) {
        *lock(&self.sources) = Sources { shards, links };
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
        let mut families = Vec::new();
        let sources = lock(&self.sources).clone();
        for shard in sources.shards {
            let shard = shard.lock();
            families.extend(shard.snapshot());
            families.extend(shard.account());
        }
        families.extend(sources.links.families());
        families.extend(sources.links.outcomes());
        families.extend(self.telemetry.families());
        Families::new(families)
    }
}
