//! The end of the daemon: sources first, then connections, by one deadline.
//!
//! Invariant: the wait ends at the deadline, at a second signal, or when everything has ended; what has not is named.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::error::RunError;
use super::orders::Orders;
use super::workers::Workers;
use crate::http::ServeError;

/// Deadlines of the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct StopLimits {
    /// Time in which everything has to end.
    pub(super) all: Duration,
    /// Time after which connections are closed even if sources have not ended. Until then, metrics can be scraped.
    pub(super) sources: Duration,
    /// Time that responses in progress have from then on.
    pub(super) responses: Duration,
    /// Time in which a second signal counts as the first one: some supervisors send a signal to the process and then to
    /// its process group.
    pub(super) repeated: Duration,
}

impl Default for StopLimits {
    fn default() -> Self {
        Self {
            all: Duration::from_secs(4),
            sources: Duration::from_millis(1_500),
            responses: Duration::from_secs(2),
            repeated: Duration::from_millis(250),
        }
    }
}

/// The HTTP server.
pub(super) struct Web {
    /// `None` once it has ended.
    pub(super) server: Option<JoinHandle<Result<(), ServeError>>>,
    /// Requests its end when dropped.
    pub(super) stop: Option<watch::Sender<()>>,
}

impl Web {
    /// Waits for the end of the server. Can be called again if it was cancelled.
    pub(super) async fn end(&mut self) -> Result<(), RunError> {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        let ended = server.await;
        self.server = None;
        // A panic would have ended the process.
        Ok(ended.unwrap_or(Ok(()))?)
    }
}

impl StopLimits {
    /// Ends the workers, and then the server.
    pub(super) async fn stop(
        self,
        workers: &mut Workers,
        web: &mut Web,
        orders: &mut Orders,
    ) -> Result<(), RunError> {
        let (finished, sources_ended) = oneshot::channel();
        let sources = async {
            workers.finish().await;
            // Fails if the server has ended first.
            let _ = finished.send(());
        };
        let server = async {
            tokio::select! {
                _ = sources_ended => {}
                () = sleep(self.sources) => {}
            }
            web.stop = None;
            web.end().await
        };
        let why = tokio::select! {
            ((), web) = async { tokio::join!(sources, server) } => return web,
            () = sleep(self.all) => format!("after {:?}", self.all),
            () = orders.later_stop(self.repeated) => "at a second signal".to_owned(),
        };
        let names = workers.unfinished();
        let mut left: Vec<_> = names.map(|name| format!("source `{name}`")).collect();
        if workers.is_applying() {
            left.push("the reload".to_owned());
        }
        if web.server.is_some() {
            left.push("the HTTP server".to_owned());
        }
        let left = left.join(", ");
        Err(RunError::NotEnded { why, left })
    }
}
