//! The daemon's main loop: signals, workers, systemd and the HTTP server.
//!
//! Invariant: the loop ends on request, or with the error of a thread or of the server; in both cases everything
//! is shut down cleanly first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::JoinError;

use super::error::RunError;
use super::start::Daemon;
use super::systemd;
use super::worker::{Notice, Worker};
use crate::http::{Limits, Routes, ServeError, serve};

/// Silence after which a thread counts as stuck, unless systemd sets a watchdog timeout.
const STUCK: Duration = Duration::from_secs(30);

/// Least silence after which a thread counts as stuck: an idle one runs every six seconds.
const IDLE_SILENCE: Duration = Duration::from_secs(15);

/// Least interval between two notifications of the watchdog.
const LEAST_TICK: Duration = Duration::from_millis(10);

/// Time that a scrape still has once everything else has ended.
const LAST_SCRAPE: Duration = Duration::from_secs(1);

impl Daemon {
    /// Serves and reads until SIGTERM, SIGINT or [`super::Stop`]; SIGHUP reloads.
    pub fn run(self) -> Result<(), RunError> {
        let runtime = Arc::clone(&self.runtime);
        let ended = runtime.block_on(self.supervise());
        // A slow scrape must not delay the end of the process.
        if let Some(runtime) = Arc::into_inner(runtime) {
            runtime.shutdown_timeout(LAST_SCRAPE);
        }
        ended
    }

    async fn supervise(mut self) -> Result<(), RunError> {
        let routes = Routes {
            scrape: self.shards.clone(),
            ready: self.ready.clone(),
            clock: Arc::clone(&self.clock),
            observer: self.telemetry.clone(),
        };
        let (stop_web, mut web_stopped) = watch::channel(());
        let listeners = std::mem::take(&mut self.listeners);
        let web = tokio::spawn(serve(listeners, routes, Limits::default(), async move {
            // An error means that the sender was dropped, which also requests a stop.
            let _ = web_stopped.changed().await;
        }));
        let mut web = std::pin::pin!(web);
        let (ended, served) = tokio::select! {
            ended = self.event_loop() => (ended, None),
            served = &mut web => (Ok(()), Some(served)),
        };
        systemd::notify(NotifyState::Stopping);
        self.ready.set(false);
        tracing::info!("stopping");
        let stopped = self.finish_workers().await;
        drop(stop_web);
        match served {
            Some(served) => outcome(served).and(stopped),
            None => ended.and(stopped).and(outcome(web.await)),
        }
    }

    /// Handles signals, notices and ticks until it is time to stop.
    async fn event_loop(&mut self) -> Result<(), RunError> {
        let mut opening = self.source_names();
        let watchdog = systemd::watchdog();
        // Without a watchdog, a tick only serves the log, which does not justify frequent wake-ups.
        let pause = watchdog.map_or(STUCK, |timeout| timeout / 2);
        let mut tick = tokio::time::interval(pause.max(LEAST_TICK));
        loop {
            tokio::select! {
                _ = self.signals.terminate.recv() => return Ok(()),
                _ = self.signals.interrupt.recv() => return Ok(()),
                _ = &mut self.stopped => return Ok(()),
                _ = self.signals.hang_up.recv() => {
                    self.reload().await?;
                    // The reload may have removed a source that was not open yet.
                    let sources = self.source_names();
                    opening.retain(|source| sources.contains(source));
                    self.ready_if(opening.is_empty());
                }
                _ = tick.tick() => self.watch_over(watchdog),
                Some(notice) = self.notices.recv() => match notice {
                    Notice::Opened(source) => {
                        opening.remove(&source);
                        self.ready_if(opening.is_empty());
                    }
                    Notice::Ended { source, panicked: true } => return Err(RunError::Panicked(source)),
                    Notice::Ended { panicked: false, .. } => {}
                },
            }
        }
    }

    fn source_names(&self) -> BTreeSet<String> {
        let names = self.workers.iter().map(|worker| worker.name().to_owned());
        names.collect()
    }

    /// Reports readiness, once, when every source is open.
    fn ready_if(&self, all_opened: bool) {
        if all_opened && !self.ready.get() {
            self.ready.set(true);
            systemd::notify(NotifyState::Ready);
            tracing::info!("ready: every source is open");
        }
    }

    /// Notifies systemd's watchdog, unless a thread is stuck.
    fn watch_over(&self, watchdog: Option<Duration>) {
        let now = self.clock.monotonic();
        let limit = watchdog.unwrap_or(STUCK).max(IDLE_SILENCE);
        let stuck: Vec<&Worker> = self
            .workers
            .iter()
            .filter(|worker| worker.silence(now) > limit)
            .collect();
        for worker in &stuck {
            let silence = worker.silence(now);
            tracing::error!(source = worker.name(), "no progress for {silence:?}");
        }
        if watchdog.is_some() && stuck.is_empty() {
            systemd::notify(NotifyState::Watchdog);
        }
    }
}

fn outcome(served: Result<Result<(), ServeError>, JoinError>) -> Result<(), RunError> {
    match served {
        Ok(served) => Ok(served?),
        Err(error) => Err(RunError::Serve(ServeError::Panicked(error))),
    }
}
