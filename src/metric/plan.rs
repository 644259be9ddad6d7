//! From metrics and the fields of a source's lines to the families to count.
//!
//! Invariant: families of rejected lines come last.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::declaration::{Counts, Metric, field};
use super::initial::Initial;
use super::metrics::Metrics;
use crate::aggregate::{Definition, Kind};
use crate::label::{Charset, Condition, Hosts, HttpVersion, Label, Method, OwnLabel, Scheme};
use crate::model::{Field, FieldSet};

/// The families to count for one source.
#[derive(Clone, Debug)]
pub struct MetricPlan {
    families: Vec<Definition>,
    fields: FieldSet,
    available: FieldSet,
    initial: Option<Arc<Initial>>,
    hosts: Hosts,
}

impl MetricPlan {
    /// Bits of a key that labels share, besides method, status and route.
    pub const KEY_BITS: u32 = 28;

    /// Plans for lines that contain these fields.
    pub fn new(metrics: &Metrics, available: FieldSet) -> Self {
        let mut plan = Self {
            families: Vec::new(),
            fields: FieldSet::EMPTY,
            available,
            initial: metrics.initial().cloned(),
            hosts: metrics.hosts().clone(),
        };
        metrics.iter().for_each(|metric| plan.add(metric));
        plan.families
            .sort_by_key(|family| family.kind == Kind::Rejected);
        if plan.fields.contains(Field::Target) {
            // Routes are learned from responses, and a line may name its view.
            plan.fields = plan.fields.with(Field::Status).with(Field::View);
        }
        plan
    }

    /// Adds a metric if the lines contain its fields.
    fn add(&mut self, metric: &Metric) {
        let available = self.available;
        let kind = match &metric.counts {
            Counts::Lines => Some(Kind::Lines),
            Counts::Rejected => Some(Kind::Rejected),
            Counts::Sum(value) => value.measure(available).map(Kind::Sum),
            Counts::Histogram(value, bounds) => value
                .measure(available)
                .map(|measure| Kind::Histogram(measure, Arc::clone(bounds))),
        };
        let has_needs = metric.needs.iter().all(|needed| available.contains(needed));
        let Some(kind) = kind.filter(|_| has_needs) else {
            return;
        };
        if let Kind::Sum(measure) | Kind::Histogram(measure, _) = &kind {
            self.fields = self.fields.with(field(*measure));
        }
        // Without upstream times every line is the server's own, and none is excluded.
        let has_upstream = available.contains(Field::UpstreamDurations);
        let is_asked = |when: &&Condition| when.label != Label::Upstream || has_upstream;
        let family = Definition {
            name: Arc::clone(&metric.name),
            help: Arc::clone(&metric.help),
            kind,
            labels: metric.labels.clone(),
            when: metric.when.iter().filter(is_asked).cloned().collect(),
            other: metric.other.clone(),
            has_short_bounds: metric.has_short_bounds,
            is_native: metric.is_native,
        };
        let fields = family.labels_used().filter_map(Label::field);
        self.fields = fields.fold(self.fields, FieldSet::with);
        self.families.push(family);
    }

    /// Returns every family.
    pub fn families(&self) -> &[Definition] {
        &self.families
    }

    /// Returns the families that count recorded lines, in the numbering of a shard.
    pub fn counted(&self) -> impl Iterator<Item = &Definition> {
        let families = self.families.iter();
        families.take_while(|family| family.kind != Kind::Rejected)
    }

    /// Returns the names of the families in which the lines of this source and of another one are added up.
    pub fn added_up_with(&self, other: &Self) -> BTreeSet<&str> {
        let is_in_both = |family: &&Definition| {
            let mut others = other.counted();
            others.any(|other| other.name == family.name)
        };
        self.counted()
            .filter(is_in_both)
            .filter(|family| family.labels_used().all(|label| *label != Label::Source))
            .filter(|family| {
                let mut others = other.counted();
                let same = others.find(|other| other.name == family.name);
                same.is_some_and(|same| same.constants().eq(family.constants()))
            })
            .map(|family| &*family.name)
            .collect()
    }

    /// Returns whether any family is a histogram.
    pub fn has_histogram(&self) -> bool {
        let mut families = self.families.iter();
        families.any(|family| matches!(family.kind, Kind::Histogram(..)))
    }

    /// Returns the fields that the families need.
    pub fn fields(&self) -> FieldSet {
        self.fields
    }

