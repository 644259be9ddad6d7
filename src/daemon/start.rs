//! The daemon: what it owns, and its start.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::descriptors;
use super::error::StartError;
use super::shared_shard::Shards;
use super::signals::Signals;
use super::worker::{Notice, Worker};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Resolvers};
use crate::diag::Report;
use crate::http::{Address, Listener, Ready};
use crate::join::Links;
use crate::telemetry::Telemetry;

/// A daemon that is bound to its addresses and reads its sources. It serves once [`Daemon::run`] is called.
pub struct Daemon {
    pub(super) runtime: Arc<Runtime>,
    pub(super) signals: Signals,
    pub(super) listeners: Vec<Listener>,
    pub(super) shards: Arc<Shards>,
    pub(super) workers: Vec<Worker>,
    pub(super) links: Links,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ready: Ready,
    pub(super) origin: Option<Origin>,
    pub(super) notices: mpsc::UnboundedReceiver<Notice>,
    /// Cloned for each worker.
    pub(super) notice_sender: mpsc::UnboundedSender<Notice>,
    pub(super) listen: Vec<Address>,
    pub(super) stop: Option<Stop>,
    pub(super) stopped: oneshot::Receiver<()>,
}

/// Origin of a daemon's configuration, read again at a reload.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The configuration file.
    pub path: PathBuf,
    /// True if the command line overrides `web.listen`.
    pub listen_is_given: bool,
}

/// Handle that stops a daemon from another thread, as SIGTERM does.
#[derive(Debug)]
pub struct Stop(oneshot::Sender<()>);

impl Stop {
    /// Stops the daemon.
    pub fn stop(self) {
        // Fails only if the daemon has stopped already.
        let _ = self.0.send(());
    }
}

impl Daemon {
    /// Installs signal handlers, binds the addresses and starts to read the sources. `origin` is read at a reload.
    pub fn start(config: &Config, origin: Option<Origin>) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StartError::System("start the runtime", error))?;
        let signals = {
            let _entered = runtime.enter();
            Signals::new().map_err(|error| StartError::System("install signal handlers", error))?
        };
        descriptors::raise();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let telemetry = Arc::new(Telemetry::new(env!("CARGO_PKG_VERSION"), clock.wall())?);
        let listeners = config
            .listen
            .iter()
            .map(Listener::bind)
            .collect::<Result<Vec<_>, _>>()?;
        let (stop, stopped) = oneshot::channel();
        let (notice_sender, notices) = mpsc::unbounded_channel();
        let mut daemon = Self {
            runtime: Arc::new(runtime),
            signals,
            listeners,
            shards: Arc::new(Shards::new(Arc::clone(&telemetry))),
            workers: Vec::new(),
            links: Links::default(),
            clock,
            ready: Ready::default(),
            origin,
            notices,
            notice_sender,
            listen: config.listen.clone(),
            stop: Some(Stop(stop)),
            stopped,
            telemetry,
        };
        let resolvers = load_routes(config, Report::default()).map_err(StartError::Routes)?;
        daemon.adopt(config, &resolvers, Vec::new())?;
        Ok(daemon)
    }

    /// Returns the listen addresses, as `http://…` or `unix:…`.
    pub fn addresses(&self) -> Vec<String> {
        self.listeners
            .iter()
            .map(|listener| match listener.local_address() {
                unix @ Address::Unix(_) => unix.to_string(),
                address => format!("http://{address}"),
            })
            .collect()
    }

    /// Takes the handle that stops the daemon from another thread; `None` after the first call.
    pub fn take_stop(&mut self) -> Option<Stop> {
        self.stop.take()
    }

    /// Returns the counts of all sources, which outlive the daemon.
    pub fn shards(&self) -> Arc<Shards> {
        Arc::clone(&self.shards)
    }
}

/// Loads the routes that sources use, and logs warnings; returns `report` with their faults if it has errors.
pub(super) fn load_routes(config: &Config, mut report: Report) -> Result<Resolvers, Report> {
    let resolvers = config.resolvers(&mut report);
    if report.has_errors() {
        return Err(report);
    }
    for fault in report.faults() {
        tracing::warn!("{fault}");
    }
    Ok(resolvers)
}
