//! Forecasts the series that a configuration makes of a log.
//!
//! Invariant: the numbers are those of a scrape of `run` on the same lines: the samples of its page.

use std::mem::ManuallyDrop;
use std::path::Path;

use crate::aggregate::{Accounts, Ledger, Shard};
use crate::cli::exit::{Exit, Failure};
use crate::cli::logs::{Owned, Session, count_sources, may_wait};
use crate::config::{Config, Limits, Resolvers};
use crate::daemon::own_families;
use crate::model::{Families, Family, Series, Value};
use crate::nginx_status::{self, Stub};

/// The series of a configuration after some lines.
pub(super) struct Forecast {
    /// Families of the product.
    pub(super) product: Families,
    /// Number of series about the exporter itself and its process.
    pub(super) own: usize,
    pub(super) ledger: Ledger,
    /// Label sets that count towards `limits.series`.
    pub(super) label_sets: usize,
    pub(super) limit: usize,
    /// The lowest limit at which each line has its own labels; `None` if that is this one, or is not known.
    pub(super) needed: Option<usize>,
    /// Sources without a line.
    pub(super) unread: Vec<String>,
}

impl Forecast {
    /// Reads logs. `path` is that of the configuration. Warns of rejected lines on standard error.
    pub(super) fn new(
        config: &Config,
        path: &Path,
        resolvers: &Resolvers,
        logs: &[Owned],
    ) -> Result<Self, Failure> {
        // The process ends: freeing all counts and routes one by one would only take time.
        let count = |series| count_sources(config, path, resolvers, logs, series);
        let mut session = ManuallyDrop::new(count(config.limits.series)?);
        let mut forecast = Self::of(config, &mut session)?;
        session.warn(false);
        // A stream cannot be read again.
        if forecast.ledger.overflow > 0 && !logs.iter().any(|(log, _)| may_wait(log)) {
            let session = ManuallyDrop::new(count(Limits::MAX_SERIES)?);
            let shards = || session.formats.iter().map(|counts| &counts.shard);
            let is_enough = shards().all(|shard| shard.ledger().overflow == 0);
            let label_sets = shards().map(Shard::series).sum();
            forecast.needed = is_enough.then_some(label_sets);
        }
        Ok(forecast)
    }

    fn of(config: &Config, session: &mut Session<'_>) -> Result<Self, Failure> {
        let own = own_families(config);
        let mut all = own.map_err(|error| Failure::new(Exit::Runtime, error))?;
        let (mut accounts, mut ledger) = (Accounts::default(), Ledger::default());
        let (mut label_sets, mut unread) = (0, Vec::new());
        for counts in &mut session.formats {
            all.append(&mut counts.shard.snapshot());
            counts.shard.account(&mut accounts);
            ledger.add(counts.shard.ledger());
            label_sets += counts.shard.series();
            if counts.shard.ledger().lines() == 0 {
                unread.push(counts.name.clone());
            }
        }
        all.extend(session.links.families());
        all.extend(session.links.outcomes());
        all.extend(accounts.into_families());
        let pages = config.nginx_status.iter();
        let pages: Vec<_> = pages
            .map(|page| (&page.value, Some(Stub::default())))
            .collect();
        if !pages.is_empty() {
            all.append(&mut nginx_status::families(&pages));
        }
        let (own, product): (Vec<Family>, _) = all.into_iter().partition(is_own);
        Ok(Self {
            product: Families::new(product),
            own: Families::new(own).iter().map(samples).sum(),
            ledger,
            label_sets,
            limit: config.limits.series,
            needed: None,
            unread,
        })
    }

    /// Returns the number of the product's series: the samples of a page.
    pub(super) fn series(&self) -> usize {
        self.product.iter().map(samples).sum()
    }
}

/// Returns whether a family is about the exporter itself or its process.
fn is_own(family: &Family) -> bool {
    ["httplog_exporter_", "process_"]
        .iter()
        .any(|prefix| family.name.starts_with(prefix))
}

/// Returns the number of samples of a family: of a histogram, its buckets, its sum and its count.
pub(super) fn samples(family: &Family) -> usize {
    family.series.iter().map(samples_of).sum()
}

/// Returns the number of samples of a label set.
pub(super) fn samples_of(series: &Series) -> usize {
    match &series.value {
        Value::Number(_) => 1,
        Value::Histogram(histogram) => histogram.counts.len() + 2,
    }
}
