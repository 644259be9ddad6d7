//! Reasons for which a daemon does not start or does not go on.

use crate::diag::Report;
use crate::http::{BindError, ServeError};
use crate::state::{LockError, StoreError};
use crate::telemetry::TelemetryError;

/// Error of [`super::Daemon::start`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The exporter cannot listen on an address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] LockError),
    /// The state cannot be read, or not by this program.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The view names of a source are not valid.
    #[error("{0}")]
    Routes(Report),
    /// The web configuration has errors.
    #[error("{0}")]
    Web(Report),
    /// The exporter's own metrics cannot be registered.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The daemon was stopped before its sources were started.
    #[error("stopped before the sources were started")]
    Stopped,
    /// A system call failed.
    #[error("cannot {0}")]
    System(&'static str, #[source] std::io::Error),
    /// The thread of a source cannot be started.
    #[error("cannot start a thread for source `{source_name}`")]
    Thread {
        /// The name of the source.
        source_name: String,
        /// The error of the system.
        source: std::io::Error,
    },
}

/// Error that ends a running daemon.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The HTTP server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Not everything had ended at the deadline, or at a second signal.
    #[error("stopped {why} without waiting for {left}")]
    NotEnded {
        /// The end of the wait.
        why: String,
        /// Names of the parts that were still running.
        left: String,
    },
}

/// Returns a failure of the state with its causes, and what remedies it.
pub(super) fn with_remedy(error: StoreError) -> String {
    let remedy = error.remedy();
    let error = anyhow::Error::new(error);
    match remedy {
        Some(remedy) => format!("{error:#}: {remedy}"),
        None => format!("{error:#}"),
    }
}
