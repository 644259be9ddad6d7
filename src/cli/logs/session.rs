//! The state of one pass over logs: the formats that were found, and their counts.
//!
//! Invariant: formats are created in the order of their first line.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::ProgressBar;

use super::part::SharedFormat;
use super::pool::{Pool, Threads};
use super::selector::Selector;
use crate::aggregate::{Ledger, Shard};
use crate::cli::exit::{Exit, Failure};
use crate::cli::format_names::FormatNames;
use crate::cli::prefix::{self, PrefixSample};
use crate::cli::rejects::Rejects;
use crate::cli::stop::Stop;
use crate::cli::views::Views;
use crate::config::{self, Limits};
use crate::daemon::pipeline_settings;
use crate::join::Links;
use crate::label::Budget;
use crate::metric::Metrics;
use crate::model::{Field, counted};
use crate::pattern::Pattern;
use crate::pipeline::{Initialised, Pipeline, Settings};
use crate::source::Carry;

/// Purpose of reading logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// A summary in tables.
    Tables,
    /// Families, as in a scrape.
    Families,
    /// Families over time, in steps of this many seconds.
    Timeline(NonZeroU32),
}

impl Aim {
    pub(super) fn step(self) -> Option<NonZeroU32> {
        match self {
            Self::Tables | Self::Families => None,
            Self::Timeline(step) => Some(step),
        }
    }
}

/// Counts of the lines of one format.
pub(crate) struct FormatCounts {
    pub(super) pattern: Arc<Pattern>,
    /// The name of the format, with that of the routes if another source has the same format.
    pub(crate) name: String,
    /// Name of the routes of the source.
    pub(super) routes: Option<String>,
    pub(super) pipeline: Pipeline,
    pub(crate) shard: Shard,
    /// Paths of its first lines, if views are resolved.
    pub(super) prefix: Option<PrefixSample>,
    /// Given to the threads that count; `None` if the sequence of all lines matters.
    pub(super) shared: Option<Arc<SharedFormat>>,
    /// Bytes that this thread counted.
    pub(super) bytes: u64,
}

/// State of one pass over logs.
pub(crate) struct Session<'s> {
    pub(super) names: FormatNames,
    pub(super) pattern: Option<Arc<Pattern>>,
    pub(super) limits: Limits,
    pub(super) views: Views,
    pub(super) metrics: Metrics,
    pub(super) budget: Budget,
    /// Formats in the order of their first line; the label `source` is the name of the format.
    pub(crate) formats: Vec<FormatCounts>,
    pub(super) rejects: Rejects,
    /// Sources of the configuration, which assign a format to a path.
    pub(super) sources: Vec<config::Source>,
    /// All sources of the configuration.
    pub(super) all_sources: Vec<config::Source>,
    /// Links between formats.
    pub(crate) links: Links,
    pub(super) aim: Aim,
    /// Families whose known series do not start at 0.
    pub(super) left_out: Vec<Initialised>,
    /// Messages that journald dropped, for each exported journal.
    pub(super) suppressed: Vec<Arc<AtomicU64>>,
    /// Advances with the bytes that are read.
    pub(super) progress: ProgressBar,
    /// Threads that count; `None` if this one does.
    pub(super) pool: Option<Pool>,
    /// Bytes of a part of a file.
    pub(super) part_bytes: u64,
    /// Bytes of a format that this thread counts before others do.
    pub(super) warm_up_bytes: u64,
    /// Lines of the log whose parts are merged, before the next part.
    pub(super) merged_lines: u64,
    /// Receives the lines, if any are selected; then the pool is absent.
    pub(super) selector: Option<&'s mut dyn Selector>,
    /// The log that is read after the present one.
    pub(super) next_log: Option<PathBuf>,
    /// The line that the present log leaves open, if it is a container log and the next one goes on with it.
    pub(super) carry: Option<Carry>,
    /// Ends the reading.
    pub(super) stop: Stop,
    /// True if the counts are those of the configuration's sources, in their order.
    pub(super) is_by_source: bool,
}

