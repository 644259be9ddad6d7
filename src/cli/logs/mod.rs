//! Reads whole logs once, for `replay`, `backfill`, `check` and `lines`, which may follow them afterwards.
//!
//! Invariant: all commands count the same, on any number of threads.

mod by_source;
mod file_range;
mod following;
mod opened;
mod owner;
mod part;
mod pool;
mod reading;
mod selector;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::Failure;
use super::format_names::FormatNames;
use super::load::load;
use super::overlap::check_distinct;
use super::rejects::Rejects;
use super::stop::Stop;
use super::views::Views;
use crate::config::{self, Config, Limits};
use crate::join::Links;
use crate::metric::Metrics;
use crate::pattern::Pattern;
use crate::text_file::Accept;

use following::Named;

pub(super) use by_source::{Owned, count_sources};
pub(super) use following::{Following, Interruption};
pub(super) use opened::may_wait;
pub(super) use pool::Threads;
pub(super) use selector::Selector;
pub(super) use session::{Aim, Session};

/// Options that select logs and their format.
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Configuration that sets limits, patterns, routes and metrics
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Format of the LOGs: a preset (see `patterns`), a pattern of the configuration, or one from
    /// /etc/httplog-exporter/patterns/*.toml
    #[arg(long, short, value_name = "NAME")]
    pattern: Option<String>,
    /// Dump of the site's URLconf, which names the views [default: the routes of the
    /// configuration's only source]
    #[arg(long, value_name = "FILE", conflicts_with = "no_routes")]
    routes: Option<PathBuf>,
    /// Ignore paths: count every request under the route `<other>`
    #[arg(long)]
    no_routes: bool,
    /// Logs to read; use - for standard input
    #[arg(value_name = "LOG", required = true)]
    paths: Vec<PathBuf>,
}

impl Logs {
    /// Reads all logs. A timeline joins no lines; only for families do known series start at 0.
    pub(super) fn read(&self, aim: Aim, threads: Threads) -> Result<Session<'_>, Failure> {
        let mut session = self.begin(&self.paths, aim, threads, None)?;
        session.read_all(self.paths.iter().map(|log| (&**log, None)))?;
        session.end()?;
        Ok(session)
    }

    /// Reads these logs on one thread, which passes their lines to a selector.
    pub(super) fn select<'s>(
        &self,
        paths: &[PathBuf],
        selector: &'s mut dyn Selector,
    ) -> Result<Session<'s>, Failure> {
        let mut session = self.begin(paths, Aim::Families, Threads::ONE, Some(selector))?;
        session.read_all(paths.iter().map(|log| (&**log, None)))?;
        session.end()?;
        Ok(session)
    }

    /// Reads what is in these logs as [`Self::select`] does. Those that a server may write to are followed from there on by
    /// what is returned, until the stop is requested.
    pub(super) fn select_and_follow<'s>(
        &self,
        paths: &[PathBuf],
        selector: &'s mut dyn Selector,
        stop: &Stop,
    ) -> Result<(Session<'s>, Following), Failure> {
        let mut session = self.begin(paths, Aim::Families, Threads::ONE, Some(selector))?;
        session.stop = stop.clone();
        let (mut following, sequence) =
            Following::begin(paths, session.limits.line_bytes, &session.stop)?;
        for log in sequence {
            match log {
                Named::Once(path, file) => session.read(&path, file, None)?,
                Named::Followed(number) => following.read(number, &mut session)?,
            }
        }
        session.progress.finish_and_clear();
        Ok((session, following))
    }

    /// Returns the positional arguments.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Prepares to read these logs.
    fn begin<'s>(
        &self,
        paths: &[PathBuf],
        aim: Aim,
        threads: Threads,
        selector: Option<&'s mut dyn Selector>,
    ) -> Result<Session<'s>, Failure> {
        check_distinct(paths)?;
        let step = aim.step();
        let config = self.config.as_deref().map(checked).transpose()?;
        let limits = config.as_ref().map(|config| config.limits);
        let limits = limits.unwrap_or_default();
        let given = self.routes.as_deref();
        let views = Views::choose(self.no_routes, given, only_source(config.as_ref()))?;
        let pattern = self.chosen(config.as_ref())?;
        let known = config.as_ref().filter(|_| pattern.is_none());
        let names = FormatNames::new(known.map_or(&[], |config| &config.sources));
        let linked = known.filter(|_| step.is_none());
        let linked = linked
            .map(|config| names.joined(config))
            .unwrap_or_default();
        // The lines of the first log wait until the second one is read.
        let waiting = limits.join(Limits::PENDING_REQUESTS_IN_REPLAY);
        Ok(Session {
            links: Links::default().reconfigure(&linked, waiting),
            sources: known.map_or_else(Vec::new, |config| config.sources.clone()),
            all_sources: (config.as_ref()).map_or_else(Vec::new, |config| config.sources.clone()),
            names,
            pattern,
            metrics: config.map_or_else(Metrics::default, |config| config.metrics),
            rejects: Rejects::new(self.config.clone()),
            aim,
            progress: match &selector {
                Some(selector) if !selector.shows_progress() => ProgressBar::hidden(),
                _ => progress(paths),
            },
            selector,
            ..Session::new(limits, views, threads)
        })
    }

    /// Returns whether a configuration is given.
    pub(crate) fn has_config(&self) -> bool {
        self.config.is_some()
    }

    /// Returns the pattern that --pattern names, or that of the configuration's only source.
    fn chosen(&self, config: Option<&Config>) -> Result<Option<Arc<Pattern>>, Failure> {
        if let Some(name) = &self.pattern {
            return match config.and_then(|config| config.patterns.get(name)) {
                Some(pattern) => Ok(Some(Arc::clone(pattern))),
                None => Ok(Some(Arc::new(config::find_pattern(name)?))),
            };
        }
        Ok(only_source(config).map(|only| Arc::clone(&only.pattern)))
    }
}

/// Returns a progress bar over the bytes of all files; hidden unless standard error is a terminal.
fn progress(paths: &[PathBuf]) -> ProgressBar {
    let size = |log| std::fs::metadata(log).map_or(0, |meta| meta.len());
    let bar = ProgressBar::new(paths.iter().map(size).sum());
    let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn only_source(config: Option<&Config>) -> Option<&config::Source> {
    match config?.sources.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn checked(path: &Path) -> Result<Config, Failure> {
    let checked = load(path, Accept::RegularOrPipe)?;
    checked.config.ok_or_else(|| checked.report.into())
}

#[cfg(test)]
mod tests;
