//! Makes the sources of a configuration: new ones, ones that go on, and ones that were saved.
//!
//! Invariant: what can fail, because the system has no thread or descriptor left, is done before anything is changed.

use std::borrow::BorrowMut;
use std::io;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::{Assembly, NotAssembled, pipeline_settings};
use crate::aggregate::Shard;
use crate::clock::Waker;
use crate::config::{Config, Limits, Resolvers, Source};
use crate::daemon::error::StartError;
use crate::daemon::input::{InputLimits, OpenInput, Surroundings, gap_reasons};
use crate::daemon::reject_watch::{RejectWatch, explain_command};
use crate::daemon::shared_shard::SharedShard;
use crate::daemon::source_log::SourceLog;
use crate::daemon::views::Views;
use crate::daemon::work::{Work, finish};
use crate::join::Links;
use crate::label::Budget;
use crate::model::{SavedInput, SavedSource};
use crate::pipeline::{NarrowedPatterns, Pipeline, Settings};
use crate::source::Fs;

/// Starting point of a source's work.
enum Base<F: Fs> {
    /// The input of a new source, its waker, and what was saved of it.
    New(OpenInput<F>, Waker, Option<Box<SavedSource>>),
    /// The work before, with its input.
    Kept(Work<F>),
    /// The work before, and another input.
    Replaced(Work<F>, OpenInput<F>),
}

/// The error of the system that refused what a source needs, and the work before.
type Refused<F> = (io::Error, Option<Work<F>>);

impl<F: Fs> Assembly<F> {
    /// Makes the sources of the configuration, and lets scrapes read them; a source that stays continues its work, and a new one
    /// what was saved under its name. May block, as it opens streams and reads file attributes.
    pub(in crate::daemon) fn make_sources(
        &self,
        config: &Config,
        resolvers: &Resolvers,
        mut works: Vec<Work<F>>,
        links: &Links,
        mut saved: Vec<SavedSource>,
        narrowed: &NarrowedPatterns,
    ) -> Result<(Vec<Work<F>>, Links), NotAssembled<F>> {
        let limits = InputLimits::of(config);
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
        let links = links.reconfigure(&config.linked(), join_limits);
        // What ends is closed first, so that another source can bind its address.
        self.finish(&mut works);
        for work in &works {
            self.telemetry.forget_source(&work.name);
        }
        let mut replaced: Vec<&mut Work<F>> = (prepared.iter_mut())
            .filter_map(|base| match base {
                Base::Replaced(work, _) => Some(work),
                Base::New(..) | Base::Kept(_) => None,
            })
            .collect();
        self.finish(&mut replaced);
        let (mut next, mut successors) = (Vec::new(), Vec::new());
        for (source, base) in config.sources.iter().zip(prepared) {
            let join = links.end(&source.name);
            let settings = Settings {
                narrowed: narrowed.clone(),
                ..pipeline_settings(source, limits.line_bytes, resolvers, join)
            };
            let (work, successor) = self.work(source, settings, limits, base, &budget);
            successors.extend(successor.map(|shard| (next.len(), shard)));
            next.push(work);
        }
        self.shards.show_created(config.shows_created);
        let has_exemplars = |source: &Source| source.exemplars.is_some();
        (self.shards).set_exemplars(config.sources.iter().any(has_exemplars));
        self.shards.replace(links.clone(), || {
            for (at, shard) in successors {
                let work: &Work<F> = &next[at];
                report_changed(&work.name, &work.shard.succeed(shard));
            }
            for work in &next {
                // Series that exceed a lowered cap stay and are outside of the budget.
                budget.add_existing(work.shard.lock().series());
            }
            // Counts that were taken over come first in the series budget.
            for work in &next {
                work.initialise(&*self.clock);
            }
            next.iter().map(|work| Arc::clone(&work.shard)).collect()
        });
        self.shards.serve_recovered();
        Ok((next, links))
    }

