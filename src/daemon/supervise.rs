//! The daemon's main loop: signals, threads, systemd, and the web side beside them.
//!
//! Invariant: it ends when told to, or with an error when a thread or the web side did; either
//! way everything is stopped in order first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::observer::HttpObserver;
use super::worker::Worker;
use super::{Daemon, Notice, RunError, systemd};
use crate::http::{Limits, Routes, Scrape, ServeError, serve};

/// Silence of a thread after which it is taken for stuck, where systemd does not say.
const STUCK: Duration = Duration::from_secs(30);

/// Silence of a thread that says nothing: one that has nothing to do comes round every six seconds.
const SOUND: Duration = Duration::from_secs(15);

/// The most often that life is told of.
const BREATH: Duration = Duration::from_millis(10);

/// How long a scrape may go on when all else has ended.
const LAST_SCRAPE: Duration = Duration::from_secs(1);

/// The signals that mean something.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on they no longer end the process; to be called in a runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

impl Daemon {
    /// Serves and follows until SIGTERM, SIGINT or [`super::Stop`]; SIGHUP reloads.
    pub fn run(self) -> Result<(), RunError> {
        let runtime = Arc::clone(&self.runtime);
        let ended = runtime.block_on(self.supervise());
        // A scrape that is still at work must not hold up the end.
        if let Some(runtime) = Arc::into_inner(runtime) {
            runtime.shutdown_timeout(LAST_SCRAPE);
        }
        ended
    }

    async fn supervise(mut self) -> Result<(), RunError> {
        let limits = Limits::default();
        let scrape: Arc<dyn Scrape> = self.lanes.clone();
        let observer = Arc::new(HttpObserver(Arc::clone(&self.telemetry)));
        let routes = Routes::new(
            scrape,
            self.ready.clone(),
            Arc::clone(&self.clock),
            observer,
        );
        let (stop_web, mut web_stopped) = watch::channel(());
        let listeners = std::mem::take(&mut self.listeners);
        let web = tokio::spawn(serve(listeners, routes, limits, async move {
            // Also completes when the sender is gone: either way it is time to stop.
            let _ = web_stopped.changed().await;
        }));
        let mut web = std::pin::pin!(web);
        let ended = tokio::select! {
            ended = self.tend() => ended,
            served = &mut web => return self.abandon(served).await,
        };
        systemd::stopping();
        self.ready.set(false);
        tracing::info!("stopping");
        let stopped = self.finish_workers().await;
        drop(stop_web);
        let served = web.await;
        ended.and(stopped).and(outcome(served))
    }

    /// The web side ended by itself: stop the rest and say why.
    async fn abandon(
        mut self,
        served: Result<Result<(), ServeError>, tokio::task::JoinError>,
    ) -> Result<(), RunError> {
        systemd::stopping();
        let stopped = self.finish_workers().await;
        outcome(served).and(stopped)
    }

    /// Waits and reacts until it is time to stop.
    async fn tend(&mut self) -> Result<(), RunError> {
        let mut opening = self.source_names();
        let every = systemd::watchdog();
        // Who asks for signs of life waits for them; for the log alone, each tick is a wake-up too many.
        let pause = every.map_or(STUCK, |every| every / 2);
        let mut tick = tokio::time::interval(pause.max(BREATH));
        loop {
            tokio::select! {
                _ = self.signals.terminate.recv() => return Ok(()),
                _ = self.signals.interrupt.recv() => return Ok(()),
                _ = &mut self.stopped => return Ok(()),
                _ = self.signals.hang_up.recv() => {
                    self.reload().await?;
                    // A source that is gone is not waited for.
                    let sources = self.source_names();
                    opening.retain(|source| sources.contains(source));
                    self.ready_if(opening.is_empty());
                }
                _ = tick.tick() => self.watch_over(every),
                Some(notice) = self.notices.1.recv() => match notice {
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

    /// Tells everybody that all is opened, once it is.
    fn ready_if(&self, all_opened: bool) {
        if all_opened && !self.ready.get() {
            self.ready.set(true);
            systemd::ready();
            tracing::info!("ready: every source is opened");
        }
    }

    /// Tells systemd that we are alive, unless a thread has not come round for too long.
    fn watch_over(&self, every: Option<Duration>) {
        let now = self.clock.monotonic();
        let limit = every.unwrap_or(STUCK).max(SOUND);
        let stuck: Vec<&Worker> = self
            .workers
            .iter()
            .filter(|worker| worker.silence(now) > limit)
            .collect();
        for worker in &stuck {
            tracing::error!(
                source = worker.name(),
                "has made no progress for {:?}",
                worker.silence(now)
            );
        }
        if every.is_some() && stuck.is_empty() {
            systemd::alive();
        }
    }
}

fn outcome(served: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), RunError> {
    match served {
        Ok(served) => Ok(served?),
        Err(error) => Err(RunError::Serve(ServeError::Panicked(error))),
    }
}
