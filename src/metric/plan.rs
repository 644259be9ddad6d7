//! From metrics and the fields of a source's lines to what is counted.
//!
//! Invariant: definitions and planned families have the same places; those of rejected lines are last.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Condition, Counts, Initial, Metric, Metrics, field};
use crate::aggregate::{Definition, Kind};
use crate::label::{Charset, Hosts, Label, Method, OTHER, Scheme};
use crate::model::{Field, FieldSet};

/// What is counted of one source's lines.
#[derive(Clone, Debug)]
pub struct MetricPlan {
    definitions: Vec<Definition>,
    families: Vec<Planned>,
    fields: FieldSet,
    /// What the source's lines bring, whether it is looked at or not.
    brought: FieldSet,
    initial: Option<Arc<Initial>>,
    hosts: Hosts,
}

/// How a family's label values are made.
#[derive(Clone, Debug)]
pub struct Planned {
    /// In the order of the definition's labels.
    pub labels: Vec<Label>,
    /// A line counts if it meets all of them.
    pub when: Vec<Condition>,
    other: Vec<(Label, Arc<str>)>,
}

impl MetricPlan {
    /// The plan for lines that bring these fields.
    pub fn new(metrics: &Metrics, fields: FieldSet) -> Self {
        let mut plan = Self {
            definitions: Vec::new(),
            families: Vec::new(),
            fields: FieldSet::EMPTY,
            brought: fields,
            initial: metrics.initial().cloned(),
            hosts: metrics.hosts().clone(),
        };
        let is_rejected = |metric: &&Metric| metric.counts == Counts::Rejected;
        let counted = metrics.iter().filter(|metric| !is_rejected(metric));
        for metric in counted.chain(metrics.iter().filter(is_rejected)) {
            plan.add(metric, fields);
        }
        plan
    }

    fn add(&mut self, metric: &Metric, fields: FieldSet) {
        if metric.needs.iter().any(|needed| !fields.contains(needed)) {
            return;
        }
        let kind = match &metric.counts {
            Counts::Lines => Some(Kind::Lines),
            Counts::Rejected => Some(Kind::Rejected),
            Counts::Sum(value) => value.measure(fields).map(Kind::Sum),
            Counts::Histogram(value, bounds) => value
                .measure(fields)
                .map(|measure| Kind::Histogram(measure, Arc::clone(bounds))),
        };
        let Some(kind) = kind else {
            return;
        };
        if let Kind::Sum(measure) | Kind::Histogram(measure, _) = &kind {
            self.fields = self.fields.with(field(*measure));
        }
        // Without upstream times every line is of the server itself, and none is left out.
        let has_upstream = fields.contains(Field::UpstreamDurations);
        let when = metric.when.iter();
        let when: Vec<Condition> = when
            .filter(|condition| condition.label != Label::Upstream || has_upstream)
            .cloned()
            .collect();
        for label in metric
            .labels
            .iter()
            .chain(when.iter().map(|when| &when.label))
        {
            self.fields = label
                .field()
                .map_or(self.fields, |field| self.fields.with(field));
        }
        if self.fields.contains(Field::Target) {
            // Routes are learned by what the site answers, and a line may name its view.
            self.fields = self.fields.with(Field::Status).with(Field::View);
        }
        let mut filter = String::new();
        for condition in &when {
            let _ = write!(filter, "{condition:?}");
        }
        self.definitions.push(Definition {
            name: Arc::clone(&metric.name),
            help: Arc::clone(&metric.help),
            labels: metric
                .labels
                .iter()
                .map(|label| label.name().into())
                .collect(),
            kind,
            filter: filter.into(),
        });
        self.families.push(Planned {
            labels: metric.labels.clone(),
            when,
            other: metric.other.clone(),
        });
    }

    /// The families.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// How their labels are made, at the same places.
    pub fn families(&self) -> &[Planned] {
        &self.families
    }

    /// The fields that are looked at.
    pub fn fields(&self) -> FieldSet {
        self.fields
    }

    /// Whether the source's lines bring a field.
    pub fn brings(&self, field: Field) -> bool {
        self.brought.contains(field)
    }

    /// Which series start at 0, if any do.
    pub fn initial(&self) -> Option<&Initial> {
        self.initial.as_deref()
    }

    /// The hosts that are told apart.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// For each family, its name and how many values each of its labels may have, with so many routes.
    pub fn sizes(&self, routes: usize) -> impl Iterator<Item = (&str, Vec<(Label, usize)>)> {
        let counted = self.definitions.iter().zip(&self.families);
        counted.map(move |(definition, family)| {
            let sizes = family
                .labels
                .iter()
                .map(|label| (*label, self.size(*label, routes)));
            (&*definition.name, sizes.collect())
        })
    }

    /// How many values a label may have, that for all others included.
    fn size(&self, label: Label, routes: usize) -> usize {
        match label {
            Label::Source => 1,
            Label::Method => Method::ALL.len(),
            Label::Status => 501,
            // Beside the routes, what no view answers.
            Label::Route | Label::View => routes + 2,
            Label::Scheme | Label::Transport => Scheme::ALL.len(),
            Label::Upstream => 2,
            Label::Charset => Charset::NAMES.len() + 1,
            Label::Host => self.hosts.names().len() + 1,
        }
    }

    /// Every label that a family shows or asks for.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        self.families.iter().flat_map(|family| {
            let asked = family.when.iter().map(|condition| condition.label);
            family.labels.iter().copied().chain(asked)
        })
    }
}

impl Planned {
    /// What a label says of a value that is absent or not in its list.
    pub fn other(&self, label: Label) -> Arc<str> {
        let own = self.other.iter().find(|(named, _)| *named == label);
        own.map_or_else(|| OTHER.into(), |(_, text)| Arc::clone(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_planned_only_if_the_lines_bring_its_fields() {
        let fields = [Field::Method, Field::Status].into_iter().collect();
        let plan = MetricPlan::new(&Metrics::default(), fields);
        let names: Vec<&str> = plan.sizes(500).map(|(name, _)| name).collect();
        assert_eq!(names, ["httplog_requests_total"]);
        assert_eq!(plan.definitions().len(), plan.families().len());
    }

    #[test]
    fn the_size_of_a_family_is_that_of_its_labels() {
        let plan = MetricPlan::new(&Metrics::default(), FieldSet::EMPTY);
        let (_, sizes) = plan.sizes(500).next().unwrap();
        let sizes: Vec<usize> = sizes.into_iter().map(|(_, size)| size).collect();
        assert_eq!(sizes, [10, 502, 1, 501]);
    }
}
