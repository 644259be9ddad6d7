//! Clients that wait for the outcome of a reload.

use tokio::sync::oneshot;

use crate::http::ReloadOutcome;

/// Senders of an outcome to its clients.
#[derive(Debug, Default)]
pub(super) struct ReloadClients(Vec<oneshot::Sender<ReloadOutcome>>);

impl ReloadClients {
    pub(super) fn add(&mut self, client: Option<oneshot::Sender<ReloadOutcome>>) {
        self.0.extend(client);
    }

    /// Sends an outcome to all clients, which then no longer wait.
    pub(super) fn send(&mut self, outcome: &ReloadOutcome) {
        for client in self.0.drain(..) {
            // A client that has left does not matter.
            let _ = client.send(outcome.clone());
        }
    }
}
