//! Applies a configuration: at the start and at every reload.
//!
//! Invariant: a source that stays keeps its open files, its counts and its routes; a configuration with an error
//! changes nothing.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use sd_notify::NotifyState;
use tokio::task::spawn_blocking;

use super::error::{RunError, StartError};
use super::input::{InputLimits, OpenInput, gap_reasons};
use super::shared_shard::SharedShard;
use super::start::{Daemon, load_routes};
use super::views::Views;
use super::worker::{Work, Worker};
use super::{descriptors, systemd};
use crate::clock::Waker;
use crate::config::{Checked, Config, Limits, Resolvers, Source};
use crate::diag::Report;
use crate::join::End;
use crate::label::Budget;
use crate::pipeline::{Pipeline, Settings};

impl Daemon {
    /// Reads the configuration again and applies it if it has no error.
    pub(super) async fn reload(&mut self) -> Result<(), RunError> {
        let Some(origin) = self.origin.clone() else {
            tracing::warn!("nothing to reload: started without a configuration file");
            return Ok(());
        };
        systemd::notify_reloading();
        let path = origin.path.display();
        match load(&origin.path) {
            Ok(Ok((config, resolvers))) => {
                if !origin.listen_is_given && config.listen != self.listen {
                    tracing::warn!("web.listen changed: restart the exporter to apply it");
                }
                let works = self.stop_workers().await?;
                self.adopt(&config, &resolvers, works)?;
                tracing::info!("configuration reloaded from {path}");
            }
            Ok(Err(report)) => {
                for fault in report.faults() {
                    tracing::error!("{fault}");
                }
                self.refuse(&format!("{} errors in {path}", report.errors()));
            }
            Err(error) => self.refuse(&format!("cannot read {path}: {error}")),
        }
        systemd::notify(NotifyState::Ready);
        Ok(())
    }

    fn refuse(&self, why: &str) {
        self.telemetry.config_refused();
        tracing::error!("configuration not reloaded, the previous one stays in force: {why}");
    }

    /// Stops every thread and returns its work.
    async fn stop_workers(&mut self) -> Result<Vec<Work>, RunError> {
        let workers = std::mem::take(&mut self.workers);
        workers.iter().for_each(Worker::request_stop);
        let join = move || workers.into_iter().map(Worker::join).collect();
        let joined: Result<Result<_, _>, _> = spawn_blocking(join).await;
        let works = joined.map_err(|error| RunError::Panicked(error.to_string()))?;
        works.map_err(RunError::Panicked)
    }

    /// Stops every thread and counts what streams had received until then.
    pub(super) async fn finish_workers(&mut self) -> Result<(), RunError> {
        let mut works = self.stop_workers().await?;
        let clock = Arc::clone(&self.clock);
        let finish = move || {
            for work in &mut works {
                work.finish(clock.as_ref());
            }
        };
        let finished = spawn_blocking(finish).await;
        finished.map_err(|error| RunError::Panicked(error.to_string()))
    }

    /// Starts a thread for each source of the configuration; a source that stays continues its work.
    pub(super) fn adopt(
        &mut self,
        config: &Config,
        resolvers: &Resolvers,
        mut works: Vec<Work>,
    ) -> Result<(), StartError> {
        let budget = Budget::new(config.limits.series);
        let join_limits = config.limits.join(Limits::PENDING_REQUESTS);
        self.links = self.links.reconfigure(config.fronts(), join_limits);
        let limits = InputLimits {
            line_bytes: config.limits.line_bytes,
            open_files: descriptors::share(config.sources.len()),
        };
        // What ends is closed first, so that another source can bind its address.
        works.retain_mut(|work| {
            let source = config.sources.iter().find(|it| it.name == work.name);
            if !source.is_some_and(|source| work.input.keeps(&source.input, limits.line_bytes)) {
                work.finish(self.clock.as_ref());
            }
            if source.is_none() {
                self.telemetry.forget_source(&work.name);
            }
            source.is_some()
        });
        let thread_error = |source_name: &str, source| StartError::Thread {
            source_name: source_name.to_owned(),
            source,
        };
        let mut next = Vec::new();
        for source in &config.sources {
            let old = works.iter().position(|work| work.name == source.name);
            let old = old.map(|at| works.swap_remove(at));
            let join = self.links.end(&source.name);
            let settings = pipeline_settings(source, limits.line_bytes, resolvers, join);
            let work = self.work(source, settings, limits, old, &budget);
            next.push(work.map_err(|error| thread_error(&source.name, error))?);
        }
        // Counts that were taken over come first in the series budget.
        next.iter().for_each(Work::initialise);
        let shards = next.iter().map(|work| Arc::clone(&work.shard)).collect();
        self.shards.replace(shards, self.links.clone());
        for work in next {
            let name = work.name.clone();
            let worker = Worker::spawn(work, &self.clock, &self.notice_sender)
                .map_err(|error| thread_error(&name, error))?;
            self.workers.push(worker);
        }
        self.telemetry.config_loaded(self.clock.wall());
        Ok(())
    }

    fn work(
        &self,
        source: &Source,
        settings: Settings,
        limits: InputLimits,
        old: Option<Work>,
        budget: &Budget,
    ) -> io::Result<Work> {
        let open = |waker: &Waker| OpenInput::open(&source.input, limits, waker, &self.clock);
        let (input, waker, pipeline, shard) = match old {
            None => {
                let pipeline = Pipeline::new(settings, budget.clone());
                let shard = pipeline.shard();
                let waker = Waker::default();
                (open(&waker)?, waker, pipeline, shard)
            }
            Some(mut old) => {
                if old.input.keeps(&source.input, limits.line_bytes) {
                    let events = old.events();
                    old.input.reconfigure(&source.input, limits, &events);
                } else {
                    old.input = open(&old.waker)?;
                }
                let pipeline = old.pipeline.reconfigure(settings, budget.clone());
                let mut shard = pipeline.shard();
                let before = old.shard.lock();
                shard.merge(&before);
                drop(before);
                // Series that exceed a lowered cap stay and are outside of the budget.
                budget.add_existing(shard.series());
                (old.input, old.waker, pipeline, shard)
            }
        };
        let now = self.clock.wall().duration_since(UNIX_EPOCH);
        let routes = source.routes.as_ref();
        let views = routes.and_then(|routes| Views::new(routes, now.unwrap_or_default()));
        let reasons = gap_reasons(&source.input);
        let telemetry = self.telemetry.source(&source.name, reasons);
        telemetry.set_urlconf(views.is_some().then_some(true));
        Ok(Work {
            name: source.name.clone(),
            input,
            waker,
            views,
            pipeline,
            shard: Arc::new(SharedShard(Mutex::new(shard))),
            telemetry,
        })
    }
}

/// Reads a configuration and its routes; returns the report if it has errors.
fn load(path: &Path) -> io::Result<Result<(Config, Resolvers), Report>> {
    let Checked { config, report } = Config::load(path)?;
    let Some(config) = config else {
        return Ok(Err(report));
    };
    let resolvers = load_routes(&config, report);
    Ok(resolvers.map(|resolvers| (config, resolvers)))
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
        max_routes: routes.map_or(Limits::MAX_ROUTES, |routes| routes.max_routes),
        metrics: source.metrics.clone(),
        join,
        ..Settings::new(&source.name, Arc::clone(&source.pattern))
    }
}
