//! The daemon: what it owns, and its start.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::aside::aside;
use super::assembly::Assembly;
use super::begin::begin;
use super::descriptors;
use super::error::StartError;
use super::orders::{Orders, Stop};
use super::overview::Overview;
use super::reload::Origin;
use super::shared_shard::Shards;
use super::web::WebControl;
use super::worker::WorkerThread;
use super::workers::Workers;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Web};
use crate::http::{Address, Listener, Ready};
use crate::model::SecretKey;
use crate::source::{Notifier, RealFs, SharedFs, StreamThread};
use crate::telemetry::Telemetry;

/// Threads for work that may block: one page is encoded at a time, two passwords are checked, handshakes are computed, files are read.
const BLOCKING_THREADS: usize = 8;

/// A daemon that is bound to its addresses and reads its sources. It serves once [`Daemon::run`] is called.
pub struct Daemon {
    pub(super) runtime: Arc<Runtime>,
    pub(super) orders: Orders,
    pub(super) listeners: Vec<Listener>,
    pub(super) web: Web,
    pub(super) shards: Arc<Shards>,
    pub(super) overview: Arc<Overview>,
    pub(super) workers: Workers,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ready: Ready,
    pub(super) web_control: WebControl,
    /// True once every source was tried.
    pub(super) started: watch::Sender<bool>,
    /// The readiness that the log has named last.
    pub(super) reported: Option<bool>,
    stop: Option<Stop>,
}

impl Daemon {
    /// Installs signal handlers, binds the addresses and starts to read the sources. `origin` is read at a reload.
    pub fn start(config: &Config, origin: Option<Origin>) -> Result<Self, StartError> {
        let clock = Arc::new(SystemClock::new());
        Self::start_with(config, origin, Orders::with_signals, clock)
    }

    /// Starts a daemon that obeys these orders and this clock. `orders` is called in the runtime.
    pub(super) fn start_with(
        config: &Config,
        origin: Option<Origin>,
        orders: impl FnOnce() -> io::Result<Orders>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(BLOCKING_THREADS)
            .enable_all()
            .build()
            .map_err(|error| StartError::System("start the runtime", error))?;
        let mut orders = {
            let _entered = runtime.enter();
            orders().map_err(|error| StartError::System("install signal handlers", error))?
        };
        descriptors::raise_descriptor_limit();
        let telemetry = Arc::new(Telemetry::new(env!("CARGO_PKG_VERSION"), clock.wall())?);
        let given = origin.as_ref().map(|origin| &origin.given);
        let is_given = given.is_some_and(|given| given.contains(&"web.config_file"));
        let web_control = WebControl::start(&config.web, is_given, &telemetry, &clock)?;
        let listeners = Listener::bind_all(&config.web.listen, config.web.socket_mode)?;
        let (notice_sender, notices) = mpsc::unbounded_channel();
        let notifier = Notifier::new(Arc::clone(&clock));
        let streams = Arc::new(StreamThread::new(Arc::clone(&clock)));
        let shards = Arc::new(Shards::new(Arc::clone(&telemetry), Arc::clone(&clock)));
        let file = origin
            .as_ref()
            .map(|origin| origin.path.display().to_string());
        let overview = Overview::new(Arc::clone(&shards), Arc::clone(&clock), file);
        let overview = Arc::new(overview);
        let assembly = Assembly {
            shards,
            telemetry: Arc::clone(&telemetry),
            clock: Arc::clone(&clock),
            notifier,
            files: SharedFs::new(RealFs, Arc::clone(&clock)),
            streams,
            notices: notice_sender,
            thread_maker: Arc::new(WorkerThread::prepare),
            key: SecretKey::random(),
            web: Some(web_control.clone()),
            overview: Some(Arc::clone(&overview)),
        };
        let mut wanted = config.clone();
        let start = move || begin(assembly, &mut wanted);
        // A file that takes long to read must not delay a stop.
        let begun =
            aside("start", start).map_err(|error| StartError::System("start a thread", error))?;
        let begun = runtime.block_on(async {
            tokio::select! {
                begun = begun => begun,
                () = orders.stop() => Err(StartError::Stopped),
            }
        });
        let begun = match begun {
            Ok(begun) => begun,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        Ok(Self {
            runtime: Arc::new(runtime),
            stop: Some(orders.stop_handle()),
            orders,
            listeners,
            web: config.web.clone(),
            shards: Arc::clone(&begun.assembly.shards),
            overview,
            workers: Workers::new(begun, notices, origin, config),
            telemetry,
            clock,
            ready: Ready::default(),
            web_control,
            started: watch::Sender::new(false),
            reported: None,
        })
    }

    /// Returns the listen addresses, as `http://…`, `https://…` or `unix:…`.
    pub fn addresses(&self) -> Vec<String> {
        let scheme = if self.web_control.policies.policy().tls.is_some() {
            "https"
        } else {
            "http"
        };
        self.listeners
            .iter()
            .map(|listener| match listener.local_address() {
                unix @ Address::Unix(_) => unix.to_string(),
                address => format!("{scheme}://{address}"),
            })
            .collect()
    }

    /// Returns what an operator has to know about listen addresses that other machines may reach, and the remedy.
    pub fn exposures(&self) -> impl Iterator<Item = (String, &'static str)> {
        let policy = self.web_control.policies.policy();
        let addresses = self.listeners.iter().map(Listener::local_address);
        addresses.filter_map(move |address| address.exposure_under(&policy))
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
