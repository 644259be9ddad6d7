//! The document that `/api/v1/status` serves, the page shows and `httplog-exporter status` prints.
//!
//! Invariant: texts are of the configuration, of this program, or label values as `/metrics` has them. Times are seconds
//! since 1970, durations seconds. A field is added without another [`VERSION`]; it is raised when one changes or goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pastes::Pastes;

/// Version of the document.
pub const VERSION: u32 = 1;

/// The state of an exporter, of its sources and of their traffic, at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`VERSION`] of the program that made the document.
    pub version: u32,
    /// Time of the document.
    pub time: f64,
    /// Answer to "is all well": the gravest severity of [`Self::troubles`].
    pub verdict: Verdict,
    /// The process.
    pub exporter: Exporter,
    /// Everything that needs attention, the gravest first.
    pub troubles: Vec<Trouble>,
    /// Sources, in the sequence of the configuration.
    pub sources: Vec<Source>,
    /// Requests of the last hour.
    pub traffic: Traffic,
    /// Routes, those with the most requests of the last hour first.
    pub routes: Vec<Route>,
    /// Number of further routes, which [`Self::routes`] has no room for.
    pub routes_omitted: u64,
    /// Waits for a worker, of sources that are joined with the one in front of them.
    pub queues: Vec<Queue>,
    /// The series budget.
    pub series: SeriesUse,
    /// Requests whose label values are beyond a list or a limit.
    pub other: Vec<OtherUse>,
    /// Durability of the counts.
    pub state: State,
    /// The configuration in force.
    pub configuration: Configuration,
}

/// Answer to "is all well".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No trouble, or only notices.
    #[default]
    Well,
    /// A warning.
    Attention,
    /// An error.
    Broken,
}

/// The process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exporter {
    /// Version of the program.
    pub version: String,
    /// Time since the start of the process.
    pub uptime_seconds: f64,
}

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Kind of trouble, which stays the same over versions.
    pub code: String,
    /// Urgency.
    pub severity: Severity,
    /// The source that it concerns; `None` for the whole exporter.
    pub source: Option<String>,
    /// One sentence.
    pub summary: String,
    /// Reason in the words of the system, or further facts.
    pub detail: Option<String>,
    /// Remedy, one sentence.
    pub remedy: String,
    /// A command to paste into a shell.
    pub command: Option<String>,
}

impl Trouble {
    /// Returns the place in the documentation that explains this kind of trouble.
    pub fn section(&self) -> String {
        format!("docs/troubleshooting.md#{}", self.code)
    }
}

/// Urgency of a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Numbers are wrong or missing, or will be after a restart.
    Error,
    /// Numbers may become wrong, or are less detailed than they could be.
    Warning,
    /// Worth knowing.
    Notice,
}

/// A source and its input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Value of the label `source`.
    pub name: String,
    /// State of the input.
    pub state: SourceState,
    /// Reason why the input is not open.
    pub reason: Option<String>,
    /// Paths, or the name of the stream.
    pub input: Vec<String>,
    /// Name of the pattern.
    pub pattern: String,
    /// The sources of the servers in front.
    pub behind: Vec<String>,
    /// Lines since the counts began, as `httplog_exporter_lines_total`.
    pub lines: Lines,
    /// Rejected lines by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Events in which lines may have been lost, by reason; without reasons that had none.
    pub gaps: BTreeMap<String, u64>,
    /// Recorded lines a second, over the last minute; `None` in the first seconds.
    pub lines_per_second: Option<f64>,
    /// Bytes that are known and not read.
    pub lag_bytes: u64,
    /// Age of the oldest unread byte.
    pub lag_seconds: f64,
    /// Time at which the last line was read.
    pub last_line: Option<f64>,
    /// Command that shows the reason why a line is rejected.
    pub explain: Option<String>,
    /// Query for Prometheus: lines a second, by outcome.
    pub query: String,
}

