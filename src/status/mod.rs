//! The state of an exporter, as the page, `/api/v1/status` and `httplog-exporter status` show it.
//!
//! Invariant: a status is made of families, of an hour of their history, and of the configuration; nothing else of a log
//! reaches it.

mod buckets;
mod command;
mod document;
mod history;
mod make;
mod pastes;
mod reading;
mod ring;
mod routes;
mod setup;
mod trouble;

pub use command::{Parts, is_shell_word, shell_word};
pub use document::{
    Configuration, Exporter, Lines, OtherUse, Quantiles, Queue, Route, SeriesUse, Severity, Source,
    SourceState, State, Status, StatusClass, Traffic, Trend, Trouble, VERSION, Verdict,
};
pub use history::{History, INTERVAL, MAX_ROUTES};
pub use pastes::{Logs, Pastes};
pub use routes::MAX_LISTED;
pub use setup::{Circumstances, InputState, Setup, SourceSetup};
