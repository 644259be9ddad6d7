//! Makes the workers of a configuration: at the start and at every reload.
//!
//! Invariant: a source that stays keeps its open files, its counts and its routes. What can fail, because the system has no
//! thread or descriptor left, is done before anything is changed.

use std::borrow::BorrowMut;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
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
use super::views::Views;
use super::work::{Work, finish};
use super::worker::{Worker, WorkerThread};
use crate::aggregate::Shard;
use crate::clock::{Clock, Waker};
use crate::config::{Config, Limits, Resolvers, Source};
use crate::join::{End, Links};
use crate::label::Budget;
use crate::model::{SavedInput, SavedSource, SecretKey};
use crate::pipeline::{NarrowedPatterns, Pipeline, Settings};
use crate::source::{Notifier, RealFs, SharedFs, StreamThread};
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
    /// Key of all fingerprints.
    pub(super) key: SecretKey,
}

/// Function that starts a thread; another one in tests.
pub(super) type ThreadMaker = Arc<dyn Fn() -> io::Result<WorkerThread> + Send + Sync>;

/// Starting point of a source's work.
enum Base {
    /// The input of a new source, its waker, and what was saved of it.
    New(OpenInput, Waker, Option<Box<SavedSource>>),
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
    /// Makes the sources of the configuration and starts threads for them; a source that stays continues its work, and a new one
    /// what was saved under its name. May block, as it opens streams and reads file attributes.
    pub(super) fn assemble(
        &self,
        config: &Config,
        resolvers: &Resolvers,
        mut works: Vec<Work>,
        links: &Links,
        mut saved: Vec<SavedSource>,
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
            let saved = saved
                .iter()
                .position(|saved| saved.name == source.name)
                .map(|at| saved.swap_remove(at));
            match self.prepare(source, old, saved, limits) {
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
        self.shards.serve_recovered();
        let workers = self.start(threads, next, &links);
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

    /// Lets threads work on these sources, each on all sources of a link. Without a thread, there must not be a source.
    pub(super) fn start(
        &self,
        threads: Vec<WorkerThread>,
        works: Vec<Work>,
        links: &Links,
    ) -> Vec<Worker> {
        let mut parts: Vec<Vec<Work>> = threads.iter().map(|_| Vec::new()).collect();
        let mut homes = BTreeMap::new();
        for work in works {
            let linked = links
                .place(&work.name)
                .and_then(|link| homes.get(&link).copied());
            let least = || (0..parts.len()).min_by_key(|at| parts[*at].len());
            let Some(at) = linked.or_else(least) else {
                continue;
            };
            if let Some(link) = links.place(&work.name) {
                homes.insert(link, at);
            }
            parts[at].push(work);
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
        mut saved: Option<SavedSource>,
        limits: InputLimits,
    ) -> Result<Base, Box<(io::Error, Option<Work>)>> {
        let with = self.surroundings(limits);
        let open = |waker: &Waker, from| OpenInput::prepare(source, from, waker, with);
        match old {
            Some(old) if old.input.keeps(&source.input, limits.line_bytes) => Ok(Base::Kept(old)),
            Some(old) => match open(&old.waker, SavedInput::Stream) {
                Ok(input) => Ok(Base::Replaced(old, input)),
                Err(error) => Err(Box::new((error, Some(old)))),
            },
            None => {
                let waker = Waker::default();
                // The position in a journal is needed later, and that in files only now.
                let position = saved.as_mut().map(|saved| &mut saved.input);
                let from = match position {
                    Some(files @ SavedInput::Files(_)) => std::mem::take(files),
                    _ => SavedInput::Stream,
                };
                match open(&waker, from) {
                    Ok(input) => Ok(Base::New(input, waker, saved.map(Box::new))),
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
            key: self.key,
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
        let mut from = SavedInput::Stream;
        let (mut input, waker, pipeline, shard) = match base {
            Base::New(input, waker, saved) => {
                let mut pipeline = Pipeline::new(settings, budget.clone());
                let mut shard = pipeline.shard();
                if let Some(saved) = saved {
                    pipeline.resume_routes(&saved.routes);
                    resume_counts(&mut shard, &saved, budget);
                    from = saved.input;
                }
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
                from = old.input.save();
                let (pipeline, shard) = reconfigured(old.pipeline, &old.shard, settings, budget);
                (input, old.waker, pipeline, shard)
            }
        };
        input.begin(&from);
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

/// Continues saved counts.
fn resume_counts(shard: &mut Shard, saved: &SavedSource, budget: &Budget) {
    for family in shard.resume(&saved.families, &saved.ledger) {
        let source = &saved.name;
        tracing::warn!(
            source,
            "{family} starts at 0: it has other labels or buckets than before"
        );
    }
    budget.add_existing(shard.series());
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
