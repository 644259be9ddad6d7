//! The settings of a pipeline.
//!
//! Invariant: a pattern is narrowed to the fields that are used.

use std::sync::{Arc, Mutex, PoisonError};

use super::names::Layout;
use crate::aggregate::Definition;
use crate::join::End;
use crate::label::{FileField, Label, Origin};
use crate::metric::{MetricPlan, Metrics};
use crate::model::{ExemplarId, Field, FieldSet};
use crate::pattern::{Named, Pattern};
use crate::route::{Resolver, Router};

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
    /// The id that exemplars show, if there are any.
    pub exemplars: Option<ExemplarId>,
    /// The source's end of a link, if its lines are joined with those of another source.
    pub join: Option<End>,
    /// Patterns of other pipelines, to be shared.
    pub narrowed: NarrowedPatterns,
}

/// Patterns that were narrowed to the fields that pipelines use. Pipelines that use the same fields of one pattern share
/// its expressions, and the memory to run them on a thread. Clones share the patterns.
#[derive(Clone, Debug, Default)]
pub struct NarrowedPatterns(Arc<Mutex<Vec<NarrowedPattern>>>);

#[derive(Debug)]
struct NarrowedPattern {
    whole: Arc<Pattern>,
    fields: FieldSet,
    /// Names of values that fill no field.
    extras: Vec<Arc<str>>,
    pattern: Arc<Pattern>,
}

impl Settings {
    /// Returns the default settings: lines up to 64 KiB, folded paths, 500 routes, the default metrics, no link, no exemplars.
    pub fn new(source: &str, pattern: Arc<Pattern>) -> Self {
        Self {
            source: source.into(),
            pattern,
            line_bytes: 65_536,
            routes: None,
            max_routes: None,
            metrics: Metrics::default(),
            exemplars: None,
            join: None,
            narrowed: NarrowedPatterns::default(),
        }
    }

    /// Returns the id that exemplars show, if the lines have it.
    pub(super) fn exemplars(&self) -> Option<ExemplarId> {
        let available = self.pattern.fields();
        (self.exemplars).filter(|which| available.contains(which.field()))
    }

    /// Returns the fields that exemplars need.
    pub(super) fn exemplar_fields(&self) -> FieldSet {
        let which = self.exemplars();
        which.map_or(FieldSet::EMPTY, |which| which.fields().with(Field::Time))
    }

    /// Returns the pattern, narrowed to the fields that the plan and the link need, and `more`.
    pub(super) fn narrowed_pattern(&self, plan: &MetricPlan, more: FieldSet) -> Arc<Pattern> {
        let joined = self.join.as_ref().map_or(FieldSet::EMPTY, End::fields);
        let mut fields = plan.fields().union(joined).union(more);
        let mut extras = Vec::new();
        for label in plan.own_labels() {
            if let Origin::Read { field, .. } = &label.origin {
                match self.pattern.named(field) {
                    _ if FileField::from_name(field).is_some() => {}
                    Some(Named::Field(field)) => fields = fields.with(field),
                    Some(Named::Extra) if !extras.contains(field) => extras.push(Arc::clone(field)),
                    _ => {}
                }
            }
        }
        self.narrowed.get(&self.pattern, fields, extras)
    }
}

impl Settings {
    /// Returns the router of the requests that a plan counts.
    pub(super) fn router(&self, plan: &MetricPlan) -> Router {
        match &self.routes {
            Some(resolver) => Router::new(Router::MAX_ROUTES)
                .by_pattern(plan.uses(&Label::HttpRoute))
                .with_urlconf(Arc::clone(resolver), self.max_routes),
            None => Router::new(self.max_routes.unwrap_or(Router::MAX_ROUTES)),
        }
    }

    /// Returns the layout of the keys of a plan, for lines that this pattern reads.
    pub(super) fn layout(&self, plan: &MetricPlan, pattern: &Pattern) -> Layout {
        let labels = plan.families().iter().flat_map(Definition::labels_used);
        let layout = Layout::new(plan, pattern, labels);
        let has_patterns = plan.uses(&Label::HttpRoute);
        let states_views = self.pattern.fields().contains(Field::View);
        match &self.routes {
            Some(routes) if routes.folds_unmatched() || has_patterns && states_views => {
                layout.refining_routes()
            }
            _ => layout,
        }
    }
}

impl NarrowedPatterns {
    /// Returns a pattern, narrowed to these fields and values that fill none.
    fn get(&self, whole: &Arc<Pattern>, fields: FieldSet, extras: Vec<Arc<str>>) -> Arc<Pattern> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |known: &&NarrowedPattern| {
            Arc::ptr_eq(&known.whole, whole) && known.fields == fields && known.extras == extras
        };
        if let Some(known) = all.iter().find(is_it) {
            return Arc::clone(&known.pattern);
        }
        let pattern = Pattern::clone(whole);
        // A configuration with too many is refused.
        let pattern = pattern.clone().reading(&extras).unwrap_or(pattern);
        let pattern = Arc::new(pattern.narrowed(fields));
        all.push(NarrowedPattern {
            whole: Arc::clone(whole),
            fields,
            extras,
            pattern: Arc::clone(&pattern),
        });
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Field;
    use crate::pattern::Dialect;

    #[test]
    fn pipelines_that_use_the_same_fields_of_a_pattern_share_it() {
        let compile =
            || Arc::new(Pattern::compile("test", Dialect::Nginx, "$status $request_time").unwrap());
        let (one, other) = (compile(), compile());
        let status = FieldSet::EMPTY.with(Field::Status);
        let both = status.with(Field::Duration);
        let narrowed = NarrowedPatterns::default();
        let get = |pattern, fields| narrowed.get(pattern, fields, Vec::new());
        let first = get(&one, status);
        assert!(Arc::ptr_eq(&first, &get(&one, status)));
        assert!(!Arc::ptr_eq(&first, &get(&one, both)));
        assert!(!Arc::ptr_eq(&first, &get(&other, status)));
    }
}
