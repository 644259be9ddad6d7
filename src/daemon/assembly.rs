//! Makes the workers of a configuration: at the start and at every reload.
//!
//! Invariant: a source that stays keeps its open files, its counts and its routes. What can fail, because the system has no
//! thread or descriptor left, is done before anything is changed.

use std::borrow::BorrowMut;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::UNIX_EPOCH;

use tokio::sync::mpsc;

use super::descriptors;
use super::error::StartError;
use super::input::{InputLimits, OpenInput, Surroundings, gap_reasons};
use super::notice::Notice;
use super::reject_watch::{RejectWatch, explain_command};
use super::shared_shard::{Shards, SharedShard};
use super::source_log::SourceLog;
use super::state_lock::acquire_configured;
use super::views::Views;
use super::work::{Work, finish};
use super::worker::{Worker, WorkerThread};
use crate::aggregate::Shard;
use crate::clock::{Clock, Waker};
use crate::config::{Config, Limits, Resolvers, Source};
use crate::join::{End, Links};
use crate::label::Budget;
use crate::pipeline::{NarrowedPatterns, Pipeline, Settings};
use crate::source::{Notifier, RealFs, SharedFs, StreamThread};
use crate::state::StateLock;
use crate::telemetry::Telemetry;

/// State shared by all workers.
#[derive(Clone)]
pub(super) struct Assembly {
    pub(super) shards: Arc<Shards>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) notifier: Arc<Notifier>,
    pub(super) files: SharedFs<RealFs>,
    pub(super) streams: Arc<StreamThread>,
    /// Cloned for each worker.
    pub(super) notices: mpsc::UnboundedSender<Notice>,
    pub(super) thread_maker: ThreadMaker,
    /// The lock of the state directory, if the configuration has one.
    pub(super) state: Arc<Mutex<Option<StateLock>>>,
}

/// Function that starts a thread; another one in tests.
pub(super) type ThreadMaker = Arc<dyn Fn() -> io::Result<WorkerThread> + Send + Sync>;

/// Starting point of a source's work.
enum Base {
    /// The input of a new source, and its waker.
    New(OpenInput, Waker),
    /// The work before, with its input.
    Kept(Work),
    /// The work before, and another input.
    Replaced(Work, OpenInput),
}

/// The reason for which a configuration cannot be applied, with the work of the one before, which was not changed.
pub(super) struct NotAssembled {
    pub(super) error: StartError,
    pub(super) works: Vec<Work>,
}

/// The workers of a configuration.
#[derive(Default)]
pub(super) struct Assembled {
    pub(super) workers: Vec<Worker>,
    pub(super) links: Links,
}

impl Assembly {
    /// Makes the sources of the configuration and starts threads for them; a source that stays continues its work. May block, as it
    /// opens streams and reads file attributes.
    pub(super) fn assemble(
        &self,
        config: &Config,
        resolvers: &Resolvers,
        mut works: Vec<Work>,
        links: &Links,
    ) -> Result<Assembled, NotAssembled> {
        let limits = InputLimits {
            line_bytes: config.limits.line_bytes,
            open_files: descriptors::files_per_source(config.sources.len()),
        };
        let threads = match self.threads(config.sources.len()) {
            Ok(threads) => threads,
            Err(error) => {
                let error = StartError::System("start a thread for the sources", error);
                return Err(NotAssembled { error, works });
            }
        };
        let mut prepared = Vec::new();
        for source in &config.sources {
            let old = works.iter().position(|work| work.name == source.name);
            let old = old.map(|at| works.swap_remove(at));
            match self.prepare(source, old, limits) {
                Ok(ready) => prepared.push(ready),
                Err(refused) => {
                    let (error, old) = *refused;
                    works.extend(old);
                    works.extend(prepared.into_iter().filter_map(Base::into_work));
                    let error = StartError::Thread {
                        source_name: source.name.clone(),
                        source: error,
                    };
                    return Err(NotAssembled { error, works });
                }
            }
        }
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match acquire_configured(config.state_dir.as_deref(), held.as_ref()) {
            Ok(lock) => lock.apply(&mut held),
            Err(error) => {
                works.extend(prepared.into_iter().filter_map(Base::into_work));
                let error = error.into();
                return Err(NotAssembled { error, works });
            }
        }
        drop(held);
        let budget = Budget::new(config.limits.series);
        let join_limits = config.limits.join(Limits::PENDING_REQUESTS);
        let links = links.reconfigure(config.fronts(), join_limits);
        // What ends is closed first, so that another source can bind its address.
        self.finish(&mut works);
        for work in &works {
            self.telemetry.forget_source(&work.name);
        }
        let mut replaced: Vec<&mut Work> = (prepared.iter_mut())
            .filter_map(|base| match base {
                Base::Replaced(work, _) => Some(work),
                Base::New(..) | Base::Kept(_) => None,
            })
            .collect();
        self.finish(&mut replaced);
        let narrowed = NarrowedPatterns::default();
        let mut next = Vec::new();
        for (source, base) in config.sources.iter().zip(prepared) {
            let join = links.end(&source.name);
            let settings = Settings {
                narrowed: narrowed.clone(),
                ..pipeline_settings(source, limits.line_bytes, resolvers, join)
            };
            next.push(self.work(source, settings, limits, base, &budget));
        }
        // Counts that were taken over come first in the series budget.
        next.iter().for_each(Work::initialise);
        let shards = next.iter().map(|work| Arc::clone(&work.shard)).collect();
        self.shards.replace(shards, links.clone());
        let workers = self.start(threads, next);
        self.telemetry.config_loaded(self.clock.wall());
        Ok(Assembled { workers, links })
    }

