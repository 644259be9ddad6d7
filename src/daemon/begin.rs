//! Begins to count, where an earlier process stopped.

use std::sync::Arc;
use std::time::Duration;

use super::aside::{Outcome, aside};
use super::assembly::{Assembled, Assembly};
use super::commits::Commits;
use super::commits::committer::Committer;
use super::commits::thread::CommitThread;
use super::control::micros;
use super::error::StartError;
use super::recovery::Recovered;
use super::reload::load_routes;
use super::snapshot::{Logs, SourceSnapshot};
use crate::clock::Clock;
use crate::config::{Config, Limits};
use crate::diag::Report;
use crate::join::Links;
use crate::model::{Micros, Saved, SavedSource, SecretKey};
use crate::source::Fs;
use crate::state::{StateLock, Store};

/// Parts of the daemon that the start has begun.
pub(super) struct Begun {
    pub(super) assembly: Assembly,
    pub(super) assembled: Assembled,
    /// `None` if nothing is kept across restarts.
    pub(super) kept: Option<Kept>,
    /// The lock of the state directory.
    pub(super) lock: Option<Arc<StateLock>>,
}

/// The thread that commits.
pub(super) struct Kept {
    commits: Arc<Commits>,
    /// Completes when the thread has ended.
    ended: Outcome<()>,
}

impl Kept {
    /// Returns the logs that belong to the snapshots of the end.
    pub(super) fn wanted_logs(&self) -> Logs {
        self.commits.wanted_logs()
    }

    /// Commits the snapshots of sources that have ended, and waits for it.
    pub(super) async fn finish(self, snapshots: Vec<SourceSnapshot>) {
        self.commits.finish(snapshots);
        self.ended.await;
    }
}

/// The state of an earlier process, taken over.
pub(super) struct Resumed {
    pub(super) sources: Vec<SavedSource>,
    pub(super) links: Links,
    /// `None` if nothing is kept.
    pub(super) keeper: Option<Keeper>,
}

/// The means to commit, once the sources were made.
pub(super) struct Keeper {
    commits: Arc<Commits>,
    store: Store,
    key: [u64; 2],
    is_behind: bool,
}

impl Keeper {
    /// Makes the committer of sources that were made.
    pub(super) fn committer(self, clock: &Arc<dyn Clock>) -> Committer {
        let clock = Arc::clone(clock);
        Committer::new(self.commits, self.store, self.key, self.is_behind, clock)
    }
}

/// Lets the sources that will be made go on where an earlier process stopped.
pub(super) fn resume<F: Fs>(
    assembly: &mut Assembly<F>,
    config: &Config,
    recovered: Recovered,
) -> Result<Resumed, StartError> {
    let Saved {
        key,
        sources,
        links,
        is_behind: _,
    } = recovered.saved;
    assembly.key = SecretKey(key);
    let limits = config.limits.join(Limits::PENDING_REQUESTS);
    let now = Micros(micros(assembly.clock.monotonic()));
    let links = Links::resume(&links, limits, now);
    let is_behind = recovered.is_behind;
    let mut keeper = None;
    if let Some((store, durability)) = recovered.store {
        let telemetry = assembly.telemetry.state()?;
        let commits = Arc::new(Commits::new(telemetry, durability, is_behind));
        assembly.shards.commit_with(Arc::clone(&commits));
        keeper = Some(Keeper {
            commits,
            store,
            key,
            is_behind,
        });
    } else {
        let wanted = config.state.as_ref().and_then(|state| state.durability);
        if wanted.is_some() {
            // The directory cannot be written, which the log says.
            assembly.telemetry.state()?.set(Duration::ZERO, false);
        }
    }
    Ok(Resumed {
        sources,
        links,
        keeper,
    })
}

/// Loads the state of an earlier process and starts the sources where it stopped.
pub(super) fn begin(mut assembly: Assembly, config: &mut Config) -> Result<Begun, StartError> {
    let resolvers = load_routes(config, Report::default()).map_err(StartError::Routes)?;
    let mut recovered = Recovered::load(config.state.as_ref())?;
    let lock = recovered.lock.take();
    let Resumed {
        sources,
        links,
        keeper,
    } = resume(&mut assembly, config, recovered)?;
    let assembled = assembly.assemble(config, &resolvers, Vec::new(), &links, sources);
    let assembled = assembled.map_err(|refused| refused.error)?;
    let mut kept = None;
    if let Some(keeper) = keeper {
        let committer = keeper.committer(&assembly.clock);
        let commits = Arc::clone(committer.commits());
        let shards = Arc::clone(&assembly.shards);
        let thread = CommitThread { committer, shards };
        let ended = aside("state", move || thread.run())
            .map_err(|error| StartError::System("start a thread for the state", error))?;
        kept = Some(Kept { commits, ended });
    }
    Ok(Begun {
        assembly,
        assembled,
        kept,
        lock,
    })
}
