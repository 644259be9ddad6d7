//! [Prometheus text format] 0.0.4.
//!
//! Invariant: a sample is one line, whatever bytes help texts and label values hold. The labels of a
//! series are escaped once and copied into each of its lines, and bounds are formatted once for all
//! series that share them.
//!
//! [Prometheus text format]: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

use std::sync::Arc;

use super::number::{push_exact, push_integer, push_number};
use crate::model::{Families, Family, Histogram, Labels, Unit, Value};

/// The `Content-Type` of the text format.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends families in the text format. A family without series is left out.
///
/// ```
/// use httplog_exporter::expose::encode_text;
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
/// encode_text(&families, &mut out);
/// assert!(out.ends_with(b"lag_seconds{source=\"nginx\"} 1.5\n"));
/// ```
pub fn encode_text(families: &Families, out: &mut Vec<u8>) {
    let mut scratch = Scratch::default();
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        push_head(family, out);
        for series in &family.series {
            scratch.labels.clear();
            push_labels(&series.labels, &mut scratch.labels);
            match &series.value {
                Value::Number(number) => {
                    push_name(&family.name, "", &scratch.labels, out);
                    push_number(*number, out);
                    out.push(b'\n');
                }
                Value::Histogram(histogram) => {
                    push_histogram(&family.name, histogram, &mut scratch, out);
                }
            }
        }
    }
}

/// Buffers shared by all series of one encoding.
#[derive(Default)]
struct Scratch {
    /// `{a="b",c="d"}` of the current series; empty without labels.
    labels: Vec<u8>,
    /// `name_bucket{a="b",` of the current series.
    bucket: Vec<u8>,
    bounds: Bounds,
}

/// The parts of bucket lines behind the series' labels: `le="0.005"} `, …, `le="+Inf"} `.
#[derive(Default)]
struct Bounds {
    /// The bounds that `text` was made of.
    made_of: Option<(Arc<[u64]>, Unit)>,
    text: Vec<u8>,
    /// The end of each tail in `text`.
    ends: Vec<usize>,
}

impl Bounds {
    /// Formats the tails of a histogram, unless they are those of the one before.
    fn prepare(&mut self, histogram: &Histogram) {
        if let Some((bounds, unit)) = &self.made_of
            && *unit == histogram.unit
            && (Arc::ptr_eq(bounds, &histogram.bounds) || *bounds == histogram.bounds)
        {
            return;
        }
        self.text.clear();
        self.ends.clear();
        for bound in histogram.bounds.iter() {
            self.text.extend_from_slice(b"le=\"");
            push_exact(*bound, histogram.unit, &mut self.text);
            self.text.extend_from_slice(b"\"} ");
            self.ends.push(self.text.len());
        }
        self.text.extend_from_slice(b"le=\"+Inf\"} ");
        self.ends.push(self.text.len());
        self.made_of = Some((Arc::clone(&histogram.bounds), histogram.unit));
    }

    /// Returns the tails in the order of the bounds.
    fn tails(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .map(|(start, end)| self.text.get(start..end).unwrap_or_default())
    }
}

/// Appends the `HELP` and `TYPE` lines.
fn push_head(family: &Family, out: &mut Vec<u8>) {
    for part in ["# HELP ", &family.name, " "] {
        out.extend_from_slice(part.as_bytes());
    }
    push_escaped(&family.help, Quoted::No, out);
    for part in ["\n# TYPE ", &family.name, " ", family.kind.name(), "\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends the cumulative buckets, the sum and the count.
fn push_histogram(name: &str, histogram: &Histogram, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let Scratch {
        labels,
        bucket,
        bounds,
    } = scratch;
    bounds.prepare(histogram);
    bucket.clear();
    bucket.extend_from_slice(name.as_bytes());
    bucket.extend_from_slice(b"_bucket");
    match labels.split_last() {
        Some((_brace, open)) => {
            bucket.extend_from_slice(open);
            bucket.push(b',');
        }
        None => bucket.push(b'{'),
    }

    for (tail, count) in bounds.tails().zip(histogram.cumulative()) {
        out.extend_from_slice(bucket);
        out.extend_from_slice(tail);
        push_integer(count, out);
        out.push(b'\n');
    }

    push_name(name, "_sum", labels, out);
    push_exact(histogram.sum, histogram.unit, out);
    out.push(b'\n');
    push_name(name, "_count", labels, out);
    push_integer(histogram.observations(), out);
    out.push(b'\n');
}

/// Appends a line up to its value.
fn push_name(name: &str, suffix: &str, labels: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    out.extend_from_slice(labels);
    out.push(b' ');
}

/// Appends labels in braces; nothing if there are none.
pub(super) fn push_labels(labels: &Labels, out: &mut Vec<u8>) {
    for (at, (name, value)) in labels.iter().enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        push_escaped(value, Quoted::Yes, out);
        out.push(b'"');
    }
    if !labels.is_empty() {
        out.push(b'}');
    }
}

/// The context of an escaped text. Between quotes, quotes are escaped as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoted {
    Yes,
    No,
}

/// Appends a text with its backslashes, line feeds and, if quoted, quotes escaped.
pub(super) fn push_escaped(text: &str, quoted: Quoted, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'"' if quoted == Quoted::Yes => b"\\\"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..at]);
        out.extend_from_slice(escape);
        copied = at + 1;
    }
    out.extend_from_slice(&bytes[copied..]);
}

#[cfg(test)]
mod tests;
