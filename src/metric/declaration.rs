//! A metric as a `[[metric]]` table declares it, before the fields of a source are known.

use std::sync::Arc;

use crate::aggregate::Measure;
use crate::label::{Condition, Label};
use crate::model::{Field, FieldSet, Unit};

/// A metric as a set or a configuration declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Full name.
    pub name: Arc<str>,
    /// Text of the `HELP` line.
    pub help: Arc<str>,
    /// Quantity to count.
    pub counts: Counts,
    /// Labels, sorted by name.
    pub labels: Vec<Label>,
    /// Texts that replace `<other>` for a value that is absent or not in its list, by label.
    pub other: Vec<(Label, Arc<str>)>,
    /// Conditions that a line must all meet to be counted.
    pub when: Vec<Condition>,
    /// True if a whole bound of a histogram is written without a decimal point.
    pub has_short_bounds: bool,
    /// True if a histogram also has native buckets.
    pub is_native: bool,
    /// Fields without which a source has no such family, besides the field of the value.
    pub needs: FieldSet,
}

/// Quantity that a metric counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Lines.
    Lines,
    /// Rejected lines.
    Rejected,
    /// The sum of a value.
    Sum(Quantity),
    /// A histogram of a value, with its inclusive upper bounds in the unit of the value.
    Histogram(Quantity, Arc<[u64]>),
}

/// A value that lines may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// A measure of `aggregate`.
    Of(Measure),
    /// Time of the last upstream attempt for lines with upstream times, else the duration.
    Latency,
}

impl Metric {
    /// Adds those labels that it does not have, unless it counts rejected lines.
    pub fn add_labels(&mut self, labels: &[Label]) {
        if self.counts == Counts::Rejected {
            return;
        }
        for label in labels {
            if self.labels.iter().all(|known| known.name() != label.name()) {
                self.labels.push(label.clone());
            }
        }
        self.labels
            .sort_by(|one, other| one.name().cmp(other.name()));
    }
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

    /// Returns the unit of the value.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Of(measure) => measure.unit(),
            Self::Latency => Unit::Micros,
        }
    }

    /// Returns the measure of lines with these fields, if they contain it.
    pub fn measure(self, fields: FieldSet) -> Option<Measure> {
        let measure = match self {
            Self::Of(measure) => measure,
            Self::Latency if fields.contains(Field::UpstreamDurations) => Measure::UpstreamDuration,
            Self::Latency => Measure::Duration,
        };
        fields.contains(field(measure)).then_some(measure)
    }
}

/// Returns the field that contains a measure.
pub fn field(measure: Measure) -> Field {
    match measure {
        Measure::Duration => Field::Duration,
        Measure::UpstreamDuration | Measure::UpstreamRetries => Field::UpstreamDurations,
        Measure::ResponseBytes => Field::ResponseBytes,
        Measure::RequestBytes => Field::RequestBytes,
        Measure::ContentLength | Measure::RequestBodyBytes => Field::ContentLength,
        Measure::ConnectDuration => Field::ConnectDuration,
    }
}
