//! Families as bytes: the Prometheus text format, JSON for people's own tools, and OpenMetrics with the time of
//! each sample.
//!
//! Invariant: the same families always give the same bytes, and every encoder shows the same
//! numbers; integers are written as exact decimals of their base unit.

mod grid;
mod json;
mod number;
mod openmetrics;
mod text;

pub use json::encode_json;
pub use openmetrics::write_timeline;

use crate::model::Families;

/// A format a scrape can be answered in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    ///
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
    #[default]
    Text,
}

impl Format {
    /// The value of the `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Appends the families to `out`. A family without series leaves no trace.
///
/// ```
/// use httplog_exporter::expose::{Format, encode};
/// use httplog_exporter::model::{Families, Family, Kind, Number, Series, Unit, Value};
///
/// let families = Families::new([Family {
///     name: "lag_seconds".into(),
///     help: "Age of the oldest unread line.".into(),
///     kind: Kind::Gauge,
///     series: vec![Series {
///         labels: vec![("source".into(), "nginx".into())],
///         value: Value::Number(Number::Exact(1_500_000, Unit::Micros)),
///     }],
/// }]);
/// let mut out = Vec::new();
/// encode(&families, Format::Text, &mut out);
/// assert!(out.ends_with(b"lag_seconds{source=\"nginx\"} 1.5\n"));
/// ```
pub fn encode(families: &Families, format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Text => text::encode(families, out),
    }
}
