//! Ownership of threads, and the sequence of start, reload and stop.
//!
//! Invariant: every thread has an owner that joins it, or waits for its result until a deadline; a panic in a thread ends the
//! process with an error, without an end of the others.

mod access;
mod aside;
mod assembly;
mod begin;
mod commits;
mod control;
mod descriptors;
mod error;
mod event_sink;
mod input;
mod log_limiter;
mod notice;
mod observer;
mod orders;
mod overview;
mod own;
mod readiness;
mod recovery;
mod reject_watch;
mod reload;
mod reload_clients;
mod setup;
mod shared_shard;
mod snapshot;
mod source_log;
mod start;
mod stopping;
mod supervise;
mod systemd;
mod views;
mod watchdog;
mod web;
mod work;
mod worker;
mod workers;

pub use assembly::pipeline_settings;
pub use descriptors::{files_per_source, raise_descriptor_limit};
pub use error::{RunError, StartError};
pub use input::{follow_settings, rehearse};
pub use orders::Stop;
pub use own::own_families;
pub use reload::Origin;
pub use shared_shard::Shards;
pub use start::Daemon;

#[cfg(test)]
pub(crate) mod tests;
