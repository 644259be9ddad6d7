//! What an operator wants, checked.
//!
//! Invariant: a [`Config`] can be run as it is; every fault of the text was found in one pass.

mod behind;
mod files;
mod input;
mod metrics;
mod read;
mod routes;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::diag::{Fault, Report, Text};
use crate::http::Address;
use crate::join;
use crate::metric::Metrics;
use crate::model::Micros;
use crate::pattern::{Pattern, Preset, presets};
use crate::source::{PathPattern, Start, Stream};

pub use files::read_urlconf;
pub use routes::{Resolvers, Routes};

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/httplog-exporter/config.toml";
/// Where patterns of one's own are when there is no configuration.
pub const DEFAULT_PATTERNS: &str = "/etc/httplog-exporter/patterns";
/// Where the daemon listens when nobody says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9914";

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to serve.
    pub listen: Vec<Address>,
    /// What to follow; at least one.
    pub sources: Vec<Source>,
    /// What no input may exceed.
    pub limits: Limits,
    /// What is counted where a source does not say otherwise.
    pub metrics: Metrics,
    /// Patterns of one's own, by name, whether a source uses them or not.
    pub patterns: BTreeMap<String, Arc<Pattern>>,
    /// Where views' names come from, by name, whether a source uses them or not.
    pub routes: BTreeMap<String, Arc<Routes>>,
}

/// Lines of one format, and where they come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Unique; the label `source`.
    pub name: String,
    /// Where its lines come from.
    pub input: Input,
    /// How their lines are written.
    pub pattern: Arc<Pattern>,
    /// Where its views' names come from; without, paths are folded.
    pub routes: Option<Arc<Routes>>,
    /// What is counted of its lines.
    pub metrics: Metrics,
    /// The source of the server that passes requests on to this one's; their lines are joined.
    pub behind: Option<String>,
}

/// Where lines come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Files to follow.
    Files(Files),
    /// Standard input, a FIFO, a socket or the journal.
    Stream(Stream),
}

/// Files to follow.
#[derive(Clone, Debug)]
pub struct Files {
    /// Absolute paths and globs.
    pub paths: Vec<PathPattern>,
    /// Where a file that is there at the start begins.
    pub start: Start,
    /// Whether inotify may wake us; else the files are only polled.
    pub watch: bool,
}

impl Input {
    /// Whether it is files, and this one of them.
    pub fn follows(&self, path: &Path) -> bool {
        match self {
            Self::Files(files) => files.paths.iter().any(|own| own.matches(path)),
            Self::Stream(_) => false,
        }
    }

    /// Its files, if it has any.
    pub fn files(&self) -> Option<&Files> {
        match self {
            Self::Files(files) => Some(files),
            Self::Stream(_) => None,
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(files) => {
                for (at, path) in files.paths.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", path.as_path().display())?;
                }
                Ok(())
            }
            Self::Stream(stream) => write!(f, "{stream}"),
        }
    }
}

/// What no input may exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest line, in bytes.
    pub line_bytes: usize,
    /// Most series of all sources together.
    pub series: usize,
    /// Requests remembered to join their lines, for each source that others are behind;
    /// [`Limits::PENDING_REQUESTS`] if nobody says how many.
    pub pending_requests: Option<usize>,
    /// How long is waited for the other line of a request; whole seconds.
    pub pending_wait: Duration,
}

/// A configuration, if it can be run, and all there is to say about it.
#[derive(Debug)]
pub struct Checked {
    /// `None` when the report has errors.
    pub config: Option<Config>,
    /// Errors and warnings.
    pub report: Report,
}

impl Limits {
    /// Routes of a source at most, unless `routes.NAME.max_routes` says otherwise.
    pub const MAX_ROUTES: usize = 500;
    /// The highest that `series` can be.
    pub const MOST_SERIES: usize = 1_000_000;
    /// Requests remembered where logs are followed.
    pub const PENDING_REQUESTS: usize = 65_536;
    /// Requests remembered where whole logs are read, one after the other.
    pub const PENDING_REQUESTS_IN_REPLAY: usize = 1_048_576;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: 65_536,
            series: 10_000,
            pending_requests: None,
            pending_wait: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// Those of lines that wait for the other line of their request; so many are remembered if
    /// nobody says how many.
    pub fn join(&self, pending: usize) -> join::Limits {
        join::Limits {
            pending: self.pending_requests.unwrap_or(pending),
            wait: Micros(u64::try_from(self.pending_wait.as_micros()).unwrap_or(u64::MAX)),
        }
    }
}