    /// Returns whether the source's lines contain a field.
    pub fn is_available(&self, field: Field) -> bool {
        self.available.contains(field)
    }

    /// Returns the options for series that start at 0, if any do.
    pub fn initial(&self) -> Option<&Initial> {
        self.initial.as_deref()
    }

    /// Returns the hosts that the label `host` distinguishes.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Returns for each family its name, and how many values each of its labels may take with so many routes and patterns
    /// of routes. What two labels have in common counts once.
    pub fn sizes(
        &self,
        routes: usize,
        patterns: usize,
    ) -> impl Iterator<Item = (&str, Vec<(&Label, usize)>)> {
        self.families.iter().map(move |family| {
            let follows = |label: &Label| {
                let mut determining = label.determining().iter();
                determining.any(|other| family.labels.contains(other))
            };
            let labels = family.labels.iter();
            let sizes = labels.map(|label| match label {
                label if follows(label) => (label, 1),
                // One value is for requests without a pattern.
                Label::HttpRoute => (label, patterns + 1),
                label => (label, self.size(label, routes)),
            });
            (&*family.name, sizes.collect())
        })
    }

    /// Returns the labels of the configuration that the families show or filter by, each once.
    pub fn own_labels(&self) -> Vec<&Arc<OwnLabel>> {
        let mut own: Vec<&Arc<OwnLabel>> = Vec::new();
        for label in self.families.iter().flat_map(Definition::labels_used) {
            own.extend(label.own().filter(|label| !own.contains(label)));
        }
        own
    }

    /// Returns whether a family shows or filters by a label.
    pub fn uses(&self, label: &Label) -> bool {
        let mut used = self.families.iter().flat_map(Definition::labels_used);
        used.any(|used| used == label)
    }

    /// Returns the bits that the largest number of a label takes in a key.
    pub fn bits(&self, label: &Label) -> u32 {
        let values = match label {
            // One number is for absent, one for unknown charsets.
            Label::Charset => Charset::NAMES.len() + 2,
            label => self.size(label, 0),
        };
        usize::BITS - values.saturating_sub(1).leading_zeros()
    }

    /// Returns how many values a label may take, `<other>` included.
    fn size(&self, label: &Label, routes: usize) -> usize {
        match label {
            Label::Source => 1,
            Label::Method | Label::HttpRequestMethod => Method::ALL.len(),
            Label::NetworkProtocolVersion => HttpVersion::ALL.len(),
            Label::Status | Label::HttpResponseStatusCode => 501,
            Label::ErrorType => 101,
            // The routes, `<other>`, and `<unnamed view>`.
            Label::Route | Label::View | Label::HttpRoute => routes + 2,
            Label::Scheme | Label::Transport | Label::UrlScheme => Scheme::ALL.len(),
            Label::Upstream => 2,
            Label::Charset => Charset::NAMES.len() + 1,
            Label::Host => self.hosts.names().len() + 1,
            Label::Own(own) => own.size(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_planned_only_if_the_lines_contain_its_fields() {
        let fields = [Field::Method, Field::Status].into_iter().collect();
        let plan = MetricPlan::new(&Metrics::default(), fields);
        let names: Vec<&str> = plan.sizes(500, 0).map(|(name, _)| name).collect();
        assert_eq!(names, ["httplog_requests_total"]);
    }

    #[test]
    fn a_label_that_another_one_determines_has_no_size_of_its_own() {
        let metrics = Metrics::new(crate::metric::Set::find("otel").unwrap().metrics());
        let plan = MetricPlan::new(&metrics, Field::ALL.into_iter().collect());
        let (_, sizes) = plan.sizes(500, 7).next().unwrap();
        let sizes: Vec<usize> = sizes.into_iter().map(|(_, size)| size).collect();
        // error_type, method, status, route, version, scheme.
        assert_eq!(sizes, [1, 10, 501, 8, 5, 3]);
    }

    #[test]
    fn the_size_of_a_family_is_that_of_its_labels() {
        let plan = MetricPlan::new(&Metrics::default(), FieldSet::EMPTY);
        let (_, sizes) = plan.sizes(500, 0).next().unwrap();
        let sizes: Vec<usize> = sizes.into_iter().map(|(_, size)| size).collect();
        assert_eq!(sizes, [10, 502, 1, 501]);
    }
}
