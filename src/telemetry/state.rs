//! Metrics of the state that is kept across restarts. They exist only if one is kept.

use std::time::Duration;

use prometheus::core::{AtomicF64, GenericGauge};
use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge};

use super::{Metric, Telemetry, TelemetryError, counters, options, register};

/// Upper bounds of `httplog_exporter_state_commit_duration_seconds`, in seconds.
const COMMIT_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// Values of the label `outcome`.
const OUTCOMES: [&str; 2] = ["failure", "success"];

/// A handle to the metrics of the state. Clones update the same metrics.
#[derive(Clone, Debug)]
pub struct StateTelemetry {
    commits: IntCounterVec,
    commit_duration: Histogram,
    age: GenericGauge<AtomicF64>,
    durable: IntGauge,
}

impl Telemetry {
    /// Returns a handle to the metrics of the state, which the first call registers.
    ///
    /// # Errors
    ///
    /// If a name in [`Metric`] is invalid or repeated, which tests rule out.
    pub fn state(&self) -> Result<StateTelemetry, TelemetryError> {
        if let Some(state) = self.state.get() {
            return Ok(state.clone());
        }
        let state = self.register_state()?;
        Ok(self.state.get_or_init(|| state).clone())
    }

    fn register_state(&self) -> Result<StateTelemetry, TelemetryError> {
        let registry = &self.registry;
        let commits = counters(registry, Metric::StateCommits)?;
        for outcome in OUTCOMES {
            commits.with_label_values(&[outcome]);
        }
        let duration = HistogramOpts::from(options(Metric::StateCommitDuration));
        let duration = duration.buckets(COMMIT_BUCKETS.to_vec());
        let age = GenericGauge::with_opts(options(Metric::StateAge));
        let durable = IntGauge::with_opts(options(Metric::StateDurable));
        Ok(StateTelemetry {
            commits,
            commit_duration: register(registry, Histogram::with_opts(duration))?,
            age: register(registry, age)?,
            durable: register(registry, durable)?,
        })
    }
}

impl StateTelemetry {
    /// Counts an attempt to commit that took so long.
    pub fn committed(&self, took: Duration, is_success: bool) {
        let outcome = OUTCOMES[usize::from(is_success)];
        self.commits.with_label_values(&[outcome]).inc();
        if is_success {
            self.commit_duration.observe(took.as_secs_f64());
        }
    }

    /// Sets the time since everything that was counted was committed, and whether what is served is durable.
    pub fn set(&self, age: Duration, is_durable: bool) {
        self.age.set(age.as_secs_f64());
        self.durable.set(i64::from(is_durable));
    }
}
