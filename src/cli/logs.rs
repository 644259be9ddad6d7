//! Whole logs, read once: what `replay` and `backfill` share.
//!
//! Invariant: each line goes through the pipeline of its format in the order in which it is read, so that
//! both count the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::{Exit, Failure};
use super::load;
use super::rejects::Rejects;
use super::run::{SAMPLE_BYTES, unreadable};
use super::unrecognised::unrecognised;
use crate::aggregate::{Ledger, Shard};
use crate::config::{self, Config, Limits};
use crate::diag::Report;
use crate::join::Links;
use crate::label::Budget;
use crate::metric::Metrics;
use crate::model::{Batch, Field, GenerationId, Micros};
use crate::pattern::{Pattern, Recognition, recognise};
use crate::pipeline::{Initialised, Pipeline, Settings};
use crate::route::Resolver;
use crate::source::{JournalMessages, LineReader, archive, is_journal_export};

/// Which logs, and how they are read.
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// A configuration, for its limits and the patterns of its sources
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The format of the LOGs: a preset (see `patterns`), the pattern of a source of the
    /// configuration, or one from /etc/httplog-exporter/patterns/*.toml
    #[arg(long, short, value_name = "NAME")]
    pattern: Option<String>,
    /// The dump of the site's URLconf, which names the views; without, the routes of the
    /// configuration's only source, if it has any
    #[arg(long, value_name = "FILE", conflicts_with = "no_routes")]
    routes: Option<PathBuf>,
    /// Don't look at paths: every request is counted under the route `<other>`
    #[arg(long)]
    no_routes: bool,
    /// Logs to read; - is standard input
    #[arg(value_name = "LOG", required = true)]
    paths: Vec<PathBuf>,
}

/// How much of a log tells a journal.
const JOURNAL_BYTES: u64 = 9;

/// The lines of one format and what became of them.
pub(super) struct Lane {
    pattern: Arc<Pattern>,
    pipeline: Pipeline,
    pub(super) shard: Shard,
}

/// What logs are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Tables of what was counted.
    Tables,
    /// The families as a scrape would show them.
    Families,
    /// The families over time, in steps of so many seconds.
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

/// The work of one call.
pub(super) struct Session {
    pattern: Option<Arc<Pattern>>,
    limits: Limits,
    routes: Option<Arc<Resolver>>,
    max_routes: usize,
    metrics: Metrics,
    budget: Budget,
    /// In the order in which the formats were met; the name of each is its source's.
    pub(super) lanes: Vec<(String, Lane)>,
    rejects: Rejects,
    /// The sources of the configuration, to know their logs by.
    sources: Vec<config::Source>,
    /// Between formats.
    pub(super) links: Links,
    aim: Aim,
    /// Families whose known series do not start at 0.
    left_out: Vec<Initialised>,
}

impl Logs {
    /// Reads all of them. For a timeline, lines of two logs are not joined; only for families do known
    /// series start at 0.
    pub(super) fn read(&self, aim: Aim) -> Result<Session, Failure> {
        let step = aim.step();
        let config = self.config.as_deref().map(checked).transpose()?;
        let limits = config
            .as_ref()
            .map_or_else(Limits::default, |config| config.limits);
        let (routes, max_routes) = self.views(config.as_ref())?;
        let pattern = self.chosen(config.as_ref())?;
        let known = config.as_ref().filter(|_| pattern.is_none());
        let fronts = known.filter(|_| step.is_none()).map(formats_joined);
        // What is read first waits until the other log is read.
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
            lanes: Vec::new(),
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
        if session.lanes.is_empty() {
            return Err(Failure::message(Exit::NoInput, "no line to read"));
        }
        session.end();
        Ok(session)
    }

    /// The pattern that --pattern names, or the only one a configuration uses.
    fn chosen(&self, config: Option<&Config>) -> Result<Option<Arc<Pattern>>, Failure> {
        if let Some(name) = &self.pattern {
            return match config.and_then(|config| config.patterns.get(name)) {
                Some(pattern) => Ok(Some(Arc::clone(pattern))),
                None => Ok(Some(Arc::new(config::find_pattern(name)?))),
            };
        }
        Ok(match config.map(|config| config.sources.as_slice()) {
            Some([only]) => Some(Arc::clone(&only.pattern)),
            _ => None,
        })
    }

    /// What names views, and how many there may be.
    fn views(&self, config: Option<&Config>) -> Result<(Option<Arc<Resolver>>, usize), Failure> {
        if self.no_routes {
            return Ok((None, 0));
        }
        let mut report = Report::default();
        let given = self.routes.as_deref().map(config::Routes::from_dump);
        let routes = match (&given, config.map(|config| config.sources.as_slice())) {
            (Some(given), _) => Some(given),
            (None, Some([only])) => only.routes.as_deref(),
            (None, _) => None,
        };
        let Some(routes) = routes else {
            return Ok((None, Limits::MAX_ROUTES));
        };
        match routes.load(&mut report) {
            Some(resolver) => Ok((Some(resolver), routes.max_routes)),
            None => Err(report.into()),
        }
    }

