//! Says which key makes paths resolve that are logged with or without a prefix of the site.

use std::sync::Arc;

use crate::model::{Batch, counted, plural};
use crate::pattern::Pattern;
use crate::pipeline::TargetReader;
use crate::route::{PrefixAdvice, Resolver};

/// Most lines of a log that are tried.
const LINES: usize = 1000;
/// Fewest paths that have to resolve with another prefix.
pub(super) const LEAST: usize = 5;

/// The paths of some lines, and the routes that should resolve them.
#[derive(Debug)]
pub(super) struct PrefixSample {
    reader: TargetReader,
    resolver: Arc<Resolver>,
    /// Name of the routes in the configuration.
    routes: Option<String>,
    targets: Vec<Vec<u8>>,
    /// Number of lines tried.
    tried: usize,
}

impl PrefixSample {
    pub(super) fn new(
        pattern: Arc<Pattern>,
        resolver: Arc<Resolver>,
        routes: Option<&str>,
    ) -> Self {
        Self {
            reader: TargetReader::new(pattern),
            resolver,
            routes: routes.map(str::to_owned),
            targets: Vec::new(),
            tried: 0,
        }
    }

    /// Returns whether more lines are to be tried.
    pub(super) fn wants_more(&self) -> bool {
        self.tried < LINES
    }

    /// Adds the lines of a batch, up to a bound.
    pub(super) fn add(&mut self, batch: &Batch<'_>) {
        if self.wants_more() {
            self.add_lines(batch.lines());
        }
    }

    /// Adds lines, up to a bound.
    pub(super) fn add_lines<'l>(&mut self, lines: impl Iterator<Item = &'l [u8]>) {
        for line in lines.take(LINES - self.tried) {
            self.tried += 1;
            self.targets.extend(self.reader.read(line));
        }
    }

    /// Returns the warning and its help, if at least `least` paths would resolve with another prefix.
    pub(super) fn warning(&self, least: usize) -> Option<(String, String)> {
        let targets = self.targets.iter().map(Vec::as_slice);
        let advice = self.resolver.advise_prefix(targets, least)?;
        let PrefixAdvice {
            prefix,
            resolved,
            would_resolve,
            paths,
        } = &advice;
        let how = match (prefix.as_str(), self.resolver.prefix()) {
            ("", before) => format!("without the prefix `{before}`"),
            (prefix, _) => format!("with the prefix `{prefix}`"),
        };
        let message = format!(
            "{resolved} of {} {} to a view, and {would_resolve} would if they are logged {how}, as it seems",
            counted(*paths, "path"),
            plural(*resolved, "resolves", "resolve")
        );
        let help = match &self.routes {
            Some(routes) => format!("routes.{routes}.strip_prefix = \"{prefix}\""),
            None => format!("strip_prefix = \"{prefix}\" in [routes.NAME] of a configuration"),
        };
        Some((message, help))
    }
}
