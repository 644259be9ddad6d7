//! The settings of a pipeline.
//!
//! Invariant: a pattern is narrowed to the fields that are used.

use std::sync::Arc;

use crate::join::End;
use crate::metric::{MetricPlan, Metrics};
use crate::model::FieldSet;
use crate::pattern::Pattern;
use crate::route::Resolver;

/// The settings of a pipeline.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the source, shown by the label `source`.
    pub source: Arc<str>,
    /// Format of the lines.
    pub pattern: Arc<Pattern>,
    /// Longest line, in bytes.
    pub line_bytes: usize,
    /// Resolves the views of requests; without it, paths are folded.
    pub routes: Option<Arc<Resolver>>,
    /// Largest number of routes; by default all views of `routes`, or `Router::MAX_ROUTES` learned ones. With 0, targets
    /// are ignored.
    pub max_routes: Option<usize>,
    /// Metrics to count.
    pub metrics: Metrics,
    /// The source's end of a link, if its lines are joined with those of another source.
    pub join: Option<End>,
}

impl Settings {
    /// Returns the default settings: lines up to 64 KiB, folded paths, 500 routes, the default metrics, no link.
    pub fn new(source: &str, pattern: Arc<Pattern>) -> Self {
        Self {
            source: source.into(),
            pattern,
            line_bytes: 65_536,
            routes: None,
            max_routes: None,
            metrics: Metrics::default(),
            join: None,
        }
    }

    /// Returns the pattern, narrowed to the fields that the plan and the link need, and `more`.
    pub(super) fn narrowed_pattern(&self, plan: &MetricPlan, more: FieldSet) -> Pattern {
        let joined = self.join.as_ref().map_or(FieldSet::EMPTY, End::fields);
        let fields = plan.fields().union(joined).union(more);
        Pattern::clone(&self.pattern).narrowed(fields)
    }
}
