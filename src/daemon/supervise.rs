//! The daemon's main loop: signals, workers, systemd and the HTTP server.
//!
//! Invariant: the loop never blocks, and ends on request, or with the error of the server; in both cases everything is shut
//! down cleanly first.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use super::error::RunError;
use super::orders::Order;
use super::start::Daemon;
use super::stopping::{StopLimits, Web};
use super::systemd;
use super::watchdog::Watchdog;
use crate::http::{Hosts, Lifecycle, Limits, Routes, serve};

/// Time that the first requests wait for sources that were not tried yet.
const FIRST_POLL: Duration = Duration::from_millis(500);

/// Time that a scrape still has once everything else has ended.
const LAST_SCRAPE: Duration = Duration::from_secs(1);

impl Daemon {
    /// Serves and reads until SIGTERM, SIGINT or [`super::Stop`]; SIGHUP reloads. Threads that have not ended by the
    /// deadline are left running: the caller ends the process.
    pub fn run(self) -> Result<(), RunError> {
        let runtime = Arc::clone(&self.runtime);
        let ended = runtime.block_on(self.supervise());
        // A slow scrape must not delay the end of the process.
        if let Some(runtime) = Arc::into_inner(runtime) {
            if matches!(ended, Err(RunError::NotEnded { .. })) {
                runtime.shutdown_background();
            } else {
                runtime.shutdown_timeout(LAST_SCRAPE);
            }
        }
        ended
    }

    async fn supervise(mut self) -> Result<(), RunError> {
        let client_orders: Arc<dyn Lifecycle> = Arc::new(self.orders.client_orders());
        let lifecycle = self.web.enable_lifecycle.then_some(client_orders);
        let routes = Routes {
            scrape: self.overview.clone(),
            metrics_path: self.web.metrics_path.clone(),
            ready: self.ready.clone(),
            hosts: Hosts::new(&self.web.hosts, &self.web.listen),
            lifecycle,
            clock: Arc::clone(&self.clock),
            observer: self.telemetry.clone(),
            policies: Arc::clone(&self.web_control.policies),
        };
        let stop_limits = StopLimits::default();
        let limits = Limits {
            stop: stop_limits.responses,
            ..Limits::default()
        };
        let untried = self.workers.readiness();
        self.ready.set(false, untried.json(false));
        let (stop_web, mut web_stopped) = watch::channel(());
        let listeners = std::mem::take(&mut self.listeners);
        let mut started = self.started.subscribe();
        let task = tokio::spawn(async move {
            // The first requests wait in the listeners' queues, and see what exists.
            let _ = timeout(FIRST_POLL, started.wait_for(|is_started| *is_started)).await;
            let stop = async move {
                // An error means that the sender was dropped, which also requests a stop.
                let _ = web_stopped.changed().await;
            };
            serve(listeners, routes, limits, stop).await
        });
        let mut web = Web {
            server: Some(task),
            stop: Some(stop_web),
        };
        let history = Arc::clone(&self.overview).keep_history();
        let ended = tokio::select! {
            () = self.event_loop() => Ok(()),
            served = web.end() => served,
            never = history => match never {},
        };
        systemd::notify(NotifyState::Stopping);
        let last = self.workers.readiness();
        self.ready.set(false, last.json(true));
        tracing::info!("stopping");
        let stopped = stop_limits
            .stop(&mut self.workers, &mut web, &mut self.orders)
            .await;
        if let (Err(error), Err(_)) = (&stopped, &ended) {
            // The first error ends the daemon; this one would not be seen.
            tracing::error!("{error}");
        }
        ended.and(stopped)
    }

    /// Handles orders, events and ticks until it is time to stop.
    async fn event_loop(&mut self) {
        let timeout = systemd::watchdog();
        let mut watchdog = Watchdog::new(timeout);
        let mut tick = tokio::time::interval(watchdog.interval());
        // After a pause of the whole process, one tick is enough.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = self.orders.next() => match order {
                    Order::Stop => return,
                    Order::Reload(waiting) => {
                        self.web_control.check_aside();
                        self.workers.reload(waiting);
                    }
                },
                _ = tick.tick() => {
                    let are_stuck = self.report_stuck(&mut watchdog);
                    if timeout.is_some() && !are_stuck {
                        systemd::notify(NotifyState::Watchdog);
                    }
                }
                event = self.workers.next() => {
                    self.workers.handle(event);
                    self.report_readiness();
                }
            }
        }
    }

    /// Publishes which sources are open. Systemd is notified once, when every source was tried: a log that is missing or
    /// an address in use must not make the start of the service fail.
    fn report_readiness(&mut self) {
        let readiness = self.workers.readiness();
        let is_ready = readiness.is_ready();
        self.ready.set(is_ready, readiness.json(false));
        if !readiness.all_tried() {
            return;
        }
        if !self.started.send_replace(true) {
            systemd::notify(NotifyState::Ready);
        }
        if self.reported.replace(is_ready) != Some(is_ready) {
            let summary = readiness.summary();
            if is_ready {
                tracing::info!("{summary}");
            } else {
                tracing::warn!("{summary}");
            }
        }
    }

    /// Logs which threads are stuck, and returns whether one is.
    fn report_stuck(&self, watchdog: &mut Watchdog) -> bool {
        let beats = self.workers.latest_heartbeats();
        let stuck = watchdog.check(self.clock.monotonic(), &beats);
        for beat in &stuck {
            self.workers.report_stuck(*beat);
        }
        !stuck.is_empty()
    }
}
