//! Reads whole logs once, for `replay` and `backfill`.
//!
//! Invariant: each line goes through the pipeline of its format in the order of reading, so that both commands count
//! the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::{Exit, Failure};
use super::load::load;
use super::rejects::Rejects;
use super::run::{SAMPLE_BYTES, unreadable};
use super::unrecognised::recognise_log;
use crate::aggregate::{Ledger, Shard};
use crate::config::{self, Config, Limits};
use crate::diag::Report;
use crate::join::Links;
use crate::label::Budget;
use crate::metric::Metrics;
use crate::model::{Batch, Field, GenerationId, Micros};
use crate::pattern::Pattern;
use crate::pipeline::{Initialised, Pipeline, Settings};
use crate::route::Resolver;
use crate::source::{JournalMessages, LineReader, archive, is_journal_export};

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

/// Bytes needed to recognise a journal export.
const JOURNAL_BYTES: u64 = 9;

/// Counts of the lines of one format.
pub(super) struct FormatCounts {
    pub(super) pattern: Arc<Pattern>,
    pipeline: Pipeline,
    pub(super) shard: Shard,
}

/// Purpose of reading logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// A summary in tables.
    Tables,
    /// Families, as in a scrape.
    Families,
    /// Families over time, in steps of this many seconds.
    Timeline(NonZeroU32),
}

impl Aim {
    fn step(self) -> Option<NonZeroU32> {
        match self {
            Self::Tables | Self::Families => None,
            Self::Timeline(step) => Some(step),
        }
    }
}

/// State of one pass over logs.
pub(super) struct Session {
    pattern: Option<Arc<Pattern>>,
    limits: Limits,
    routes: Option<Arc<Resolver>>,
    max_routes: usize,
    metrics: Metrics,
    budget: Budget,
    /// Formats in the order of their first line; the label `source` is the name of the format.
    pub(super) formats: Vec<FormatCounts>,
    rejects: Rejects,
    /// Sources of the configuration, which assign a format to a path.
    sources: Vec<config::Source>,
    /// Links between formats.
    pub(super) links: Links,
    aim: Aim,
    /// Families whose known series do not start at 0.
    left_out: Vec<Initialised>,
}

