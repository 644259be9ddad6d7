//! Putting a configuration in force, the first one and every later one.
//!
//! Invariant: a source that stays keeps its open files, its counts and its routes; a configuration
//! with a fault changes nothing.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::input::{Input, gap_reasons};
use super::lane::Lane;
use super::views::Views;
use super::worker::{Work, Worker};
use super::{Daemon, RunError, StartError, descriptors, systemd};
use crate::clock::Waker;
use crate::config::{Checked, Config, Limits, Resolvers, Source};
use crate::diag::Report;
use crate::label::Budget;
use crate::pipeline::{Pipeline, Settings};

impl Daemon {
    /// Reads the configuration again and puts it in force, if it has no fault.
    pub(super) async fn reload(&mut self) -> Result<(), RunError> {
        let Some(origin) = self.origin.clone() else {
            tracing::warn!("nothing to reload: there is no configuration file");
            return Ok(());
        };
        systemd::reloading();
        match Config::load(&origin.path) {
            Ok(Checked {
                config: Some(config),
                mut report,
            }) => {
                let resolvers = config.resolvers(&mut report);
                if report.errors() > 0 {
                    self.refuse_for(&report, &origin.path);
                    systemd::ready();
                    return Ok(());
                }
                for fault in report.faults() {
                    tracing::warn!("{fault}");
                }
                if !origin.listen_is_given && config.listen != self.listen {
                    tracing::warn!("web.listen changed: that takes a restart");
                }
                self.swap(&config, &resolvers).await?;
                self.telemetry.config_loaded(self.clock.wall());
                tracing::info!("configuration reloaded from {}", origin.path.display());
            }
            Ok(Checked { report, .. }) => self.refuse_for(&report, &origin.path),
            Err(error) => self.refuse(&format!("cannot read {}: {error}", origin.path.display())),
        }
        systemd::ready();
        Ok(())
    }

    fn refuse_for(&self, report: &Report, path: &Path) {
        for fault in report.faults() {
            tracing::error!("{fault}");
        }
        self.refuse(&format!("{} errors in {}", report.errors(), path.display()));
    }

    fn refuse(&self, why: &str) {
        self.telemetry.config_refused();
        tracing::error!("configuration not reloaded, the one before stays in force: {why}");
    }

    async fn swap(&mut self, config: &Config, resolvers: &Resolvers) -> Result<(), RunError> {
        let works = self.stop_workers().await?;
        let budget = Budget::new(config.limits.series);
        self.adopt(config, resolvers, works, &budget)?;
        Ok(())
    }

    /// Stops every thread and takes back what it worked on.
    pub(super) async fn stop_workers(&mut self) -> Result<Vec<Work>, RunError> {
        let workers = std::mem::take(&mut self.workers);
        workers.iter().for_each(Worker::tell_to_stop);
        let joined = tokio::task::spawn_blocking(move || {
            workers
                .into_iter()
                .map(Worker::join)
                .collect::<Result<Vec<_>, _>>()
        });
        match joined.await {
            Ok(works) => works.map_err(RunError::Panicked),
            Err(error) => Err(RunError::Panicked(error.to_string())),
        }
    }

    /// Stops every thread, and counts what streams had received until then.
    pub(super) async fn finish_workers(&mut self) -> Result<(), RunError> {
        let mut works = self.stop_workers().await?;
        let clock = Arc::clone(&self.clock);
        let finished = tokio::task::spawn_blocking(move || {
            for work in &mut works {
                work.finish(clock.as_ref());
            }
        });
        finished
            .await
            .map_err(|error| RunError::Panicked(error.to_string()))
    }

    /// Starts a thread for each source of the configuration, on what is there of it already.
    pub(super) fn adopt(
        &mut self,
        config: &Config,
        resolvers: &Resolvers,
        mut works: Vec<Work>,
        budget: &Budget,
    ) -> Result<(), StartError> {
        self.links = (self.links).reconfigure(
            config.fronts(),
            config.limits.join(Limits::PENDING_REQUESTS),
        );
        // What ends is closed first, so that another source can have its address.
        works.retain_mut(|work| {
            let source = config.sources.iter().find(|it| it.name == work.name);
            if !source.is_some_and(|source| work.input.keeps(&source.input, config.limits)) {
                work.finish(self.clock.as_ref());
            }
            if source.is_none() {
                self.telemetry.forget_source(&work.name);
            }
            source.is_some()
        });
        let open_files = descriptors::share(config.sources.len());
        let mut next = Vec::new();
        for source in &config.sources {
            let old = works
                .iter()
                .position(|work| work.name == source.name)
                .map(|at| works.swap_remove(at));
            let work = self.work(source, resolvers, (config.limits, open_files), old, budget);
            next.push(work.map_err(|error| StartError::Thread {
                source_name: source.name.clone(),
                source: error,
            })?);
        }
        // After all counts are taken over, which have the first right to the budget.
        next.iter().for_each(Work::initialise);
        let lanes = next.iter().map(|work| Arc::clone(&work.lane)).collect();
        self.lanes.replace(lanes, self.links.clone());
        for work in next {
            let source_name = work.name.clone();
            let worker = Worker::spawn(work, &self.clock, &self.notices.0).map_err(|source| {
                StartError::Thread {
                    source_name,
                    source,
                }
            })?;
            self.workers.push(worker);
        }
        Ok(())
    }

    fn work(
        &self,
        source: &Source,
        resolvers: &Resolvers,
        (limits, open_files): (Limits, usize),
        old: Option<Work>,
        budget: &Budget,
    ) -> io::Result<Work> {
        let routes = source.routes.as_ref();
        let settings = Settings {
            source: source.name.clone(),
            pattern: Arc::clone(&source.pattern),
            line_bytes: limits.line_bytes,
            routes: routes.and_then(|routes| resolvers.get(&routes.name).map(Arc::clone)),
            max_routes: routes.map_or(Limits::MAX_ROUTES, |routes| routes.max_routes),
            metrics: source.metrics.clone(),
            join: self.links.end(&source.name),
        };
        let open =
            |waker: &Waker| Input::open(&source.input, limits, open_files, waker, &self.clock);
        let (input, waker, pipeline, shard) = match old {
            None => {
                let pipeline = Pipeline::new(settings, budget.clone());
                let shard = pipeline.shard();
                let waker = Waker::default();
                (open(&waker)?, waker, pipeline, shard)
            }
            Some(mut old) => {
                if old.input.keeps(&source.input, limits) {
                    old.input
                        .reconfigure(&source.input, limits, open_files, &mut |event| {
                            tracing::info!(source = source.name, "{event}");
                        });
                } else {
                    old.input = open(&old.waker)?;
                }
                let pipeline = old.pipeline.reconfigure(settings, budget.clone());
                let mut shard = pipeline.shard();
                let before = old.lane.lock();
                shard.restore(&before.save(), before.ledger());
                drop(before);
                // Counts are kept even if the cap was lowered below them; series for what is over it are beside it.
                budget.add_existing(shard.series());
                (old.input, old.waker, pipeline, shard)
            }
        };
        let now = self.clock.wall().duration_since(UNIX_EPOCH);
        let views = routes.and_then(|routes| Views::new(routes, now.unwrap_or_default()));
        let telemetry = self
            .telemetry
            .source(&source.name, gap_reasons(&source.input));
        telemetry.set_urlconf(views.is_some().then_some(true));
        Ok(Work {
            name: source.name.clone(),
            input,
            waker,
            views,
            pipeline,
            lane: Arc::new(Lane::new(shard)),
            telemetry,
        })
    }
}
