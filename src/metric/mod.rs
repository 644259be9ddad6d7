//! What is counted: the sets we ship and metrics of one's own, and the plan made of them.
//!
//! Invariant: a metric is made of labels and values that have a variant; a plan has the families
//! whose fields a source's lines bring, and no others.

mod condition;
mod initial;
mod plan;
mod read;
mod set;

use std::sync::Arc;

use crate::aggregate::Measure;
use crate::label::{Hosts, Label};
use crate::model::{Field, FieldSet, Unit};

pub use condition::Condition;
pub use initial::Initial;
pub use plan::{MetricPlan, Planned};
pub use read::read;
pub use set::{Set, sets};

/// A metric as a set or a configuration defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Full name.
    pub name: Arc<str>,
    /// One sentence.
    pub help: Arc<str>,
    /// What is counted.
    pub counts: Counts,
    /// Sorted by name.
    pub labels: Vec<Label>,
    /// What labels say of a value that is absent or not in their list, where it is not `<other>`.
    pub other: Vec<(Label, Arc<str>)>,
    /// A line counts if it meets all of them.
    pub when: Vec<Condition>,
    /// Fields without which there is no such family, besides that of the value.
    pub needs: FieldSet,
}

/// What a metric counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Lines.
    Lines,
    /// Lines that were not understood.
    Rejected,
    /// The sum of a value.
    Sum(Quantity),
    /// A histogram of a value, by inclusive upper bounds in its unit.
    Histogram(Quantity, Arc<[u64]>),
}

/// A value that lines may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// What a measure of `aggregate` is.
    Of(Measure),
    /// The time of the last upstream attempt where lines have upstream times, else the duration.
    Latency,
}

/// Metrics of one source; shared.
#[derive(Clone, Debug)]
pub struct Metrics {
    list: Arc<[Metric]>,
    initial: Option<Arc<Initial>>,
    hosts: Hosts,
}

impl Quantity {
    /// Every value, with its name.
    pub const ALL: [(&'static str, Self); 9] = [
        ("duration", Self::Of(Measure::Duration)),
        ("upstream_duration", Self::Of(Measure::UpstreamDuration)),
        ("upstream_retries", Self::Of(Measure::UpstreamRetries)),
        ("connect_duration", Self::Of(Measure::ConnectDuration)),
        ("response_bytes", Self::Of(Measure::ResponseBytes)),
        ("request_bytes", Self::Of(Measure::RequestBytes)),
        ("content_length", Self::Of(Measure::ContentLength)),
        ("request_body_bytes", Self::Of(Measure::RequestBodyBytes)),
        ("latency", Self::Latency),
    ];

    /// Its unit.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Of(measure) => measure.unit(),
            Self::Latency => Unit::Micros,
        }
    }

    /// The measure of lines with these fields, if they bring it.
    pub fn measure(self, fields: FieldSet) -> Option<Measure> {
        let measure = match self {
            Self::Of(measure) => measure,
            Self::Latency if fields.contains(Field::UpstreamDurations) => Measure::UpstreamDuration,
            Self::Latency => Measure::Duration,
        };
        fields.contains(field(measure)).then_some(measure)
    }
}

/// The field that brings a measure.
fn field(measure: Measure) -> Field {
    match measure {
        Measure::Duration => Field::Duration,
        Measure::UpstreamDuration | Measure::UpstreamRetries => Field::UpstreamDurations,
        Measure::ResponseBytes => Field::ResponseBytes,
        Measure::RequestBytes => Field::RequestBytes,
        Measure::ContentLength | Measure::RequestBodyBytes => Field::ContentLength,
        Measure::ConnectDuration => Field::ConnectDuration,
    }
}

impl Metrics {
    /// These metrics, of which a series is there from its first event on.
    pub fn new(metrics: Vec<Metric>) -> Self {
        Self {
            list: metrics.into(),
            initial: None,
            hosts: Hosts::default(),
        }
    }

    /// The same; known series start at 0 if there is an `initial`.
    #[must_use]
    pub fn starting_with(self, initial: Option<Arc<Initial>>) -> Self {
        Self { initial, ..self }
    }

    /// The same; the label `host` tells these apart.
    #[must_use]
    pub fn telling(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// The hosts that are told apart.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Metric> {
        self.list.iter()
    }

    /// Which series start at 0, if any do.
    pub fn initial(&self) -> Option<&Arc<Initial>> {
        self.initial.as_ref()
    }
}

impl Default for Metrics {
    /// The set that is counted when nobody says otherwise.
    fn default() -> Self {
        Self::new(Set::DEFAULT.metrics())
    }
}
