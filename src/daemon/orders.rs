//! Signals and requests that the daemon obeys.

use std::future::pending;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::http::{Lifecycle, ReloadOutcome};

/// An order to the daemon.
#[derive(Debug)]
pub(super) enum Order {
    /// Shut down: SIGTERM, SIGINT or `/-/quit`.
    Stop,
    /// Read the configuration again: SIGHUP, or `/-/reload`, which waits for the outcome.
    Reload(Option<oneshot::Sender<ReloadOutcome>>),
}

/// Handle that stops a daemon from another thread, as SIGTERM does; so does dropping it.
#[derive(Debug)]
pub struct Stop(mpsc::UnboundedSender<Order>);

/// Passes on the orders of HTTP clients.
pub(super) struct ClientOrders(mpsc::UnboundedSender<Order>);

impl Lifecycle for ClientOrders {
    fn reload(&self) -> oneshot::Receiver<ReloadOutcome> {
        let (outcome, receiver) = oneshot::channel();
        // Fails only if the daemon has stopped already: then the receiver has no sender.
        let _ = self.0.send(Order::Reload(Some(outcome)));
        receiver
    }

    fn quit(&self) {
        let _ = self.0.send(Order::Stop);
    }
}

/// Receiver of all orders.
pub(super) struct Orders {
    /// `None` in tests, since signals concern the whole process.
    signals: Option<Signals>,
    requests: mpsc::UnboundedReceiver<Order>,
    sender: mpsc::UnboundedSender<Order>,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Stop {
    /// Stops the daemon.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        // Fails only if the daemon has stopped already.
        let _ = self.0.send(Order::Stop);
    }
}

impl Orders {
    /// Installs signal handlers, after which the signals do not end the process. Needs a runtime.
    pub(super) fn with_signals() -> std::io::Result<Self> {
        let signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        };
        Ok(Self::new(Some(signals)))
    }

    fn new(signals: Option<Signals>) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        Self {
            signals,
            requests,
            sender,
        }
    }

    /// Receives no signals, only what the sender sends.
    #[cfg(test)]
    pub(super) fn without_signals() -> (mpsc::UnboundedSender<Order>, Self) {
        let orders = Self::new(None);
        (orders.sender.clone(), orders)
    }

    /// Returns a handle that stops the daemon.
    pub(super) fn stop_handle(&self) -> Stop {
        Stop(self.sender.clone())
    }

    /// Returns the receiver of orders from HTTP clients.
    pub(super) fn client_orders(&self) -> ClientOrders {
        ClientOrders(self.sender.clone())
    }

    /// Waits for the next order.
    pub(super) async fn next(&mut self) -> Order {
        let signals = &mut self.signals;
        let signal = async {
            let Some(signals) = signals else {
                return pending().await;
            };
            tokio::select! {
                () = stop_signal(&mut signals.terminate, &mut signals.interrupt) => Order::Stop,
                _ = signals.hang_up.recv() => Order::Reload(None),
            }
        };
        tokio::select! {
            order = signal => order,
            Some(order) = self.requests.recv() => order,
        }
    }

    /// Waits for an order to stop. SIGHUP is kept for a later [`Self::next`].
    pub(super) async fn stop(&mut self) {
        let signals = &mut self.signals;
        let signal = async {
            match signals {
                Some(signals) => stop_signal(&mut signals.terminate, &mut signals.interrupt).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = signal => {}
            () = async { while !matches!(self.requests.recv().await, Some(Order::Stop)) {} } => {}
        }
    }

    /// Waits for an order to stop that comes later than this.
    pub(super) async fn later_stop(&mut self, than: Duration) {
        let since = Instant::now();
        loop {
            self.stop().await;
            if since.elapsed() >= than {
                return;
            }
        }
    }
}

async fn stop_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
