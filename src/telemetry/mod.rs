//! What the exporter says about itself: metrics and its own log.
//!
//! Invariant: no name, label value or log field comes from a log line; sources are named by the
//! configuration, everything else by this program.

mod convert;
pub mod log;
mod metric;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::core::{Atomic, AtomicF64, AtomicI64, Collector, GenericGauge, GenericGaugeVec};
use prometheus::process_collector::ProcessCollector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

pub use metric::Metric;

use crate::model::{Bytes, Family};

/// Upper bounds of `httplog_exporter_scrape_duration_seconds`.
const SCRAPE_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// The exporter's own metrics could not be set up; a fault of this program, not of its user.
#[derive(Debug, thiserror::Error)]
#[error("cannot register the exporter's own metrics")]
pub struct TelemetryError(#[from] prometheus::Error);

/// The exporter's own metrics; handles are cheap to use from any thread.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    started: SystemTime,
    gap_events: IntCounterVec,
    lag_bytes: GenericGaugeVec<AtomicI64>,
    lag_seconds: GenericGaugeVec<AtomicF64>,
    last_line: GenericGaugeVec<AtomicF64>,
    files_open: GenericGaugeVec<AtomicI64>,
    urlconf_reload_successful: GenericGaugeVec<AtomicI64>,
    reload_successful: IntGauge,
    reload_timestamp: GenericGaugeVec<AtomicF64>,
    http_requests: IntCounterVec,
    http_connections: IntGauge,
    http_connections_rejected: IntCounter,
    scrape_duration: Histogram,
}

/// The metrics of one source. A clone is a handle to the same metrics.
#[derive(Clone, Debug)]
pub struct SourceTelemetry {
    name: String,
    gap_events: IntCounterVec,
    lag_bytes: IntGauge,
    lag_seconds: GenericGauge<AtomicF64>,
    last_line: GenericGaugeVec<AtomicF64>,
    files_open: IntGauge,
    urlconf_reload_successful: GenericGaugeVec<AtomicI64>,
}

impl Telemetry {
    /// Registers everything. `started` stands in for `process_start_time_seconds` where the
    /// system hides its boot time.
    ///
    /// # Errors
    ///
    /// Never, as long as the names in [`Metric`] are valid and distinct.
    pub fn new(version: &str, started: SystemTime) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        gauges::<AtomicI64>(&registry, Metric::BuildInfo)?
            .with_label_values(&[version])
            .set(1);
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let buckets = SCRAPE_BUCKETS.to_vec();
        let scrapes = HistogramOpts::from(options(Metric::ScrapeDuration)).buckets(buckets);
        Ok(Self {
            started,
            gap_events: counters(&registry, Metric::GapEvents)?,
            lag_bytes: gauges(&registry, Metric::LagBytes)?,
            lag_seconds: gauges(&registry, Metric::LagSeconds)?,
            last_line: gauges(&registry, Metric::LastLineTimestamp)?,
            files_open: gauges(&registry, Metric::FilesOpen)?,
            urlconf_reload_successful: gauges(&registry, Metric::UrlconfReloadSuccessful)?,
            reload_successful: register(
                &registry,
                IntGauge::with_opts(options(Metric::ReloadSuccessful)),
            )?,
            reload_timestamp: gauges(&registry, Metric::ReloadSuccessTimestamp)?,
            http_requests: counters(&registry, Metric::HttpRequests)?,
            http_connections: register(
                &registry,
                IntGauge::with_opts(options(Metric::HttpConnections)),
            )?,
            http_connections_rejected: register(
                &registry,
                IntCounter::with_opts(options(Metric::HttpConnectionsRejected)),
            )?,
            scrape_duration: register(&registry, Histogram::with_opts(scrapes))?,
            registry,
        })
    }

    /// Everything at this instant, for the encoder that also writes the product's families.
    pub fn families(&self) -> Vec<Family> {
        convert::families(&self.registry.gather(), self.started)
    }

    /// The metrics of a source; the same name gives the same metrics. Gap counters of the given
    /// reasons start at 0, so that their first increase is seen.
    pub fn source(&self, name: &str, gap_reasons: &[&'static str]) -> SourceTelemetry {
        for reason in gap_reasons {
            self.gap_events.with_label_values(&[name, reason]);
        }
        SourceTelemetry {
            name: name.to_owned(),
            gap_events: self.gap_events.clone(),
            lag_bytes: self.lag_bytes.with_label_values(&[name]),
            lag_seconds: self.lag_seconds.with_label_values(&[name]),
            last_line: self.last_line.clone(),
            files_open: self.files_open.with_label_values(&[name]),
            urlconf_reload_successful: self.urlconf_reload_successful.clone(),
        }
    }

    /// Takes away the gauges of a source that the configuration no longer names. Its counters
    /// stay: a counter that vanishes looks like a reset.
    pub fn forget_source(&self, name: &str) {
        // An error means that the gauge never stood there.
        let _ = self.lag_bytes.remove_label_values(&[name]);
        let _ = self.lag_seconds.remove_label_values(&[name]);
        let _ = self.last_line.remove_label_values(&[name]);
        let _ = self.files_open.remove_label_values(&[name]);
        let _ = self.urlconf_reload_successful.remove_label_values(&[name]);
    }

    /// A configuration was put in force, the first one included.
    pub fn config_loaded(&self, at: SystemTime) {
        self.reload_successful.set(1);
        let labels: [&str; 0] = [];
        self.reload_timestamp
            .with_label_values(&labels)
            .set(unix_seconds(at));
    }

    /// A configuration was refused; the one before stays in force.
    pub fn config_refused(&self) {
        self.reload_successful.set(0);
    }

    /// A request was answered. `path` is one of the server's own, never the request's text.
    pub fn http_request(&self, path: &'static str, status: u16) {
        self.http_requests
            .with_label_values(&[path, status.to_string().as_str()])
            .inc();
    }

    /// A connection was taken in.
    pub fn http_connection_opened(&self) {
        self.http_connections.inc();
    }

    /// A connection ended.
    pub fn http_connection_closed(&self) {
        self.http_connections.dec();
    }

    /// A connection was refused, or closed to make room for another.
    pub fn http_connection_rejected(&self) {
        self.http_connections_rejected.inc();
    }

    /// A scrape was gathered and encoded.
    pub fn scraped(&self, took: Duration) {
        self.scrape_duration.observe(took.as_secs_f64());
    }
}

