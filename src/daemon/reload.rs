//! The steps of a reload.
//!
//! Invariant: each step that may block runs on a thread of its own, or ends at a deadline.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::aside::{Outcome, aside};
use super::assembly::{Assembled, Assembly, NotAssembled};
use super::error::StartError;
use super::work::Work;
use crate::config::{Checked, Config, Resolvers, Web};
use crate::diag::Report;
use crate::join::Links;
use crate::text_file::{Accept, ReadError};

/// Origin of a daemon's configuration, read again at a reload.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The configuration file.
    pub path: PathBuf,
    /// Keys that the command line overrides, such as `web.listen`.
    pub given: Vec<&'static str>,
}

impl Origin {
    /// Returns the keys whose values differ between what is in force and what the file says, without those that the command
    /// line overrides.
    pub(super) fn differences(&self, in_force: &Web, read: &Web) -> Vec<&'static str> {
        let mut keys = in_force.differences(read);
        keys.retain(|key| !self.given.contains(key));
        keys
    }
}

/// Deadlines of the steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReloadLimits {
    /// Time to read the configuration and the URLconf dumps that it names.
    pub(super) load: Duration,
    /// Time in which all workers have to stop between two batches. No lines are counted meanwhile.
    pub(super) pause: Duration,
    /// Time after which the start of the new workers is overdue. It is not given up: the old workers have ended.
    pub(super) apply: Duration,
}

impl Default for ReloadLimits {
    fn default() -> Self {
        Self {
            load: Duration::from_secs(30),
            pause: Duration::from_secs(5),
            apply: Duration::from_secs(15),
        }
    }
}

/// A configuration that was read, or the report if it has errors.
pub(super) type Loaded = Result<Result<(Box<Config>, Resolvers), Report>, ReadError>;

/// Function that reads a configuration; another one in tests.
pub(super) type Loader = Arc<dyn Fn(&Path) -> Loaded + Send + Sync>;

/// Progress of a reload.
pub(super) enum Reload {
    /// A thread reads the configuration.
    Loading {
        loaded: Outcome<Loaded>,
        until: Instant,
    },
    /// The reload was refused because the thread takes too long. It still reads; its result is dropped.
    Late { loaded: Outcome<Loaded> },
    /// The workers stop.
    Pausing {
        config: Box<Config>,
        resolvers: Resolvers,
        /// Work of those that have stopped.
        works: Vec<Work>,
        until: Instant,
    },
    /// A thread starts the workers of the new configuration.
    Applying {
        applied: Outcome<Result<Assembled, NotAssembled>>,
        /// Monotonic time after which the thread is overdue.
        due: Duration,
    },
}

/// End of a step.
pub(super) enum ReloadStep {
    Loaded(Loaded),
    /// The time for the step is over.
    Late,
    Applied(Result<Assembled, NotAssembled>),
}

impl Reload {
    /// Waits for the end of the present step. Can be called again if it was cancelled.
    pub(super) async fn step(&mut self) -> ReloadStep {
        match self {
            Self::Loading { loaded, until } => tokio::select! {
                loaded = loaded => ReloadStep::Loaded(loaded),
                () = sleep_until(*until) => ReloadStep::Late,
            },
            Self::Late { loaded } => ReloadStep::Loaded(loaded.await),
            Self::Pausing { until, .. } => {
                sleep_until(*until).await;
                ReloadStep::Late
            }
            Self::Applying { applied, .. } => ReloadStep::Applied(applied.await),
        }
    }
}

/// Reads a configuration and its routes.
pub(super) fn load(path: &Path) -> Loaded {
    let Checked { config, report } = Config::load(path, Accept::Regular)?;
    let Some(mut config) = config else {
        return Ok(Err(report));
    };
    let resolvers = load_routes(&mut config, report);
    Ok(resolvers.map(|resolvers| (Box::new(config), resolvers)))
}

/// Begins to apply a configuration on a thread of its own.
pub(super) fn apply(
    assembly: &Assembly,
    config: Config,
    resolvers: Resolvers,
    works: Vec<Work>,
    links: &Links,
) -> Result<Outcome<Result<Assembled, NotAssembled>>, NotAssembled> {
    let (assembly, links) = (assembly.clone(), links.clone());
    // Shared, so that it is not lost with a thread that cannot be started.
    let works = Arc::new(Mutex::new(works));
    let take = |works: &Mutex<Vec<Work>>| {
        std::mem::take(&mut *works.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let given = Arc::clone(&works);
    let begin = move || assembly.assemble(&config, &resolvers, take(&given), &links, Vec::new());
    aside("reload", begin).map_err(|error| NotAssembled {
        error: StartError::System("start a thread for the reload", error),
        works: take(&works),
    })
}

/// Loads the routes that sources use, adds warnings about them to those of the configuration, and logs all; returns `report` with
/// their faults if it has errors.
pub(super) fn load_routes(config: &mut Config, mut report: Report) -> Result<Resolvers, Report> {
    let mut of_routes = Report::default();
    let resolvers = config.resolvers(&mut of_routes);
    config.warnings.extend(of_routes.lines());
    report.extend(of_routes);
    if report.has_errors() {
        return Err(report);
    }
    for fault in report.faults() {
        tracing::warn!("{fault}");
    }
    Ok(resolvers)
}
