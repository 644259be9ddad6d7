//! The exporter's own metrics and its log.
//!
//! Invariant: no name, label value or log field comes from a log line. The names of sources come from the
//! configuration, all other text from this program.

mod capacities;
mod convert;
mod fronts;
mod gaps;
pub mod log;
mod log_queue;
mod metric;
pub mod panic;
mod state;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus::core::{Atomic, AtomicF64, AtomicI64, Collector, GenericGauge, GenericGaugeVec};
use prometheus::process_collector::ProcessCollector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

pub use gaps::gap_families;
pub use metric::Metric;
pub use state::StateTelemetry;

use crate::model::{Bytes, Family, Gap, GapReason, Kind, Number, SavedGap, Series, Unit, Value};
use capacities::Capacities;
use convert::{unix_millis, unix_seconds};
use fronts::Fronts;
use gaps::SharedGaps;

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
    /// Gaps of each source, by name.
    gaps: Mutex<BTreeMap<String, SharedGaps>>,
    fronts: Fronts,
    capacities: Capacities,
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
    tls_handshakes_failed: IntCounter,
    web_config_successful: GenericGaugeVec<AtomicI64>,
    certificate_not_after: GenericGaugeVec<AtomicF64>,
    scrape_duration: Histogram,
    state: OnceLock<StateTelemetry>,
}

/// A handle to the metrics of one source. Clones update the same metrics.
#[derive(Clone, Debug)]
pub struct SourceTelemetry {
    name: String,
    gaps: SharedGaps,
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
            gaps: Mutex::default(),
            fronts: Fronts::default(),
            capacities: Capacities::default(),
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
            tls_handshakes_failed: register(
                &registry,
                IntCounter::with_opts(options(Metric::TlsHandshakesFailed)),
            )?,
            web_config_successful: gauges(&registry, Metric::WebConfigReloadSuccessful)?,
            certificate_not_after: gauges(&registry, Metric::CertificateNotAfter)?,
            scrape_duration: register(&registry, Histogram::with_opts(scrapes))?,
            state: OnceLock::new(),
            registry,
        })
    }

    /// Returns the current values of all metrics but those of gaps, which belong to what was counted.
    pub fn families(&self) -> Vec<Family> {
        let mut families = convert::families(self.registry.gather(), self.started);
        families.push(dropped_messages(self.started));
        families.extend(self.fronts.family());
        families.extend(self.capacities.family());
        families
    }

    /// Returns the families of the gaps of all sources.
    pub fn gap_families(&self) -> Vec<Family> {
        let gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        let gaps: Vec<_> = gaps
            .iter()
            .map(|(name, gaps)| (name.clone(), gaps.save()))
            .collect();
        gap_families(gaps.iter().map(|(name, gaps)| (&**name, &**gaps)))
    }

    /// Returns a handle to the metrics of a source, which are created on the first call for its name.
    pub fn source(&self, name: &str, gap_reasons: &[GapReason]) -> SourceTelemetry {
        let mut all = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        let gaps = all.entry(name.to_owned()).or_default().clone();
        drop(all);
        gaps.begin(gap_reasons);
        SourceTelemetry {
            name: name.to_owned(),
            gaps,
            lag_bytes: self.lag_bytes.with_label_values(&[name]),
            lag_seconds: self.lag_seconds.with_label_values(&[name]),
            last_line: self.last_line.clone(),
            files_open: self.files_open.with_label_values(&[name]),
            urlconf_reload_successful: self.urlconf_reload_successful.clone(),
        }
    }

    /// Sets the sources in front of a source.
    pub fn set_fronts(&self, source: &str, fronts: &[String]) {
        self.fronts.set(source, fronts);
    }

    /// Replaces the requests that the workers of sources handle at once, by the names of the sources.
    pub fn set_capacities(&self, capacities: &BTreeMap<String, u64>) {
        self.capacities.set(capacities.clone());
    }

    /// Removes the metrics of a source that was removed from the configuration.
    pub fn forget_source(&self, name: &str) {
        let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.remove(name);
        drop(gaps);
        self.fronts.remove(name);
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

    /// Counts a TLS handshake that failed.
    pub fn tls_handshake_failed(&self) {
        self.tls_handshakes_failed.inc();
    }

    /// Records that the web configuration was read, and until when its certificate is valid, if it has one.
    pub fn web_config_loaded(&self, not_after: Option<SystemTime>) {
        let labels: [&str; 0] = [];
        self.web_config_successful.with_label_values(&labels).set(1);
        match not_after {
            Some(at) => self
                .certificate_not_after
                .with_label_values(&labels)
                .set(unix_seconds(at)),
            None => self.certificate_not_after.reset(),
        }
    }

    /// Records that the web configuration has errors, and the previous one stays in use.
    pub fn web_config_refused(&self) {
        let labels: [&str; 0] = [];
        self.web_config_successful.with_label_values(&labels).set(0);
    }

    /// Records that no web configuration is used: its metrics do not exist.
    pub fn web_config_absent(&self) {
        self.web_config_successful.reset();
        self.certificate_not_after.reset();
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

    /// Counts lines that were lost, or may have been.
    pub fn gap(&self, gap: &Gap) {
        self.gaps.count(gap);
    }

    /// Returns the gaps so far.
    pub fn save_gaps(&self) -> Vec<SavedGap> {
        self.gaps.save()
    }

    /// Adds saved gaps. Those of a reason that the source does not have are left out.
    pub fn resume_gaps(&self, saved: &[SavedGap]) {
        self.gaps.resume(saved);
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
}

/// Returns the family of dropped log messages: the log belongs to the process, and not to a registry.
fn dropped_messages(started: SystemTime) -> Family {
    let metric = Metric::LogMessagesDropped;
    let value = Value::Number(Number::Exact(log::dropped(), Unit::One));
    Family {
        name: metric.name().into(),
        help: metric.help().into(),
        kind: Kind::Counter,
        series: vec![Series {
            labels: Vec::new(),
            value,
            created: Some(unix_millis(started)),
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