impl SourceTelemetry {
    /// The source's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that stand in the source's files and were not read yet.
    pub fn set_lag_bytes(&self, lag: Bytes) {
        self.lag_bytes.set(i64::try_from(lag.0).unwrap_or(i64::MAX));
    }

    /// How long the oldest unread byte has waited.
    pub fn set_lag(&self, lag: Duration) {
        self.lag_seconds.set(lag.as_secs_f64());
    }

    /// When the last line was read. Until the first one there is no series: 0 would claim 1970.
    pub fn set_last_line(&self, at: SystemTime) {
        self.last_line
            .with_label_values(&[self.name.as_str()])
            .set(unix_seconds(at));
    }

    /// Files the source holds open.
    pub fn set_files_open(&self, files: usize) {
        self.files_open
            .set(i64::try_from(files).unwrap_or(i64::MAX));
    }

    /// Whether the file that names the source's views was taken when it was last read; `None` if
    /// it has none.
    pub fn set_urlconf(&self, is_taken: Option<bool>) {
        let labels = [self.name.as_str()];
        match is_taken {
            Some(is_taken) => self
                .urlconf_reload_successful
                .with_label_values(&labels)
                .set(i64::from(is_taken)),
            None => {
                // An error means that the gauge never stood there.
                let _ = self.urlconf_reload_successful.remove_label_values(&labels);
            }
        }
    }

    /// Lines may be missing, for this reason, so many times more.
    pub fn gaps(&self, reason: &'static str, times: u64) {
        self.gap_events
            .with_label_values(&[self.name.as_str(), reason])
            .inc_by(times);
    }
}

fn options(metric: Metric) -> Opts {
    Opts::new(metric.name(), metric.help())
}

fn counters(registry: &Registry, metric: Metric) -> Result<IntCounterVec, prometheus::Error> {
    register(
        registry,
        IntCounterVec::new(options(metric), metric.labels()),
    )
}

fn gauges<P: Atomic + 'static>(
    registry: &Registry,
    metric: Metric,
) -> Result<GenericGaugeVec<P>, prometheus::Error> {
    register(
        registry,
        GenericGaugeVec::new(options(metric), metric.labels()),
    )
}

/// Registers a collector and returns the handle to it.
fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: Result<C, prometheus::Error>,
) -> Result<C, prometheus::Error> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// Seconds since 1970; 0 before.
fn unix_seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

#[cfg(test)]
mod tests;
