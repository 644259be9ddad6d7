//! From a batch of lines to counts: the only place that sees all of the core.
//!
//! Invariant: every line of a batch is recorded, rejected or skipped, exactly once.

mod httplog;
mod names;

use std::sync::Arc;

use crate::aggregate::{Ledger, Measure, Shard, Values};
use crate::label::{self, Budget, Method};
use crate::model::{Batch, Record};
use crate::pattern::{Pattern, Reject, Scratch};
use crate::route::{RouteId, Router};

use names::{SourceNames, pack};

/// Lines that hold nothing.
const BLANK: &str = "blank";

/// What a pipeline is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source's name, as the label `source` shows it.
    pub source: String,
    /// How its lines are written.
    pub pattern: Arc<Pattern>,
    /// Longest line, in bytes.
    pub line_bytes: usize,
    /// Routes learned at most.
    pub max_routes: usize,
}

/// Reads the lines of one source; one for each thread.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    scratch: Scratch,
    router: Router,
    names: SourceNames,
}

impl Pipeline {
    /// A pipeline; `budget` is shared by all of them.
    pub fn new(settings: Settings, budget: Budget) -> Self {
        Self {
            scratch: settings.pattern.scratch(),
            router: Router::new(settings.max_routes),
            names: SourceNames::new(&settings.source, budget),
            settings,
        }
    }

    /// The shard that goes with it, empty.
    pub fn shard(&self) -> Shard {
        let ledger = Ledger {
            rejected: Reject::ALL.map(|reason| (reason.name(), 0)).into(),
            skipped: [(BLANK, 0)].into(),
            ..Ledger::default()
        };
        Shard::new(
            &self.settings.source,
            httplog::definitions(self.settings.pattern.fields()),
            ledger,
        )
    }

    /// Counts a batch.
    pub fn feed(&mut self, shard: &mut Shard, batch: &Batch<'_>) {
        for line in batch.lines() {
            if line.is_empty() {
                shard.skip(BLANK);
            } else if line.len() > self.settings.line_bytes {
                shard.reject(Reject::Overlong.name());
            } else {
                match self.settings.pattern.parse(&mut self.scratch, line) {
                    Ok(record) => self.count(shard, &record),
                    Err(reject) => shard.reject(reject.name()),
                }
            }
        }
        for _ in 0..batch.overlong() {
            shard.reject(Reject::Overlong.name());
        }
        shard.advance(batch.bytes().len() as u64, batch.end());
    }

    fn count(&mut self, shard: &mut Shard, record: &Record<'_>) {
        let method = Method::of(record.method);
        let route = record.target.map_or(RouteId::OTHER, |target| {
            self.router.route(target, record.status)
        });
        let key = pack(method, label::status(record.status), route);
        let upstream = record.upstream_durations;
        let values = Values::default()
            .with(
                Measure::Duration,
                record.duration.map(|duration| duration.0),
            )
            .with(
                Measure::UpstreamDuration,
                upstream
                    .and_then(|list| list.last_duration())
                    .map(|last| last.0),
            )
            .with(
                Measure::UpstreamRetries,
                upstream.map(|list| list.retries()),
            )
            .with(
                Measure::ResponseBytes,
                record.response_bytes.map(|bytes| bytes.0),
            )
            .with(
                Measure::RequestBytes,
                record.request_bytes.map(|bytes| bytes.0),
            );
        shard.apply(key, &values, &self.names.with(&self.router));
    }
}
