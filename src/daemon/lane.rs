//! The counts of all sources, for whoever counts and whoever looks.
//!
//! Invariant: a shard is locked for a batch or for a copy, never while anything waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::aggregate::{Ledger, Shard};
use crate::http::Scrape;
use crate::join::Links;
use crate::model::Families;
use crate::telemetry::Telemetry;

/// One source's counts.
#[derive(Debug)]
pub(super) struct Lane {
    shard: Mutex<Shard>,
}

/// Every source's counts, and the exporter's own metrics.
#[derive(Debug)]
pub struct Lanes {
    sources: Mutex<Sources>,
    telemetry: Arc<Telemetry>,
}

/// What is in force.
#[derive(Clone, Debug, Default)]
struct Sources {
    lanes: Vec<Arc<Lane>>,
    links: Links,
}

impl Lane {
    pub(super) fn new(shard: Shard) -> Self {
        Self {
            shard: Mutex::new(shard),
        }
    }

    /// A panic while it was locked ends the process, so a poisoned shard is only ever read.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            sources: Mutex::default(),
            telemetry,
        }
    }

    pub(super) fn replace(&self, lanes: Vec<Arc<Lane>>, links: Links) {
        *self.sources.lock().unwrap_or_else(PoisonError::into_inner) = Sources { lanes, links };
    }

    /// The account of all lines of all sources.
    pub fn ledger(&self) -> Ledger {
        let mut all = Ledger::default();
        for lane in self.all().lanes {
            all.add(lane.lock().ledger());
        }
        all
    }

    fn all(&self) -> Sources {
        self.sources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Scrape for Lanes {
    fn families(&self) -> Families {
        let mut families = Vec::new();
        let sources = self.all();
        for lane in sources.lanes {
            let shard = lane.lock();
            families.extend(shard.snapshot());
            families.extend(shard.account());
        }
        families.extend(sources.links.families());
        families.extend(sources.links.outcomes());
        Families::new(families).merge(self.telemetry.families())
    }
}