    /// A bar over the bytes of all files; hidden unless standard error is a terminal.
    fn progress(&self) -> ProgressBar {
        let total = self
            .paths
            .iter()
            .map(|log| std::fs::metadata(log).map_or(0, |meta| meta.len()))
            .sum();
        let bar = ProgressBar::new(total);
        let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// What is joined, where a source is known by its format.
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

/// A file or standard input, decompressed, its progress shown.
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
            // However slowly a stream begins, its format is told by the same lines.
            let mut head = Vec::new();
            let whole = reader.by_ref().take(SAMPLE_BYTES).read_to_end(&mut head);
            whole.map_err(|error| unreadable(log, error))?;
            reader = Box::new(Cursor::new(head).chain(reader));
        }
        let mut lines = LineReader::new(reader, GenerationId(0), self.limits.line_bytes);
        let mut lane = None;
        let mut number = 0;
        while let Some(batch) = lines.next_batch().map_err(|error| unreadable(log, error))? {
            let at = if let Some(at) = lane {
                at
            } else {
                let pattern = self.pattern_of(log, &batch)?;
                *lane.insert(self.lane(pattern)?)
            };
            if let Some((_, lane)) = self.lanes.get_mut(at) {
                let (lines, rejected) = {
                    let ledger = lane.shard.ledger();
                    (ledger.lines(), ledger.rejected.clone())
                };
                lane.pipeline.feed(&mut lane.shard, &batch);
                // Files are read one after the other, so that time says nothing here.
                lane.pipeline.flush_joins(Micros(0));
                let ledger = lane.shard.ledger();
                if self.rejects.needs_examples(&rejected, &ledger.rejected) {
                    self.rejects
                        .collect_from(log, &lane.pattern, number, &batch);
                }
                number += ledger.lines() - lines;
            }
        }
        // A log without a line still has an account, if its format is known.
        if let (None, Some(pattern)) = (lane, self.pattern.clone()) {
            self.lane(pattern)?;
        }
        Ok(())
    }

    /// No more lines will come.
    fn end(&mut self) {
        let lanes = &self.lanes;
        let is_read = |name: &str| lanes.iter().any(|(lane, _)| lane == name);
        self.links = self.links.read(is_read);
        self.links.finish();
    }

    /// The pattern given, that of the source the log belongs to, or the one that its first lines
    /// are written in.
    fn pattern_of(&self, log: &Path, first: &Batch<'_>) -> Result<Arc<Pattern>, Failure> {
        if let Some(pattern) = &self.pattern {
            return Ok(Arc::clone(pattern));
        }
        if let Ok(path) = std::path::absolute(log) {
            let mut sources = self.sources.iter();
            let own = sources.find(|source| source.input.follows(&path));
            if let Some(source) = own {
                return Ok(Arc::clone(&source.pattern));
            }
        }
        match recognise(first.lines()) {
            Recognition::Known(pattern) => Ok(Arc::new(pattern)),
            Recognition::Unknown(best) => {
                let line_bytes = self.limits.line_bytes;
                Err(unrecognised(log, &best, first.lines(), line_bytes))
            }
        }
    }

    /// The place of this format's lane.
    fn lane(&mut self, pattern: Arc<Pattern>) -> Result<usize, Failure> {
        let name = pattern.name().to_owned();
        if let Some(at) = self.lanes.iter().position(|(known, _)| *known == name) {
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
        let lane = Lane {
            pattern,
            pipeline,
            shard,
        };
        self.lanes.push((name, lane));
        Ok(self.lanes.len() - 1)
    }

    /// Says on standard error what the result does not: that lines were rejected, unless the result counts
    /// them, and where some of them stand.
    #[expect(
        clippy::print_stderr,
        reason = "a word to the person at the terminal, beside the result"
    )]
    pub(super) fn warn(&self, is_counted: bool) {
        let mut all = Ledger::default();
        self.lanes
            .iter()
            .for_each(|(_, lane)| all.add(lane.shard.ledger()));
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

/// A format whose lines say no time.
fn timeless(pattern: &str) -> Failure {
    let message = format!("the lines of pattern `{pattern}` do not tell their time");
    Failure::message(Exit::Config, message).help(
        "a log can be put on Prometheus's time line only if its format writes the time: \
         $time_local, $time_iso8601 or $msec of nginx, %(t)s of gunicorn, %t of Apache",
    )
}
