//! The state of an exporter, as the page, `/api/v1/status` and `httplog-exporter status` show it.
//!
//! Invariant: a status is made of families, of an hour of their history, and of the configuration; nothing else of a log
//! reaches it.

mod document;

pub use document::{
    Configuration, Exporter, Lines, OtherUse, Quantiles, Queue, Route, SeriesUse, Severity, Source,
    SourceState, State, Status, StatusClass, Traffic, Trend, Trouble, VERSION, Verdict,
};
