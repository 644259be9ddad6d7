//! The exporter's own metrics and its log.
//!
//! Invariant: no name, label value or log field comes from a log line. The names of sources come from the
//! configuration, all other text from this program.

mod convert;
pub mod log;
mod log_queue;
mod metric;
mod state;

use std::time::{Duration, SystemTime};

use prometheus::core::{Atomic, AtomicF64, AtomicI64, Collector, GenericGauge, GenericGaugeVec};
use prometheus::process_collector::ProcessCollector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

pub use metric::Metric;
pub use state::StateTelemetry;

use crate::model::{Bytes, Family, Gap, GapReason, Kind, Number, Series, Unit, Value};
use convert::unix_seconds;

/// Upper bounds of `httplog_exporter_scrape_duration_seconds`, in seconds.
const SCRAPE_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// A failure to register the exporter's own metrics, which is a bug in this program.
#[derive(Debug, thiserror::Error)]
#[error("cannot register the exporter's own metrics")]
pub struct TelemetryError(#[from] prometheus::Error);

/// The exporter's own metrics. All methods may be called from any thread.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    started: SystemTime,
    gap_events: IntCounterVec,
    gap_bytes: IntCounterVec,
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

/// A handle to the metrics of one source. Clones update the same metrics.
#[derive(Clone, Debug)]
pub struct SourceTelemetry {
    name: String,
    gap_events: IntCounterVec,
    gap_bytes: IntCounterVec,
    lag_bytes: IntGauge,
    lag_seconds: GenericGauge<AtomicF64>,
    last_line: GenericGaugeVec<AtomicF64>,
    files_open: IntGauge,
    urlconf_reload_successful: GenericGaugeVec<AtomicI64>,
}

impl Telemetry {
    /// Registers all metrics. `started` is used as `process_start_time_seconds` if the system hides its
    /// boot time.
    ///
    /// # Errors
    ///
    /// If a name in [`Metric`] is invalid or repeated, which tests rule out.
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
            gap_bytes: counters(&registry, Metric::GapBytes)?,
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

    /// Returns the current values of all metrics.
    pub fn families(&self) -> Vec<Family> {
        let mut families = convert::families(self.registry.gather(), self.started);
        families.push(dropped_messages());
        families
    }

    /// Returns a handle to the metrics of a source, which are created on the first call for its name. Gap
    /// counters of the given reasons start at 0, so that `increase()` includes their first event.
    pub fn source(&self, name: &str, gap_reasons: &[GapReason]) -> SourceTelemetry {
        for reason in gap_reasons {
            self.gap_events.with_label_values(&[name, reason.name]);
            for bound in reason.bounds {
                let labels = [name, reason.name, bound.name()];
                self.gap_bytes.with_label_values(&labels);
            }
        }
        SourceTelemetry {
            name: name.to_owned(),
            gap_events: self.gap_events.clone(),
            gap_bytes: self.gap_bytes.clone(),
            lag_bytes: self.lag_bytes.with_label_values(&[name]),
            lag_seconds: self.lag_seconds.with_label_values(&[name]),
            last_line: self.last_line.clone(),
            files_open: self.files_open.with_label_values(&[name]),
            urlconf_reload_successful: self.urlconf_reload_successful.clone(),
        }
    }

    /// Removes the gauges of a source that was removed from the configuration. Its counters stay, since a
    /// counter that disappears and returns counts as a reset.
    pub fn forget_source(&self, name: &str) {
        // An error means that the gauge does not exist.
        let _ = self.lag_bytes.remove_label_values(&[name]);
        let _ = self.lag_seconds.remove_label_values(&[name]);
        let _ = self.last_line.remove_label_values(&[name]);
        let _ = self.files_open.remove_label_values(&[name]);
        let _ = self.urlconf_reload_successful.remove_label_values(&[name]);
    }

    /// Records that a configuration was applied at start or by a reload.
    pub fn config_loaded(&self, at: SystemTime) {
        self.reload_successful.set(1);
        let labels: [&str; 0] = [];
        self.reload_timestamp
            .with_label_values(&labels)
            .set(unix_seconds(at));
    }

    /// Records that a reload failed and the previous configuration stays in use.
    pub fn config_refused(&self) {
        self.reload_successful.set(0);
    }

    /// Counts a response. `path` is one of the server's routes, never the text of the request.
    pub fn http_request(&self, path: &'static str, status: u16) {
        self.http_requests
            .with_label_values(&[path, status.to_string().as_str()])
            .inc();
    }

    /// Counts an accepted connection as open.
    pub fn http_connection_opened(&self) {
        self.http_connections.inc();
    }

    /// Counts an open connection as closed.
    pub fn http_connection_closed(&self) {
        self.http_connections.dec();
    }

    /// Counts a connection that was refused, or closed to make room for another.
    pub fn http_connection_rejected(&self) {
        self.http_connections_rejected.inc();
    }

    /// Observes the time to gather and encode a scrape.
    pub fn scraped(&self, took: Duration) {
        self.scrape_duration.observe(took.as_secs_f64());
    }
}

impl SourceTelemetry {
    /// Returns the source's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the number of bytes in the source's files that were not read yet.
    pub fn set_lag_bytes(&self, lag: Bytes) {
        self.lag_bytes.set(i64::try_from(lag.0).unwrap_or(i64::MAX));
    }

    /// Sets the age of the oldest unread byte.
    pub fn set_lag(&self, lag: Duration) {
        self.lag_seconds.set(lag.as_secs_f64());
    }

    /// Sets the time at which the last line was read. The series does not exist before the first line, since
    /// 0 would mean 1970.
    pub fn set_last_line(&self, at: SystemTime) {
        self.last_line
            .with_label_values(&[self.name.as_str()])
            .set(unix_seconds(at));
    }

    /// Sets the number of files, pipes, sockets and connections that the source holds open.
    pub fn set_files_open(&self, files: usize) {
        self.files_open
            .set(i64::try_from(files).unwrap_or(i64::MAX));
    }

    /// Sets whether the last read of the source's URLconf succeeded; `None` for a source without one.
    pub fn set_urlconf(&self, is_successful: Option<bool>) {
        let labels = [self.name.as_str()];
        match is_successful {
            Some(is_successful) => self
                .urlconf_reload_successful
                .with_label_values(&labels)
                .set(i64::from(is_successful)),
            None => {
                // An error means that the gauge does not exist.
                let _ = self.urlconf_reload_successful.remove_label_values(&labels);
            }
        }
    }

    /// Counts lines that were lost, or may have been.
    pub fn gap(&self, gap: &Gap) {
        let (name, reason) = (self.name.as_str(), gap.reason.name);
        let events = self.gap_events.with_label_values(&[name, reason]);
        events.inc_by(gap.count);
        for (bound, bytes) in gap.bounds() {
            let labels = [name, reason, bound.name()];
            self.gap_bytes.with_label_values(&labels).inc_by(bytes);
        }
    }
}

/// Returns the family of dropped log messages: the log belongs to the process, and not to a registry.
fn dropped_messages() -> Family {
    let metric = Metric::LogMessagesDropped;
    let value = Value::Number(Number::Exact(log::dropped(), Unit::One));
    Family {
        name: metric.name().into(),
        help: metric.help().into(),
        kind: Kind::Counter,
        series: vec![Series {
            labels: Vec::new(),
            value,
        }],
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

#[cfg(test)]
mod tests;