    /// Closes the streams of sources that end.
    fn finish<W: BorrowMut<Work>>(&self, works: &mut [W]) {
        let waker = Waker::default();
        for work in &*works {
            work.borrow().waker.forward_to(&waker);
        }
        finish(works, self.clock.as_ref(), &waker, |_| {});
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
                    tracing::warn!("only {} threads for the sources: {error}", threads.len());
                    break;
                }
            }
        }
        Ok(threads)
    }

    /// Lets threads work on these sources. Without a thread, there must not be a source.
    pub(super) fn start(&self, threads: Vec<WorkerThread>, works: Vec<Work>) -> Vec<Worker> {
        let mut parts: Vec<Vec<Work>> = threads.iter().map(|_| Vec::new()).collect();
        let count = parts.len().max(1);
        for (nth, work) in works.into_iter().enumerate() {
            if let Some(part) = parts.get_mut(nth % count) {
                part.push(work);
            }
        }
        let parts = threads.into_iter().zip(parts);
        let start =
            |(thread, works): (WorkerThread, _)| thread.start(works, &self.clock, &self.notices);
        parts.map(start).collect()
    }

    /// Takes from the system what a source needs. Hands the work before back if that is refused.
    fn prepare(
        &self,
        source: &Source,
        old: Option<Work>,
        limits: InputLimits,
    ) -> Result<Base, Box<(io::Error, Option<Work>)>> {
        let with = self.surroundings(limits);
        let open = |waker: &Waker| OpenInput::prepare(&source.input, waker, with);
        match old {
            Some(old) if old.input.keeps(&source.input, limits.line_bytes) => Ok(Base::Kept(old)),
            Some(old) => match open(&old.waker) {
                Ok(input) => Ok(Base::Replaced(old, input)),
                Err(error) => Err(Box::new((error, Some(old)))),
            },
            None => {
                let waker = Waker::default();
                match open(&waker) {
                    Ok(input) => Ok(Base::New(input, waker)),
                    Err(error) => Err(Box::new((error, None))),
                }
            }
        }
    }

    fn surroundings(&self, limits: InputLimits) -> Surroundings<'_> {
        Surroundings {
            limits,
            clock: &self.clock,
            notifier: &self.notifier,
            files: &self.files,
            streams: &self.streams,
        }
    }

    fn work(
        &self,
        source: &Source,
        settings: Settings,
        limits: InputLimits,
        base: Base,
        budget: &Budget,
    ) -> Work {
        let (log, rejects) = match &base {
            Base::New(..) => {
                let log = SourceLog::new(&source.name, Arc::clone(&self.clock));
                (Arc::new(log), RejectWatch::default())
            }
            Base::Kept(old) | Base::Replaced(old, _) => (Arc::clone(&old.log), old.rejects),
        };
        let mut access = Arc::default();
        let (mut input, waker, pipeline, shard) = match base {
            Base::New(input, waker) => {
                let pipeline = Pipeline::new(settings, budget.clone());
                let shard = pipeline.shard();
                (input, waker, pipeline, shard)
            }
            Base::Kept(mut old) => {
                let with = self.surroundings(limits);
                old.input.reconfigure(&source.input, &old.waker, with);
                access = Arc::clone(&old.access);
                let (pipeline, shard) = reconfigured(old.pipeline, &old.shard, settings, budget);
                (old.input, old.waker, pipeline, shard)
            }
            Base::Replaced(old, input) => {
                let (pipeline, shard) = reconfigured(old.pipeline, &old.shard, settings, budget);
                (input, old.waker, pipeline, shard)
            }
        };
        input.begin();
        let now = self.clock.wall().duration_since(UNIX_EPOCH);
        let routes = source.routes.as_ref();
        let views = routes.and_then(|routes| Views::new(routes, now.unwrap_or_default()));
        let reasons = gap_reasons(&source.input);
        let telemetry = self.telemetry.source(&source.name, reasons);
        telemetry.set_urlconf(views.is_some().then_some(true));
        Work {
            name: source.name.clone(),
            input,
            waker,
            views,
            pipeline,
            shard: Arc::new(SharedShard::new(shard)),
            telemetry,
            log,
            rejects,
            explain: explain_command(source),
            access,
            reported: None,
            behind_since: None,
        }
    }
}

impl Base {
    fn into_work(self) -> Option<Work> {
        match self {
            Self::New(..) => None,
            Self::Kept(work) | Self::Replaced(work, _) => Some(work),
        }
    }
}

/// Returns the pipeline of a source that stays, with new settings, and its counts.
fn reconfigured(
    pipeline: Pipeline,
    counts: &SharedShard,
    settings: Settings,
    budget: &Budget,
) -> (Pipeline, Shard) {
    let pipeline = pipeline.reconfigure(settings, budget.clone());
    let mut shard = pipeline.shard();
    shard.merge(&mut counts.lock());
    // Series that exceed a lowered cap stay and are outside of the budget.
    budget.add_existing(shard.series());
    (pipeline, shard)
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
        join,
        ..Settings::new(&source.name, Arc::clone(&source.pattern))
    }
}
