//! The definition of a family, and the numbers that a line contributes to it.
//!
//! Invariant: histogram bounds are ascending integers in the unit of their measure.

use std::sync::Arc;

use crate::label::{Condition, Label};
use crate::model::Unit;

/// A family to be counted for one source.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Full metric name.
    pub name: Arc<str>,
    /// Text of the `HELP` line.
    pub help: Arc<str>,
    /// Quantity to count.
    pub kind: Kind,
    /// Labels, sorted by name.
    pub labels: Vec<Label>,
    /// Conditions that a line must all meet to be counted.
    pub when: Vec<Condition>,
    /// Texts that replace `<other>`, by label.
    pub other: Vec<(Label, Arc<str>)>,
    /// True if a whole bound of a histogram is written without a decimal point.
    pub has_short_bounds: bool,
    /// True if a histogram also has native buckets.
    pub is_native: bool,
}

/// Quantity that a family counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines.
    Lines,
    /// The sum of a measure.
    Sum(Measure),
    /// A histogram of a measure, with its inclusive upper bounds.
    Histogram(Measure, Arc<[u64]>),
    /// Rejected lines. Such a family has no label but `source`.
    Rejected,
}

/// A number that a line may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Duration of the request.
    Duration,
    /// Duration of the last upstream attempt.
    UpstreamDuration,
    /// Upstream attempts beyond the first.
    UpstreamRetries,
    /// Bytes sent.
    ResponseBytes,
    /// Bytes received.
    RequestBytes,
    /// The request's `Content-Length`.
    ContentLength,
    /// The request's `Content-Length`, or 0 without the header: such a request has an empty body.
    RequestBodyBytes,
    /// Connect time of the last upstream attempt.
    ConnectDuration,
}

/// The numbers of one line; absent ones are not observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values {
    numbers: [u64; Measure::COUNT],
    /// One bit for each number that is present.
    present: u8,
}

impl Definition {
    /// Returns the number of integers that one series takes.
    pub(super) fn stride(&self) -> usize {
        match &self.kind {
            Kind::Lines | Kind::Sum(_) | Kind::Rejected => 1,
            Kind::Histogram(_, bounds) => bounds.len() + 2,
        }
    }

    /// Returns whether the series have native histograms.
    pub(super) fn has_native(&self) -> bool {
        self.is_native && matches!(self.kind, Kind::Histogram(..))
    }

    /// Returns the text shown for a value of the label that is absent or not in its list.
    pub fn other_value(&self, label: &Label) -> Arc<str> {
        let given = self.other.iter().find(|(named, _)| named == label);
        given.map_or_else(|| label.other().into(), |(_, text)| Arc::clone(text))
    }

    /// Returns the values of the labels that are the same for all lines, but for the name of the source.
    pub fn constants(&self) -> impl Iterator<Item = &Arc<str>> {
        let own = self.labels.iter().filter_map(Label::own);
        own.filter_map(|own| own.constant())
    }

    /// Returns the labels that the family shows or filters by.
    pub fn labels_used(&self) -> impl Iterator<Item = &Label> {
        let filtered = self.when.iter().map(|condition| &condition.label);
        self.labels.iter().chain(filtered)
    }
}

impl Measure {
    /// Number of measures.
    pub const COUNT: usize = 8;

    /// Returns the unit of the measure.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Duration | Self::UpstreamDuration | Self::ConnectDuration => Unit::Micros,
            Self::UpstreamRetries => Unit::One,
            Self::ResponseBytes
            | Self::RequestBytes
            | Self::ContentLength
            | Self::RequestBodyBytes => Unit::Bytes,
        }
    }
}

impl Values {
    /// Adds a measure if the line contains it.
    #[inline]
    #[must_use]
    pub fn with(mut self, measure: Measure, value: Option<u64>) -> Self {
        if let Some(value) = value {
            self.numbers[measure as usize] = value;
            self.present |= 1 << measure as u8;
        }
        self
    }

    /// Returns the value of a measure.
    #[inline]
    pub fn get(&self, measure: Measure) -> Option<u64> {
        (self.present >> measure as u8 & 1 != 0).then_some(self.numbers[measure as usize])
    }
}