impl Config {
    /// The names of the sources that others are behind, each with the names of those.
    pub fn fronts(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut fronts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for source in &self.sources {
            if let Some(front) = &source.behind {
                fronts.entry(front).or_default().push(&source.name);
            }
        }
        fronts
    }

    /// Reads the dumps that sources need and makes their resolvers. Those with a fault, which the
    /// report then tells, are missing.
    pub fn resolvers(&self, report: &mut Report) -> Resolvers {
        let used: BTreeMap<_, _> = (self.sources.iter())
            .filter_map(|source| source.routes.as_ref())
            .map(|routes| (routes.name.clone(), routes))
            .collect();
        used.into_iter()
            .filter_map(|(name, routes)| Some((name, routes.load(report)?)))
            .collect()
    }

    /// Reads and checks a file, and the patterns in the folder `patterns` beside it.
    pub fn load(path: &Path) -> Result<Checked, std::io::Error> {
        let content = std::fs::read(path)?;
        let name = path.display().to_string();
        let content = match String::from_utf8(content) {
            Ok(content) => content,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let content = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let text = Arc::new(Text { name, content });
                let place = crate::diag::Place { text, span: at..at };
                let mut report = Report::default();
                report.push(
                    Fault::error("not valid UTF-8")
                        .at(place)
                        .help("save the file as UTF-8"),
                );
                return Ok(Checked {
                    config: None,
                    report,
                });
            }
        };
        let base = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let base = std::path::absolute(base)?;
        let mut report = Report::default();
        let patterns = files::pattern_texts(&base.join("patterns"), &mut report);
        let config = read::config(
            &Arc::new(Text { name, content }),
            &patterns,
            &base,
            &mut report,
        );
        Ok(Checked {
            config: config.filter(|_| !report.has_errors()),
            report,
        })
    }

    /// Checks a text; relative paths are relative to `base`.
    pub fn parse(name: &str, content: &str, base: &Path) -> Checked {
        let mut report = Report::default();
        let text = Arc::new(Text {
            name: name.to_owned(),
            content: content.to_owned(),
        });
        let config = read::config(&text, &[], base, &mut report);
        Checked {
            config: config.filter(|_| !report.has_errors()),
            report,
        }
    }
}

/// What a configuration tells of lines, whatever else is wrong with it.
#[derive(Debug, Default)]
pub struct Reading {
    /// The patterns that it and the folder `patterns` beside it define, used or not.
    pub patterns: Vec<Pattern>,
    /// The faults of those that are broken.
    pub report: Report,
    /// Its limits where they are good, else the defaults.
    pub limits: Limits,
}

/// Reads of a configuration what tells how lines are read.
pub fn reading_of(path: &Path) -> Result<Reading, std::io::Error> {
    let content = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    let name = path.display().to_string();
    let mut report = Report::default();
    let folder = path.with_file_name("patterns");
    let texts = files::pattern_texts(&folder, &mut report);
    let (mut own, limits) = read::reading(&Arc::new(Text { name, content }), &mut report);
    own.extend(read::own_patterns(&texts, &mut report));
    let own = own.into_iter().map(|definition| definition.pattern);
    Ok(Reading {
        patterns: own.collect(),
        report,
        limits,
    })
}

/// The pattern of this name: a preset, or one from the default folder of patterns.
pub fn find_pattern(name: &str) -> Result<Pattern, Report> {
    let mut report = Report::default();
    let texts = files::pattern_texts(Path::new(DEFAULT_PATTERNS), &mut report);
    let own = read::own_patterns(&texts, &mut report);
    if let Some(definition) = own
        .into_iter()
        .find(|definition| definition.pattern.name() == name)
    {
        return Ok(definition.pattern);
    }
    if let Some(preset) = Preset::find(name) {
        return preset.pattern();
    }
    let names = presets().iter().map(|preset| preset.name);
    report.push(Fault::error(format!("unknown pattern `{name}`")).suggest(name, names));
    Err(report)
}
