//! All workers, and their replacement by a reload.
//!
//! Invariant: every source has a worker, except while a reload is between two of its steps; a configuration that is refused
//! changes nothing. Two reloads never overlap: a request during a reload makes it read the configuration again, or is
//! followed by another one, so that the last request wins.

mod ending;
mod outcome;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::aside::aside;
use super::assembly::{Assembled, Assembly, NotAssembled};
use super::begin::{Begun, Kept};
use super::notice::Notice;
use super::readiness::Readiness;
use super::reload::{Loaded, Loader, Origin, Reload, ReloadLimits, ReloadStep};
use super::reload_clients::ReloadClients;
use super::work::Work;
use super::worker::Worker;
use super::{reload, systemd};
use crate::config::{Config, Resolvers, State, Web};
use crate::http::ReloadOutcome;
use crate::join::Links;
use crate::model::counted;
use crate::state::StateLock;

/// Time between two attempts to start a thread.
const RESUME_PAUSE: Duration = Duration::from_secs(1);

/// The workers of all sources.
pub(super) struct Workers {
    running: Vec<Worker>,
    links: Links,
    notices: mpsc::UnboundedReceiver<Notice>,
    pub(super) assembly: Assembly,
    origin: Option<Origin>,
    /// Settings of the HTTP server.
    web: Web,
    /// Settings of the state that is kept across restarts.
    state: Option<State>,
    kept: Option<Kept>,
    /// Held until the end of the process.
    _lock: Option<Arc<StateLock>>,
    reload: Option<Reload>,
    /// Work of sources that no thread could be started for, and the time of the next attempt.
    parked: Vec<Work>,
    retry: Instant,
    /// True if a reload was requested during the present one.
    is_requested: bool,
    /// Clients of the last requested reload.
    clients: ReloadClients,
    pub(super) load: Loader,
    pub(super) limits: ReloadLimits,
}

/// A change in the state of the workers.
pub(super) enum WorkersEvent {
    Notice(Notice),
    Reload(ReloadStep),
    /// It is time to start the threads that could not be started.
    Retry,
}

impl Workers {
    pub(super) fn new(
        begun: Begun,
        notices: mpsc::UnboundedReceiver<Notice>,
        origin: Option<Origin>,
        config: &Config,
    ) -> Self {
        let Begun {
            assembly,
            assembled,
            kept,
            lock,
        } = begun;
        let mut workers = Self {
            running: assembled.workers,
            links: assembled.links,
            notices,
            assembly,
            origin,
            web: config.web.clone(),
            state: config.state.clone(),
            kept,
            _lock: lock,
            reload: None,
            parked: Vec::new(),
            retry: Instant::now(),
            is_requested: false,
            clients: ReloadClients::default(),
            load: Arc::new(reload::load),
            limits: ReloadLimits::default(),
        };
        workers.publish();
        workers
    }