    /// Closes the streams of sources that end.
    fn finish<W: BorrowMut<Work<F>>>(&self, works: &mut [W]) {
        let waker = Waker::default();
        for work in &*works {
            work.borrow().waker.forward_to(&waker);
        }
        finish(works, self.clock.as_ref(), &waker, |_| {});
    }

    /// Takes from the system what a source needs. Hands the work before back if that is refused.
    fn prepare(
        &self,
        source: &Source,
        old: Option<Work<F>>,
        mut saved: Option<SavedSource>,
        limits: InputLimits,
    ) -> Result<Base<F>, Box<Refused<F>>> {
        let with = self.surroundings(limits);
        let open = |waker: &Waker, from| OpenInput::prepare(source, from, waker, &with);
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

    fn surroundings(&self, limits: InputLimits) -> Surroundings<'_, F> {
        Surroundings {
            limits,
            clock: &self.clock,
            notifier: &self.notifier,
            files: &self.files,
            streams: &self.streams,
            key: self.key,
        }
    }

    /// Makes the work of a source, and the successor of its shard if the shard has one.
    fn work(
        &self,
        source: &Source,
        settings: Settings,
        limits: InputLimits,
        base: Base<F>,
        budget: &Budget,
    ) -> (Work<F>, Option<Shard>) {
        let (log, rejects) = match &base {
            Base::New(..) => {
                let log = SourceLog::new(&source.name, Arc::clone(&self.clock));
                (Arc::new(log), RejectWatch::default())
            }
            Base::Kept(old) | Base::Replaced(old, _) => (Arc::clone(&old.log), old.rejects),
        };
        let mut access = Arc::default();
        let mut from = SavedInput::Stream;
        let mut successor = None;
        let mut gaps = Vec::new();
        let (mut input, waker, pipeline, shard) = match base {
            Base::New(input, waker, saved) => {
                let mut pipeline = Pipeline::new(settings, budget.clone());
                let mut shard = pipeline.shard();
                if let Some(saved) = saved {
                    pipeline.resume_routes(&saved.routes);
                    report_changed(&saved.name, &shard.resume(saved.families, &saved.ledger));
                    from = saved.input;
                    gaps = saved.gaps;
                }
                (input, waker, pipeline, Arc::new(SharedShard::new(shard)))
            }
            Base::Kept(mut old) => {
                let with = self.surroundings(limits);
                old.input.reconfigure(&source.input, &old.waker, &with);
                access = Arc::clone(&old.access);
                let pipeline = old.pipeline.reconfigure(settings, budget.clone());
                successor = Some(pipeline.shard());
                (old.input, old.waker, pipeline, old.shard)
            }
            Base::Replaced(old, input) => {
                from = old.input.save();
                let pipeline = old.pipeline.reconfigure(settings, budget.clone());
                successor = Some(pipeline.shard());
                (input, old.waker, pipeline, old.shard)
            }
        };
        input.begin(&from);
        let now = self.clock.wall().duration_since(UNIX_EPOCH);
        let routes = source.routes.as_ref();
        let views = routes.and_then(|routes| Views::new(routes, now.unwrap_or_default()));
        let reasons = gap_reasons(&source.input);
        let telemetry = self.telemetry.source(&source.name, reasons);
        (self.telemetry).set_fronts(&source.name, &source.behind);
        telemetry.resume_gaps(&gaps);
        telemetry.set_urlconf(views.is_some().then_some(true));
        let work = Work {
            name: source.name.clone(),
            input,
            waker,
            views,
            pipeline,
            shard,
            telemetry,
            log,
            rejects,
            explain: explain_command(source),
            access,
            reported: None,
            was_read: false,
            behind_since: None,
        };
        (work, successor)
    }
}

impl<F: Fs> Base<F> {
    fn into_work(self) -> Option<Work<F>> {
        match self {
            Self::New(..) => None,
            Self::Kept(work) | Self::Replaced(work, _) => Some(work),
        }
    }
}

/// Logs the families that start at 0.
fn report_changed(source: &str, families: &[Arc<str>]) {
    for family in families {
        tracing::warn!(
            source,
            "{family} starts at 0: it has other labels, buckets or conditions than before"
        );
    }
}
