//! The counts of all sources, shared by the workers that count and the scrapes that copy.
//!
//! Invariant: a shard is locked for one batch or one copy, never while its holder waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::access::AccessTable;
use super::commits::{Commits, FRESHEN_LIMIT};
use super::control::{Control, lock, millis, poll_now};
use crate::aggregate::{Accounts, Ledger, Shard};
use crate::clock::Clock;
use crate::expose::Options;
use crate::join::Links;
use crate::model::{Exemplar, Families};
use crate::nginx_status::{Poller, StubEvent};
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
    /// State of each source's input.
    access: AccessTable,
    telemetry: Arc<Telemetry>,
    clock: Arc<dyn Clock>,
    /// nginx's stub status pages.
    nginx: Poller,
    /// Present if what is served was committed before.
    commits: OnceLock<Arc<Commits>>,
    /// True if OpenMetrics shows the time at which each series was created.
    shows_created: AtomicBool,
    /// True if any source has exemplars.
    has_exemplars: AtomicBool,
}

/// Revision of what is served: what was committed, or what was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServedRevision {
    counted: u64,
    published: u64,
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

    /// Locks the shard. A panic ends the process, so it is never poisoned.
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
            access: AccessTable::default(),
            telemetry,
            clock,
            nginx: Poller::default(),
            commits: OnceLock::new(),
            shows_created: AtomicBool::new(false),
            has_exemplars: AtomicBool::new(false),
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

    /// Returns the state of each source's input, which the main loop keeps.
    pub(super) fn access(&self) -> &AccessTable {
        &self.access
    }

    /// Returns nginx's stub status pages, which are requested for each scrape.
    pub(super) fn nginx(&self) -> &Poller {
        &self.nginx
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

    /// Sets whether any source has exemplars, which are removed from what was committed once they are too old.
    pub(super) fn set_exemplars(&self, has_exemplars: bool) {
        self.has_exemplars.store(has_exemplars, Ordering::Relaxed);
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
        let commits = self.commits.get()?;
        if self.has_exemplars.load(Ordering::Relaxed) {
            commits.forget_exemplars(Exemplar::shown_since(millis(self.clock.wall())));
        }
        commits.served(self.clock.monotonic())
    }

    /// Returns what was counted, whether it was committed or not.
    pub(super) fn counted(&self) -> Families {
        let mut families = Vec::new();
        let mut accounts = Accounts::default();
        let now = millis(self.clock.wall());
        // The sources of one configuration, all before a reload or all after it.
        let sources = lock(&self.sources);
        for shard in &sources.shards {
            let mut shard = shard.lock();
            shard.set_now(now);
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

impl Shards {
    /// Returns all metrics: those of the lines as of the last commit, if counts are kept, after one was asked for; those of nginx's
    /// stub status as of now.
    pub(super) fn families(&self) -> Families {
        let poll = self.nginx.begin();
        match self.commits.get() {
            Some(commits) => commits.commit(),
            None => poll_now(&self.threads(), FRESHEN_LIMIT),
        }
        let Some(poll) = poll else {
            return self.served();
        };
        let (nginx, events) = poll.finish();
        for event in events {
            match event {
                StubEvent::Down { .. } => tracing::warn!("{event}"),
                StubEvent::Up { .. } => tracing::info!("{event}"),
            }
        }
        self.served().joined(&Families::new(nginx))
    }

    /// Returns all metrics as they are, without reading logs first.
    pub(super) fn served(&self) -> Families {
        let committed = self.committed();
        // First, as the registry's families are copied twice: what that frees is enough for all others.
        let own = Families::new(self.telemetry.families());
        own.joined(&committed.unwrap_or_else(|| self.counted()))
    }

    /// Returns a value that is another one once other counts may be served.
    pub(super) fn served_revision(&self) -> ServedRevision {
        let commits = self.commits.get();
        ServedRevision {
            counted: self.revision(),
            published: commits.map_or(0, |commits| commits.published()),
        }
    }

    /// Returns the options of their encoding.
    pub(super) fn options(&self) -> Options {
        Options {
            shows_created: self.shows_created.load(Ordering::Relaxed),
        }
    }

    /// Returns the reason why the last commit failed; `None` if it did not.
    pub(super) fn commit_failure(&self) -> Option<String> {
        self.commits.get()?.failure()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::label::Budget;
    use crate::model::{Batch, ExemplarId, GenerationId, Position, Value};
    use crate::pattern::{Dialect, Pattern};
    use crate::pipeline::{Pipeline, Settings};

    const LINE: &[u8] = b"\"GET / HTTP/1.1\" 200 0.300 one\n";

    /// Returns the shards of one source that has counted one line at this time, and has an exemplar.
    pub(in crate::daemon) fn counted(clock: &Arc<ManualClock>) -> Shards {
        let format = "\"$request\" $status $request_time $http_x_request_id";
        let pattern = Pattern::compile("test", Dialect::Nginx, format).unwrap();
        let settings = Settings {
            exemplars: Some(ExemplarId::Request),
            ..Settings::new("test", Arc::new(pattern))
        };
        let mut pipeline = Pipeline::new(settings, Budget::new(100));
        let mut shard = pipeline.shard();
        shard.set_now(millis(clock.wall()));
        let end = Position {
            generation: GenerationId(0),
            offset: 0,
        };
        pipeline.feed(&mut shard, &Batch::new(LINE, 0, end));
        let telemetry = Arc::new(Telemetry::new("1", clock.wall()).unwrap());
        let clock: Arc<dyn Clock> = clock.clone();
        let shards = Shards::new(telemetry, clock);
        shards.set_exemplars(true);
        let shard = Arc::new(SharedShard::new(shard));
        shards.replace(Links::default(), || vec![shard]);
        shards
    }

    /// Returns the number of exemplars.
    pub(in crate::daemon) fn exemplars(families: &Families) -> usize {
        let series = families.iter().flat_map(|family| &family.series);
        let of_series = series.map(|series| match &series.value {
            Value::Histogram(histogram) => histogram.exemplars.len(),
            Value::Number(_) => 0,
        });
        of_series.sum()
    }

    #[test]
    fn exemplars_are_served_for_a_minute() {
        let clock = Arc::<ManualClock>::default();
        clock.advance(Duration::from_hours(1));
        let shards = counted(&clock);
        assert_eq!(exemplars(&shards.counted()), 1);
        clock.advance(Duration::from_mins(1));
        assert_eq!(exemplars(&shards.counted()), 1);
        clock.advance(Duration::from_millis(1));
        assert_eq!(exemplars(&shards.counted()), 0);
    }
}