    /// Returns the names of the sources that have a worker.
    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.running.iter().flat_map(Worker::names)
    }

    /// Returns the names of the sources at which threads are that have not ended.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        self.running.iter().map(Worker::current)
    }

    /// Returns the number of threads.
    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.running.len()
    }

    /// Returns whether an attempt to open every source was made.
    #[cfg(test)]
    pub(super) fn all_tried(&self) -> bool {
        self.readiness().all_tried()
    }

    /// Returns which sources are open, and why others are not.
    pub(super) fn readiness(&self) -> Readiness {
        Readiness {
            sources: self.assembly.shards.access().states(),
        }
    }

    /// Returns whether a reload starts workers at this time.
    pub(super) fn is_applying(&self) -> bool {
        matches!(self.reload, Some(Reload::Applying { .. }))
    }

    /// Returns whether a reload has begun and not ended.
    #[cfg(test)]
    pub(super) fn is_reloading(&self) -> bool {
        self.reload.is_some()
    }

    /// Waits for the next event. Can be called again if it was cancelled.
    pub(super) async fn next(&mut self) -> WorkersEvent {
        let reload = &mut self.reload;
        let step = async {
            match reload {
                Some(reload) => reload.step().await,
                None => pending().await,
            }
        };
        tokio::select! {
            Some(notice) = self.notices.recv() => WorkersEvent::Notice(notice),
            step = step => WorkersEvent::Reload(step),
            () = sleep_until(self.retry), if !self.parked.is_empty() => WorkersEvent::Retry,
        }
    }

    /// Handles an event.
    pub(super) fn handle(&mut self, event: WorkersEvent) {
        match event {
            WorkersEvent::Notice(Notice::Access { source, access }) => {
                self.assembly.shards.access().note(source, access);
            }
            WorkersEvent::Notice(Notice::Ended(number)) => {
                if let Some(works) = self.join(number) {
                    self.receive(works);
                }
            }
            WorkersEvent::Reload(ReloadStep::Loaded(loaded)) => self.loaded(loaded),
            WorkersEvent::Reload(ReloadStep::Late) => self.end_late_step(),
            WorkersEvent::Reload(ReloadStep::Applied(applied)) => self.applied(applied),
            WorkersEvent::Retry => {
                let parked = std::mem::take(&mut self.parked);
                self.resume(parked);
            }
        }
    }

    /// Requests that the configuration is read again and applied if it has no error. The outcome is sent to the client.
    pub(super) fn reload(&mut self, client: Option<oneshot::Sender<ReloadOutcome>>) {
        self.clients.add(client);
        let Some(origin) = &self.origin else {
            let why = "nothing to reload: started without a configuration file";
            tracing::warn!("{why}");
            return self.clients.send(&Err(why.to_owned()));
        };
        if self.reload.is_none() {
            self.load();
            return;
        }
        self.is_requested = true;
        if let Some(Reload::Late { .. }) = self.reload {
            let path = origin.path.display();
            tracing::warn!("the last reload still reads {path}; this one begins when it has ended");
        }
    }

    /// Begins to read the configuration.
    fn load(&mut self) {
        let Some(origin) = &self.origin else {
            return;
        };
        self.is_requested = false;
        systemd::notify_reloading();
        let (load, path) = (Arc::clone(&self.load), origin.path.clone());
        match aside("reload", move || load(&path)) {
            Ok(loaded) => {
                let until = Instant::now() + self.limits.load;
                self.reload = Some(Reload::Loading { loaded, until });
            }
            Err(error) => self.refuse(&format!("cannot start a thread: {error}")),
        }
    }

    fn loaded(&mut self, loaded: Loaded) {
        let was_late = matches!(self.reload.take(), Some(Reload::Late { .. }));
        if self.is_requested {
            self.load();
            return;
        }
        let Some(origin) = self.origin.clone().filter(|_| !was_late) else {
            return;
        };
        match loaded {
            Ok(Ok((config, resolvers))) => {
                for key in origin.differences(&self.web, &config.web) {
                    tracing::warn!("{key} changed: restart the exporter to apply it");
                }
                if config.state != self.state {
                    tracing::warn!("[state] changed: restart the exporter to apply it");
                }
                self.pause(config, resolvers);
            }
            Ok(Err(report)) => {
                for fault in report.faults() {
                    tracing::error!("{fault}");
                }
                let path = origin.path.display();
                self.refuse(&format!("{} in {path}", counted(report.errors(), "error")));
            }
            Err(error) => self.refuse(&error.to_string()),
        }
    }

    /// Stops every worker, to apply a configuration then.
    fn pause(&mut self, config: Box<Config>, resolvers: Resolvers) {
        self.running.iter().for_each(Worker::request_pause);
        self.reload = Some(Reload::Pausing {
            config,
            resolvers,
            works: std::mem::take(&mut self.parked),
            until: Instant::now() + self.limits.pause,
        });
        self.apply_if_paused();
    }

    /// Joins the worker that has ended. Returns `None` if it was joined before.
    fn join(&mut self, number: u64) -> Option<Vec<Work>> {
        let mut running = self.running.iter();
        let at = running.position(|worker| worker.number() == number)?;
        Some(self.running.swap_remove(at).join())
    }

    /// Takes the sources of a worker that has stopped.
    fn receive(&mut self, stopped: Vec<Work>) {
        if let Some(Reload::Pausing { works, .. }) = &mut self.reload {
            works.extend(stopped);
            self.apply_if_paused();
        } else {
            // It stopped for a reload that was refused meanwhile.
            self.resume(stopped);
        }
    }

    fn apply_if_paused(&mut self) {
        if !self.running.is_empty() {
            return;
        }
        let Some(Reload::Pausing {
            config,
            resolvers,
            works,
            ..
        }) = self.reload.take()
        else {
            return;
        };
        match reload::apply(&self.assembly, *config, resolvers, works, &self.links) {
            Ok(applied) => {
                let due = self.assembly.clock.monotonic() + self.limits.apply;
                self.reload = Some(Reload::Applying { applied, due });
            }
            Err(refused) => self.applied(Err(refused)),
        }
    }

    fn applied(&mut self, applied: Result<Assembled, NotAssembled>) {
        self.reload = None;
        let assembled = match applied {
            Ok(assembled) => assembled,
            Err(NotAssembled { error, works }) => {
                self.resume(works);
                let error = anyhow::Error::new(error);
                return self.refuse(&format!("{error:#}"));
            }
        };
        self.running = assembled.workers;
        self.links = assembled.links;
        self.publish();
        if let Some(origin) = &self.origin {
            tracing::info!("configuration reloaded from {}", origin.path.display());
        }
        self.end_reload(&assembled.web_fault.map_or(Ok(()), Err));
    }

    /// Refuses the configuration of a reload whose step takes too long.
    fn end_late_step(&mut self) {
        match self.reload.take() {
            Some(Reload::Loading { loaded, .. }) => {
                self.reload = Some(Reload::Late { loaded });
                self.refuse(&format!("it was not read within {:?}", self.limits.load));
            }
            Some(Reload::Pausing { works, .. }) => {
                let stuck: Vec<_> = self
                    .unfinished()
                    .map(|name| format!("source `{name}`"))
                    .collect();
                let stuck = stuck.join(", ");
                self.running.iter().for_each(Worker::withdraw_pause);
                self.resume(works);
                let within = self.limits.pause;
                self.refuse(&format!("not stopped within {within:?}: {stuck}"));
            }
            other => self.reload = other,
        }
    }

    /// Starts workers again as they were. Without a thread, their sources wait for the next attempt.
    fn resume(&mut self, works: Vec<Work>) {
        match self.assembly.threads(works.len()) {
            Ok(threads) => {
                self.running
                    .extend(self.assembly.start(threads, works, &self.links));
                self.publish();
            }
            Err(error) => {
                tracing::error!("cannot start a thread for the sources, which wait: {error}");
                self.parked.extend(works);
                self.retry = Instant::now() + RESUME_PAUSE;
            }
        }
    }

    /// Lists the sources, and the threads that scrapes ask.
    fn publish(&mut self) {
        let names = self.running.iter().flat_map(Worker::names);
        let parked = self.parked.iter().map(|work| work.name.as_str());
        self.assembly
            .shards
            .access()
            .set_sources(names.chain(parked));
        let threads = self.running.iter().map(Worker::control).collect();
        self.assembly.shards.set_threads(threads);
    }
}
