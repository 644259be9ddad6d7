//! Ownership of threads, and the sequence of start, reload and stop.
//!
//! Invariant: every thread has an owner that joins it; a panic in a thread ends the process with an error.

mod descriptors;
mod error;
mod event_sink;
mod input;
mod observer;
mod reload;
mod shared_shard;
mod signals;
mod start;
mod supervise;
mod systemd;
mod views;
mod worker;

pub use error::{RunError, StartError};
pub use reload::pipeline_settings;
pub use shared_shard::Shards;
pub use start::{Daemon, Origin, Stop};
