//! Who owns which thread, and in what order everything starts, reloads and stops.
//!
//! Invariant: every thread has an owner who joins it; one that panics ends the process with an
//! error, never silently.

mod descriptors;
mod input;
mod lane;
mod observer;
mod reload;
mod supervise;
mod systemd;
mod views;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::diag::Report;
use crate::http::{Address, BindError, Listener, Ready, ServeError};
use crate::join::Links;
use crate::label::Budget;
use crate::telemetry::{Telemetry, TelemetryError};

pub use lane::Lanes;

use supervise::Signals;
use worker::Worker;

/// How long a rotated file must be quiet before it is let go.
const ROTATE_WAIT: Duration = Duration::from_mins(1);

/// A daemon that listens and follows, and answers once [`Daemon::run`] is called.
pub struct Daemon {
    runtime: Arc<Runtime>,
    signals: Signals,
    listeners: Vec<Listener>,
    lanes: Arc<Lanes>,
    workers: Vec<Worker>,
    links: Links,
    telemetry: Arc<Telemetry>,
    clock: Arc<dyn Clock>,
    ready: Ready,
    origin: Option<Origin>,
    notices: (
        mpsc::UnboundedSender<Notice>,
        mpsc::UnboundedReceiver<Notice>,
    ),
    listen: Vec<Address>,
    stop: Option<Stop>,
    stopped: oneshot::Receiver<()>,
}

/// Where a daemon's configuration came from, and comes from at a reload.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// The command line says where to listen, whatever the file says.
    pub listen_is_given: bool,
}

/// Stops a daemon from another thread, as SIGTERM does.
#[derive(Debug)]
pub struct Stop(oneshot::Sender<()>);

/// Why a daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The views' names of a source could not be read.
    #[error("{0}")]
    Routes(Report),
    /// The exporter's own metrics could not be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The system refused something at the start.
    #[error("cannot {0}")]
    System(&'static str, #[source] std::io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread for source `{source_name}`")]
    Thread {
        /// The source.
        source_name: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a daemon ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The web side failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A thread ended that must not.
    #[error("the thread of source `{0}` panicked; this is a bug")]
    Panicked(String),
    /// A thread could not be started after a reload.
    #[error(transparent)]
    Restart(#[from] StartError),
}

/// What a worker tells the daemon.
#[derive(Debug, PartialEq, Eq)]
enum Notice {
    /// Every file was looked for, and what was there is open.
    Opened(String),
    /// The thread ended; a panic if it was not told to.
    Ended { source: String, panicked: bool },
}

impl Stop {
    /// Does it.
    pub fn stop(self) {
        // A daemon that is gone already has stopped.
        let _ = self.0.send(());
    }
}

impl Daemon {
    /// Heeds signals from here on, binds the addresses and starts to follow. `origin` is what to read at a reload.
    pub fn start(config: &Config, origin: Option<Origin>) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StartError::System("start the runtime", error))?;
        let signals = {
            let _entered = runtime.enter();
            Signals::new().map_err(|error| StartError::System("wait for signals", error))?
        };
        descriptors::raise();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let telemetry = Arc::new(Telemetry::new(env!("CARGO_PKG_VERSION"), clock.wall())?);
        let listeners = config
            .listen
            .iter()
            .map(Listener::bind)
            .collect::<Result<Vec<_>, _>>()?;
        let lanes = Arc::new(Lanes::new(Arc::clone(&telemetry)));
        let (stop, stopped) = oneshot::channel();
        let mut daemon = Self {
            runtime: Arc::new(runtime),
            signals,
            listeners,
            lanes,
            workers: Vec::new(),
            links: Links::default(),
            clock,
            ready: Ready::default(),
            origin,
            notices: mpsc::unbounded_channel(),
            listen: config.listen.clone(),
            stop: Some(Stop(stop)),
            stopped,
            telemetry,
        };
        let mut report = Report::default();
        let resolvers = config.resolvers(&mut report);
        if report.errors() > 0 {
            return Err(StartError::Routes(report));
        }
        for fault in report.faults() {
            tracing::warn!("{fault}");
        }
        let budget = Budget::new(config.limits.series);
        daemon.adopt(config, &resolvers, Vec::new(), &budget)?;
        daemon.telemetry.config_loaded(daemon.clock.wall());
        Ok(daemon)
    }

    /// Where it listens, as `http://…` or `unix:…`.
    pub fn addresses(&self) -> Vec<String> {
        self.listeners
            .iter()
            .map(|listener| match listener.local_address() {
                unix @ Address::Unix(_) => unix.to_string(),
                address => format!("http://{address}"),
            })
            .collect()
    }

    /// Stops it from another thread; there is one such handle.
    pub fn take_stop(&mut self) -> Option<Stop> {
        self.stop.take()
    }

    /// What it has counted, for as long as anyone wants to know.
    pub fn lanes(&self) -> Arc<Lanes> {
        Arc::clone(&self.lanes)
    }
}