impl Logs {
    /// Reads all logs. A timeline joins no lines; only for families do known series start at 0.
    pub(super) fn read(&self, aim: Aim) -> Result<Session, Failure> {
        let step = aim.step();
        let config = self.config.as_deref().map(checked).transpose()?;
        let limits = config.as_ref().map(|config| config.limits);
        let limits = limits.unwrap_or_default();
        let (routes, max_routes) = self.views(config.as_ref())?;
        let pattern = self.chosen(config.as_ref())?;
        let known = config.as_ref().filter(|_| pattern.is_none());
        let fronts = known.filter(|_| step.is_none()).map(formats_joined);
        // The lines of the first log wait until the second one is read.
        let waiting = limits.join(Limits::PENDING_REQUESTS_IN_REPLAY);
        let mut session = Session {
            links: Links::default().reconfigure(fronts.unwrap_or_default(), waiting),
            sources: known.map_or_else(Vec::new, |config| config.sources.clone()),
            pattern,
            limits,
            routes,
            max_routes,
            metrics: config.map_or_else(Metrics::default, |config| config.metrics),
            budget: Budget::new(limits.series),
            formats: Vec::new(),
            rejects: Rejects::new(self.config.clone(), limits.line_bytes, step.is_some()),
            aim,
            left_out: Vec::new(),
        };
        let progress = self.progress();
        for log in &self.paths {
            let reader = open(log, &progress).map_err(|error| unreadable(log, error))?;
            session.read(log, reader)?;
        }
        progress.finish_and_clear();
        if session.formats.is_empty() {
            return Err(Failure::message(Exit::NoInput, "no line to read"));
        }
        let formats = &session.formats;
        let is_read = |name: &str| formats.iter().any(|counts| counts.pattern.name() == name);
        session.links = session.links.read(is_read);
        session.links.finish();
        Ok(session)
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

    /// Returns the resolver of views, and the most routes.
    fn views(&self, config: Option<&Config>) -> Result<(Option<Arc<Resolver>>, usize), Failure> {
        if self.no_routes {
            return Ok((None, 0));
        }
        let mut report = Report::default();
        let given = self.routes.as_deref().map(config::Routes::from_dump);
        let routes = only_source(config).and_then(|only| only.routes.as_deref());
        let Some(routes) = given.as_ref().or(routes) else {
            return Ok((None, Limits::MAX_ROUTES));
        };
        match routes.load(&mut report) {
            Some(resolver) => Ok((Some(resolver), routes.max_routes)),
            None => Err(report.into()),
        }
    }

    /// Returns a progress bar over the bytes of all files; hidden unless standard error is a terminal.
    fn progress(&self) -> ProgressBar {
        let size = |log| std::fs::metadata(log).map_or(0, |meta| meta.len());
        let bar = ProgressBar::new(self.paths.iter().map(size).sum());
        let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template);
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

fn only_source(config: Option<&Config>) -> Option<&config::Source> {
    match config?.sources.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// Returns the links of a configuration, by the formats of their sources.
fn formats_joined(config: &Config) -> BTreeMap<&str, Vec<&str>> {
    let format = |name: &str| {
        let mut sources = config.sources.iter();
        let source = sources.find(|source| source.name == name);
        source.map(|source| source.pattern.name())
    };
    let mut joined: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (front, backs) in config.fronts() {
        for back in backs {
            if let (Some(front), Some(back)) = (format(front), format(back))
                && front != back
            {
                let backs = joined.entry(front).or_default();
                if !backs.contains(&back) {
                    backs.push(back);
                }
            }
        }
    }
    joined
}

fn checked(path: &Path) -> Result<Config, Failure> {
    let checked = load(path)?;
    checked.config.ok_or_else(|| checked.report.into())
}

/// Opens a file or standard input, decompressed; reading advances the progress bar.
fn open(log: &Path, progress: &ProgressBar) -> io::Result<Box<dyn Read + Send>> {
    if log == Path::new("-") {
        return archive::decompressed(io::stdin());
    }
    if std::fs::metadata(log)?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    archive::decompressed(progress.wrap_read(File::open(log)?))
}

impl Session {
    /// Counts all lines of one log.
    fn read(&mut self, log: &Path, mut reader: Box<dyn Read + Send>) -> Result<(), Failure> {
        let mut first = Vec::new();
        let begin = reader.by_ref().take(JOURNAL_BYTES).read_to_end(&mut first);
        begin.map_err(|error| unreadable(log, error))?;
        let is_journal = is_journal_export(&first);
        reader = Box::new(Cursor::new(first).chain(reader));
        if is_journal {
            reader = Box::new(JournalMessages::new(reader, self.limits.line_bytes));
        }
        if self.pattern.is_none() {
            // A whole sample is read first, so that a slow stream is recognised by the same lines.
            let mut head = Vec::new();
            let whole = reader.by_ref().take(SAMPLE_BYTES).read_to_end(&mut head);
            whole.map_err(|error| unreadable(log, error))?;
            reader = Box::new(Cursor::new(head).chain(reader));
        }
        let mut lines = LineReader::new(reader, GenerationId(0), self.limits.line_bytes);
        let mut format = None;
        let mut number = 0;
        while let Some(batch) = lines.next_batch().map_err(|error| unreadable(log, error))? {
            let at = if let Some(at) = format {
                at
            } else {
                let pattern = self.pattern_of(log, &batch)?;
                *format.insert(self.format(pattern)?)
            };
            let counts = &mut self.formats[at];
            let before = counts.shard.ledger().clone();
            counts.pipeline.feed(&mut counts.shard, &batch);
            // Files are read one after the other, so the time of reading has no meaning.
            counts.pipeline.flush_joins(Micros(0));
            let (after, rejects) = (counts.shard.ledger(), &mut self.rejects);
            if rejects.needs_examples(&before.rejected, &after.rejected) {
                rejects.collect_from(log, &counts.pattern, number, &batch);
            }
            number += after.lines() - before.lines();
        }
        // An empty log has an account too, if its format is known.
        if let (None, Some(pattern)) = (format, self.pattern.clone()) {
            self.format(pattern)?;
        }
        Ok(())
    }

    /// Returns the given pattern, that of the source that follows the log, or the recognised one.
    fn pattern_of(&self, log: &Path, first: &Batch<'_>) -> Result<Arc<Pattern>, Failure> {
        if let Some(pattern) = &self.pattern {
            return Ok(Arc::clone(pattern));
        }
        if let Ok(path) = std::path::absolute(log) {
            let mut sources = self.sources.iter();
            if let Some(source) = sources.find(|source| source.input.follows(&path)) {
                return Ok(Arc::clone(&source.pattern));
            }
        }
        recognise_log(log, first, self.limits.line_bytes).map(Arc::new)
    }

    /// Returns the index of a format's counts, which are created on first use.
    fn format(&mut self, pattern: Arc<Pattern>) -> Result<usize, Failure> {
        let name = pattern.name().to_owned();
        let mut known = self.formats.iter();
        if let Some(at) = known.position(|known| known.pattern.name() == name) {
            return Ok(at);
        }
        if self.aim.step().is_some() && !pattern.fields().contains(Field::Time) {
            return Err(timeless(&name));
        }
        let settings = Settings {
            line_bytes: self.limits.line_bytes,
            routes: self.routes.clone(),
            max_routes: self.max_routes,
            metrics: self.metrics.clone(),
            join: self.links.end(&name),
            ..Settings::new(&name, Arc::clone(&pattern))
        };
        let mut pipeline = Pipeline::new(settings, self.budget.clone());
        if let Some(step) = self.aim.step() {
            pipeline = pipeline.by_time(step);
        }
        let mut shard = pipeline.shard();
        if self.aim == Aim::Families {
            let known = pipeline.initialise(&mut shard).into_iter();
            self.left_out.extend(known.filter(|known| !known.is_there));
        }
        self.formats.push(FormatCounts {
            pattern,
            pipeline,
            shard,
        });
        Ok(self.formats.len() - 1)
    }

    /// Warns on standard error of rejected lines, with examples, unless the result counts them (`is_counted`); also of
    /// families without room and of requests that were evicted.
    #[expect(
        clippy::print_stderr,
        reason = "warnings accompany the result on standard output"
    )]
    pub(super) fn warn(&self, is_counted: bool) {
        let mut all = Ledger::default();
        for counts in &self.formats {
            all.add(counts.shard.ledger());
        }
        let rejected = all.rejected_lines();
        if !is_counted && rejected > 0 {
            eprintln!("warning: {rejected} of {} lines rejected", all.lines());
        }
        for family in &self.left_out {
            eprintln!("warning: {family}");
        }
        let evicted = self.links.evicted();
        if evicted > 0 {
            eprintln!(
                "warning: {evicted} lines given up before the other line of their request was read: \
                 raise limits.pending_requests"
            );
        }
        eprint!("{}", self.rejects);
    }
}

/// Returns the failure of a format without a time.
fn timeless(pattern: &str) -> Failure {
    let message = format!("the lines of pattern `{pattern}` have no time");
    Failure::message(Exit::Config, message).help(
        "a log can be put on Prometheus's time line only if its format writes the time: \
         $time_local, $time_iso8601 or $msec of nginx, %(t)s of gunicorn, %t of Apache",
    )
}