/// State of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Something is open, and followed or received.
    Open,
    /// It does not exist yet.
    Waiting,
    /// It cannot be opened.
    Failing,
    /// No attempt was made yet.
    #[default]
    Untried,
}

impl SourceState {
    /// Returns the name of the state, as in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Untried => "untried",
        }
    }
}

/// Account of the lines of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Counted requests.
    pub recorded: u64,
    /// Lines that do not match.
    pub rejected: u64,
    /// Lines that a rule leaves out.
    pub skipped: u64,
}

/// Requests of the last hour, of the sources that are not behind another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// The family that is shown; `None` if no metric set has one.
    pub family: Option<String>,
    /// Time between two points.
    pub interval_seconds: u64,
    /// End of the last interval; `None` before the first point.
    pub until: Option<f64>,
    /// Requests by class of status, the oldest interval first; each list has one number an interval.
    pub classes: Vec<StatusClass>,
    /// Query for Prometheus.
    pub query: Option<String>,
}

/// Requests of one class of status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusClass {
    /// `1xx` to `5xx`, or `<other>`.
    pub class: String,
    /// Requests in each interval.
    pub requests: Vec<u32>,
}

/// A route of a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Value of the label `route`, or of `view`.
    pub route: String,
    /// Value of the label `source`; `None` if the family has none.
    pub source: Option<String>,
    /// Requests since the counts began, as the family counts them.
    pub requests_total: u64,
    /// Requests of the last hour, or since the process started.
    pub requests: u64,
    /// Those of them with a status from 500 to 599.
    pub errors: u64,
    /// Requests a second over the last minute; `None` in the first seconds.
    pub requests_per_second: Option<f64>,
    /// Durations of the last hour, if the family of durations has any.
    pub durations: Option<Quantiles>,
    /// Course of the last hour.
    pub trend: Trend,
    /// Commands and queries; not read from a document.
    #[serde(flatten, skip_deserializing)]
    pub pastes: Pastes,
}

/// Estimates from the buckets of a histogram, interpolated as Prometheus does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half of the observations are at most this.
    pub p50: f64,
    /// 95 of 100 observations are at most this.
    pub p95: f64,
    /// 99 of 100 observations are at most this.
    pub p99: f64,
}

/// Numbers of a route over time, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trend {
    /// Time between two numbers.
    pub interval_seconds: u64,
    /// Requests.
    pub requests: Vec<u32>,
    /// Requests with a status from 500 to 599.
    pub errors: Vec<u32>,
    /// Highest p95 of a point in the interval, in microseconds; 0 without an observation.
    pub p95_micros: Vec<u32>,
}

/// Time that requests waited for a worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The source behind.
    pub source: String,
    /// Requests of the last hour whose wait is known.
    pub requests: u64,
    /// Waits of the last hour.
    pub waits: Option<Quantiles>,
    /// Workers that were busy on average over the last minute: the seconds of requests that a second has.
    pub busy: Option<f64>,
    /// Query for Prometheus.
    pub query: String,
}

/// The series budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesUse {
    /// Series in use.
    pub used: u64,
    /// `limits.series`.
    pub limit: u64,
    /// Lines that were counted under `<other>` because of it.
    pub overflow: u64,
}

/// Requests that were counted under `<other>` in one label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherUse {
    /// Name of the label.
    pub label: String,
    /// Requests since the counts began.
    pub requests: u64,
}

/// Durability of the counts over restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// True if counts are kept.
    pub is_kept: bool,
    /// True if what is served survives the end of the process.
    pub is_durable: bool,
    /// Time since everything counted was known to be committed.
    pub age_seconds: Option<f64>,
    /// Commits that succeeded.
    pub commits: u64,
    /// Commits that failed.
    pub failures: u64,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// Path of the file; `None` if the command line names the logs.
    pub file: Option<String>,
    /// Time at which it was last applied.
    pub loaded: Option<f64>,
    /// Warnings about it.
    pub warnings: Vec<String>,
}
