//! Makes the workers of a configuration: at the start and at every reload.
//!
//! Invariant: a source that stays keeps its open files, its counts and its routes. What can fail, because the system has no
//! thread or descriptor left, is done before anything is changed.

mod sources;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use super::error::StartError;
use super::notice::Notice;
use super::overview::Overview;
use super::shared_shard::Shards;
use super::web::WebControl;
use super::work::Work;
use super::worker::{Worker, WorkerThread};
use crate::clock::Clock;
use crate::config::{Config, Resolvers, Source};
use crate::join::{End, Links};
use crate::model::{SavedSource, SecretKey, counted};
use crate::pipeline::{NarrowedPatterns, Settings};
use crate::source::{Fs, Notifier, RealFs, SharedFs, StreamThread};
use crate::telemetry::Telemetry;

/// State shared by all workers.
#[derive(Clone)]
pub(super) struct Assembly<F: Fs = RealFs> {
    pub(super) shards: Arc<Shards>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) notifier: Arc<Notifier>,
    pub(super) files: SharedFs<F>,
    pub(super) streams: Arc<StreamThread>,
    /// Cloned for each worker.
    pub(super) notices: mpsc::UnboundedSender<Notice>,
    pub(super) thread_maker: ThreadMaker,
    /// Key of all fingerprints.
    pub(super) key: SecretKey,
    /// Web configuration, which a reload may replace; `None` in tests of the sources alone.
    pub(super) web: Option<WebControl>,
    /// Receiver of the configuration in force, for people; `None` in tests of the sources alone.
    pub(super) overview: Option<Arc<Overview>>,
}

/// Function that starts a thread; another one in tests.
pub(super) type ThreadMaker = Arc<dyn Fn() -> io::Result<WorkerThread> + Send + Sync>;

/// The reason for which a configuration cannot be applied, with the work of the one before, which was not changed.
pub(super) struct NotAssembled<F: Fs = RealFs> {
    pub(super) error: StartError,
    pub(super) works: Vec<Work<F>>,
}

/// The workers of a configuration.
#[derive(Default)]
pub(super) struct Assembled {
    pub(super) workers: Vec<Worker>,
    pub(super) links: Links,
    /// Reason for which the web configuration before stays in force.
    pub(super) web_fault: Option<String>,
}

impl Assembly {
    /// Makes the sources of the configuration, as [`Self::make_sources`], and starts threads for them.
    pub(super) fn assemble(
        &self,
        config: &Config,
        resolvers: &Resolvers,
        works: Vec<Work>,
        links: &Links,
        saved: Vec<SavedSource>,
    ) -> Result<Assembled, NotAssembled> {
        let threads = match self.threads(config.sources.len()) {
            Ok(threads) => threads,
            Err(error) => {
                let error = StartError::System("start a thread for the sources", error);
                return Err(NotAssembled { error, works });
            }
        };
        let narrowed = NarrowedPatterns::default();
        let (works, links) =
            self.make_sources(config, resolvers, works, links, saved, &narrowed)?;
        let pages = config.nginx_status.iter().map(|page| &page.value);
        self.shards.nginx().configure(pages);
        self.telemetry.set_capacities(&config.capacities);
        if let Some(overview) = &self.overview {
            overview.configure(config);
        }
        let workers = self.start(threads, works, &links);
        let web = self.web.as_ref();
        let web_fault = web.and_then(|web| web.apply(&config.web));
        self.telemetry.config_loaded(self.clock.wall());
        Ok(Assembled {
            workers,
            links,
            web_fault,
        })
    }

    /// Takes threads for this many sources from the system: as many as there are processors, or as it allows.
    pub(super) fn threads(&self, sources: usize) -> io::Result<Vec<WorkerThread>> {
        let most = thread::available_parallelism().map_or(1, usize::from);
        let mut threads = Vec::new();
        for _ in 0..most.min(sources) {
            match (self.thread_maker)() {
                Ok(thread) => threads.push(thread),
                Err(error) if threads.is_empty() => return Err(error),
                Err(error) => {
                    let threads = counted(threads.len(), "thread");
                    tracing::warn!("only {threads} for the sources: {error}");
                    break;
                }
            }
        }
        Ok(threads)
    }

    /// Lets threads work on these sources, each on all sources of a link. Without a thread, there must not be a source.
    pub(super) fn start(
        &self,
        threads: Vec<WorkerThread>,
        works: Vec<Work>,
        links: &Links,
    ) -> Vec<Worker> {
        let parts = share_out(works, threads.len(), links);
        let start =
            |(thread, works): (WorkerThread, _)| thread.start(works, &self.clock, &self.notices);
        threads.into_iter().zip(parts).map(start).collect()
    }
}

/// Shares sources out among threads, those of a link to one, so that their snapshots are of one instant. Without a thread, there
/// must not be a source.
pub(super) fn share_out<F: Fs>(
    works: Vec<Work<F>>,
    threads: usize,
    links: &Links,
) -> Vec<Vec<Work<F>>> {
    let mut parts: Vec<Vec<Work<F>>> = (0..threads).map(|_| Vec::new()).collect();
    let mut homes = BTreeMap::new();
    for work in works {
        let link = links.place(&work.name);
        let linked = link.and_then(|link| homes.get(&link).copied());
        let least = || (0..parts.len()).min_by_key(|at| parts[*at].len());
        let Some(at) = linked.or_else(least) else {
            continue;
        };
        if let Some(link) = link {
            homes.insert(link, at);
        }
        parts[at].push(work);
    }
    parts
}

/// Returns the settings of the pipeline of a configured source.
pub fn pipeline_settings(
    source: &Source,
    line_bytes: usize,
    resolvers: &Resolvers,
    join: Option<End>,
) -> Settings {
    let routes = source.routes.as_ref();
    Settings {
        line_bytes,
        routes: routes.and_then(|routes| resolvers.get(&routes.name).map(Arc::clone)),
        max_routes: routes.and_then(|routes| routes.max_routes),
        metrics: source.metrics.clone(),
        exemplars: source.exemplars,
        join,
        ..Settings::new(&source.name, Arc::clone(&source.pattern))
    }
}
