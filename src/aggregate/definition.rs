//! What a metric is made of.
//!
//! Invariant: bounds are ascending integers in the measure's own unit.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::model::Unit;

/// A family to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Full name.
    pub name: Arc<str>,
    /// One sentence.
    pub help: Arc<str>,
    /// Label names, sorted.
    pub labels: Vec<Arc<str>>,
    /// What is counted.
    pub kind: Kind,
    /// Which lines are left out, in words that differ when they do; empty when none is.
    pub filter: Arc<str>,
}

/// The ways of counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines.
    Lines,
    /// The sum of a measure.
    Sum(Measure),
    /// A histogram of a measure, by inclusive upper bounds.
    Histogram(Measure, Arc<[u64]>),
    /// Lines that were not understood; these have no labels but `source`.
    Rejected,
}

/// A number that a line may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Time for the request.
    Duration,
    /// Time of the last upstream attempt.
    UpstreamDuration,
    /// Upstream attempts beyond the first.
    UpstreamRetries,
    /// Bytes sent.
    ResponseBytes,
    /// Bytes received.
    RequestBytes,
    /// The request's `Content-Length`.
    ContentLength,
    /// The same, 0 for a request without one: it has no body.
    RequestBodyBytes,
    /// Time to connect, of the last upstream attempt.
    ConnectDuration,
}

/// The numbers of one line; absent ones are not observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values {
    numbers: [u64; Measure::COUNT],
    /// A bit for each that is there.
    present: u8,
}

impl Definition {
    /// Says everything that must be the same for old counts to go on: kind, labels, bounds.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        let _ = match &self.kind {
            Kind::Lines => write!(text, "lines"),
            Kind::Rejected => write!(text, "rejected lines"),
            Kind::Sum(measure) => write!(text, "sum {measure:?}"),
            Kind::Histogram(measure, bounds) => write!(text, "histogram {measure:?} {bounds:?}"),
        };
        let _ = write!(text, " by {:?}", self.labels);
        if !self.filter.is_empty() {
            let _ = write!(text, " when {}", self.filter);
        }
        text
    }

    /// Integers that one series needs.
    pub(super) fn stride(&self) -> usize {
        match &self.kind {
            Kind::Lines | Kind::Sum(_) | Kind::Rejected => 1,
            Kind::Histogram(_, bounds) => bounds.len() + 2,
        }
    }
}

impl Measure {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// Its unit.
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
    /// With a measure, if the line brought it.
    #[inline]
    #[must_use]
    pub fn with(mut self, measure: Measure, value: Option<u64>) -> Self {
        if let Some(value) = value {
            self.numbers[measure as usize] = value;
            self.present |= 1 << measure as u8;
        }
        self
    }

    /// A measure.
    #[inline]
    pub fn get(&self, measure: Measure) -> Option<u64> {
        (self.present >> measure as u8 & 1 != 0).then_some(self.numbers[measure as usize])
    }
}