impl Session<'_> {
    /// Creates a pass that counts families, without sources and options of a configuration.
    pub(super) fn new(limits: Limits, views: Views, threads: Threads) -> Self {
        Self {
            names: FormatNames::default(),
            pattern: None,
            limits,
            views,
            metrics: Metrics::default(),
            budget: Budget::new(limits.series),
            formats: Vec::new(),
            rejects: Rejects::new(None),
            sources: Vec::new(),
            all_sources: Vec::new(),
            links: Links::default(),
            aim: Aim::Families,
            left_out: Vec::new(),
            suppressed: Vec::new(),
            progress: ProgressBar::hidden(),
            pool: Pool::start(threads),
            part_bytes: threads.part_bytes,
            warm_up_bytes: threads.warm_up_bytes,
            merged_lines: 0,
            selector: None,
            next_log: None,
            carry: None,
            stop: Stop::default(),
            is_by_source: false,
        }
    }

    /// Creates the counts of a format with these routes; returns their index.
    pub(super) fn add_format(
        &mut self,
        pattern: Arc<Pattern>,
        routes: Option<&config::Routes>,
    ) -> Result<usize, Failure> {
        let format = pattern.name();
        let routes_name = routes.map(|routes| &*routes.name);
        let is_taken = |name: &str| self.formats.iter().any(|known| known.name == name);
        let name = match self.names.find(format, routes_name) {
            Some(name) => name.to_owned(),
            None if is_taken(format) => format!("{format} (no source)"),
            None => format.to_owned(),
        };
        if self.aim.step().is_some() && !pattern.fields().contains(Field::Time) {
            return Err(timeless(&name));
        }
        let views = self.views.find(routes)?;
        let is_given = self.pattern.is_some();
        let same = self.all_sources.iter().filter(|source| {
            let known = source.routes.as_ref().map(|routes| &*routes.name);
            source.pattern.name() == pattern.name() && (is_given || known == routes_name)
        });
        let same: Vec<&config::Source> = same.collect();
        // Sources of this format may have options of their own.
        let metrics = match &*same {
            [one, others @ ..] if others.iter().all(|other| other.metrics == one.metrics) => {
                one.metrics.clone()
            }
            _ => self.metrics.clone(),
        };
        let settings = Settings {
            line_bytes: self.limits.line_bytes,
            routes: views.resolver,
            max_routes: views.max_routes,
            metrics,
            join: self.links.end(&name),
            ..Settings::new(&name, pattern)
        };
        let sources = same.iter().map(|source| source.name.clone()).collect();
        self.add_counts(settings, routes, views.routes.as_deref(), sources)
    }

    /// Creates the counts of a source of the configuration, as `run` does; returns their index.
    pub(super) fn add_source(
        &mut self,
        source: &config::Source,
        resolvers: &config::Resolvers,
    ) -> Result<usize, Failure> {
        let join = self.links.end(&source.name);
        let settings = pipeline_settings(source, self.limits.line_bytes, resolvers, join);
        let routes = source.routes.as_deref();
        let routes_key = routes.map(|routes| &*routes.name);
        self.add_counts(settings, routes, routes_key, vec![source.name.clone()])
    }

    /// Creates counts; returns their index. `routes_key` is the name of the routes in the configuration, `sources` are the
    /// names of the sources whose lines may be counted.
    fn add_counts(
        &mut self,
        settings: Settings,
        routes: Option<&config::Routes>,
        routes_key: Option<&str>,
        sources: Vec<String>,
    ) -> Result<usize, Failure> {
        let pattern = Arc::clone(&settings.pattern);
        let prefix = settings
            .routes
            .clone()
            .map(|resolver| PrefixSample::new(Arc::clone(&pattern), resolver, routes_key));
        let name = settings.source.to_string();
        let mut pipeline = Pipeline::new(settings, self.budget.clone());
        if let Some(step) = self.aim.step() {
            pipeline = pipeline.by_time(step);
        }
        let mut shard = pipeline.shard();
        if self.aim == Aim::Families {
            let known = pipeline.initialise(&mut shard).into_iter();
            self.left_out.extend(known.filter(|known| !known.is_there));
        }
        if let Some(selector) = &mut self.selector {
            selector.begin(&pattern, &pipeline, sources)?;
        }
        let number = self.formats.len();
        let pool = self.pool.as_ref();
        let settings = pool.and_then(|_| pipeline.replica_settings(&mut shard));
        self.formats.push(FormatCounts {
            shared: settings.map(|settings| Arc::new(SharedFormat::new(number, settings))),
            bytes: 0,
            pattern,
            name,
            routes: routes.map(|routes| routes.name.clone()),
            pipeline,
            shard,
            prefix,
        });
        Ok(number)
    }

    /// Releases the selector, once all is read.
    pub(crate) fn without_selector<'n>(self) -> Session<'n> {
        Session {
            selector: None,
            ..self
        }
    }

    /// Passes the lines that are read from now on to a selector.
    pub(crate) fn with_selector(self, selector: &mut dyn Selector) -> Session<'_> {
        Session {
            selector: Some(selector),
            ..self
        }
    }

    /// Warns on standard error of rejected lines, with examples, unless the result counts them (`is_counted`); also of
    /// families without room, of messages that the journal lacks, and of requests that were evicted.
    pub(crate) fn warn(&self, is_counted: bool) {
        // The result is on standard output: that its warnings cannot be written does not make it wrong.
        let _ = self.write_warnings(is_counted, &mut io::stderr());
    }

    pub(super) fn write_warnings(&self, is_counted: bool, out: &mut dyn Write) -> io::Result<()> {
        let mut all = Ledger::default();
        for counts in &self.formats {
            all.add(counts.shard.ledger());
        }
        let rejected = all.rejected_lines();
        if !is_counted && rejected > 0 {
            let lines = all.lines();
            writeln!(
                out,
                "warning: {rejected} of {} rejected",
                counted(lines, "line")
            )?;
        }
        let suppressed = self.suppressed.iter().map(|it| it.load(Ordering::Relaxed));
        let suppressed: u64 = suppressed.sum();
        if suppressed > 0 {
            writeln!(
                out,
                "warning: {} missing: dropped by journald, because the unit exceeded its rate limit",
                counted(suppressed, "message")
            )?;
        }
        for counts in &self.formats {
            let prefix = counts.prefix.as_ref();
            if let Some((message, help)) = prefix.and_then(|it| it.warning(prefix::LEAST)) {
                writeln!(out, "warning: {}: {message}\n  = help: {help}", counts.name)?;
            }
        }
        for family in &self.left_out {
            writeln!(out, "warning: {family}")?;
        }
        let evicted = self.links.evicted();
        if evicted > 0 {
            writeln!(
                out,
                "warning: {} given up before the other line of the request was read: \
                 raise limits.pending_requests",
                counted(evicted, "line")
            )?;
        }
        write!(out, "{}", self.rejects)
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
