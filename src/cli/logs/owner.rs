//! Finds the source of a log: its counts, and the wrapper of its lines.
//!
//! Invariant: a log that may be of two sources is never given to one of them by chance where counts are those of sources.

use std::path::Path;
use std::sync::Arc;

use super::session::{FormatCounts, Session};
use crate::cli::exit::{Exit, Failure};
use crate::cli::unrecognised::recognise_log;
use crate::config;
use crate::model::Batch;
use crate::pattern::Pattern;
use crate::source::Frame;

/// Most lines of a log that are tried with the patterns of the sources.
const LINES: usize = 1000;

/// The counts that the lines of a log go to.
pub(super) enum Counts {
    /// Those with this number.
    Known(usize),
    /// Those of a format and routes without a line so far.
    Unknown(Arc<Pattern>, Option<Arc<config::Routes>>),
}

impl Session<'_> {
    /// Returns the counts of a log that begins with these lines.
    pub(super) fn counts_of(&self, log: &Path, first: &Batch<'_>) -> Result<Counts, Failure> {
        if self.is_by_source {
            return self.source_of(log, first).map(Counts::Known);
        }
        let (pattern, routes) = self.settings_of(log, first)?;
        Ok(match self.find_format(&pattern, routes.as_deref()) {
            Some(at) => Counts::Known(at),
            None => Counts::Unknown(pattern, routes),
        })
    }

    /// Returns the wrapper of the lines of a log: that of its source, if it is known by its number or by the path.
    pub(super) fn frame_of(&self, log: &Path, owner: Option<usize>) -> Frame {
        let source = match owner {
            Some(at) => self.all_sources.get(at),
            None => following(&self.all_sources, log),
        };
        source.map_or(Frame::Auto, |source| source.input.frame())
    }

    /// Returns the given pattern, or the pattern and the routes of the source that follows the log, or the recognised
    /// pattern and the routes of the sources with that pattern, if they agree.
    fn settings_of(
        &self,
        log: &Path,
        first: &Batch<'_>,
    ) -> Result<(Arc<Pattern>, Option<Arc<config::Routes>>), Failure> {
        if let Some(pattern) = &self.pattern {
            return Ok((Arc::clone(pattern), None));
        }
        if let Some(source) = following(&self.sources, log) {
            return Ok((Arc::clone(&source.pattern), source.routes.clone()));
        }
        let pattern = recognise_log(log, first, self.limits.line_bytes)?;
        let same = self
            .sources
            .iter()
            .filter(|source| source.pattern.name() == pattern.name());
        let mut routes = same.map(|source| source.routes.clone());
        let first = routes.next().flatten();
        let agreed = first.filter(|first| routes.all(|other| other.as_ref() == Some(first)));
        Ok((Arc::new(pattern), agreed))
    }

    /// Returns the index of the counts of a format with these routes.
    pub(super) fn find_format(
        &self,
        pattern: &Pattern,
        routes: Option<&config::Routes>,
    ) -> Option<usize> {
        let routes = routes.map(|routes| routes.name.as_str());
        let is_it = |known: &FormatCounts| {
            known.pattern.name() == pattern.name() && known.routes.as_deref() == routes
        };
        self.formats.iter().position(is_it)
    }

    /// Returns the number of the source whose pattern reads the most of the first lines of a log, at least half of them.
    fn source_of(&self, log: &Path, first: &Batch<'_>) -> Result<usize, Failure> {
        let lines: Vec<&[u8]> = first.lines().filter(|line| !line.is_empty()).collect();
        let lines = lines.get(..LINES).unwrap_or(&lines);
        let read = |source: &config::Source| {
            let mut scratch = source.pattern.scratch();
            let is_read = |line: &&&[u8]| {
                source.pattern.parse(&mut scratch, line).is_ok() || source.pattern.skips(line)
            };
            lines.iter().filter(is_read).count()
        };
        let read: Vec<usize> = self.all_sources.iter().map(read).collect();
        let most = read.iter().copied().max().unwrap_or(0);
        let best: Vec<usize> = (0..read.len()).filter(|at| read[*at] == most).collect();
        let (shown, name) = (log.display(), |at: &usize| &*self.all_sources[*at].name);
        let message = match &*best {
            _ if most * 2 < lines.len() => {
                format!("no source of the configuration reads the lines of {shown}")
            }
            [one] => return Ok(*one),
            [first, second, ..] => format!(
                "{shown} may be a log of the source `{}` or `{}`: neither follows it, and both read its lines",
                name(first),
                name(second)
            ),
            [] => "the configuration has no source".to_owned(),
        };
        let help = "name the source with --source NAME";
        Err(Failure::message(Exit::Usage, message).help(help))
    }
}

/// Returns the source that follows a log.
fn following<'s>(sources: &'s [config::Source], log: &Path) -> Option<&'s config::Source> {
    let path = std::path::absolute(log).ok()?;
    sources.iter().find(|source| source.input.follows(&path))
}
