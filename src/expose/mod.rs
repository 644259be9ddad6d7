//! Encoders of families: the Prometheus text format, OpenMetrics, Prometheus' protobuf format, JSON for custom tools, and
//! OpenMetrics with the time of each sample.
//!
//! Invariant: equal families encode to equal bytes, in every format with the same numbers. Integers are written as
//! exact decimals of their base unit, in protobuf as the nearest float. Encoders do not sort: families are sorted already.

mod grid;
mod json;
mod number;
mod openmetrics;
mod padded;
mod protobuf;
mod text;
mod timeline;
mod wire;

use crate::model::Families;

pub use json::encode_json;
pub use number::push_exact;
pub use openmetrics::encode_openmetrics;
pub use protobuf::encode_protobuf;
pub use text::encode_text;
pub use timeline::write_timeline;

/// A format of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text, 0.0.4 or 1.0.0: these differ in names that are not used here.
    Text,
    /// OpenMetrics, 0.0.1 or 1.0.0: these differ in types that are not used here.
    OpenMetrics,
    /// Prometheus' protobuf format, the only one with native histograms.
    Protobuf,
}

/// Options of the formats that have a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// True if OpenMetrics shows the time at which each series was created.
    pub shows_created: bool,
}

impl Format {
    /// Appends families in this format.
    pub fn encode(self, families: &Families, options: Options, out: &mut Vec<u8>) {
        match self {
            Self::Text => encode_text(families, out),
            Self::OpenMetrics => encode_openmetrics(families, options, out),
            Self::Protobuf => encode_protobuf(families, out),
        }
    }
}
