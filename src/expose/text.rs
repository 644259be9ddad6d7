//! [Prometheus text format] 0.0.4.
//!
//! Invariant: a sample is one line, whatever bytes help texts and label values hold. The labels of a
//! series are escaped once and copied into each of its lines, and bounds are formatted once for all
//! series that share them.
//!
//! [Prometheus text format]: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

use std::sync::Arc;

use super::Options;
use super::number::{Digits, push_bound, push_exact, push_millis, push_number};
use super::padded::Padded;
use crate::model::{
    Exemplar, Families, Family, Histogram, Kind, Labels, Number, Series, Unit, Value,
};

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
///         created: None,
///     }],
/// }]);
/// let mut out = Vec::new();
/// encode_text(&families, &mut out);
/// assert!(out.ends_with(b"lag_seconds{source=\"nginx\"} 1.5\n"));
/// ```
pub fn encode_text(families: &Families, out: &mut Vec<u8>) {
    let mut encoder = Encoder::new(Options::default());
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        push_head(family, out);
        encoder.push_samples(family, out);
    }
}

/// Encoder of samples, with buffers that all series of a page share.
#[derive(Default)]
pub(super) struct Encoder {
    /// `{a="b",c="d"}` of the current series; empty without labels.
    labels: Vec<u8>,
    /// `name_bucket{a="b",` of the current series.
    bucket: Vec<u8>,
    bounds: Bounds,
    options: Options,
    shows_exemplars: bool,
}

impl Encoder {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Shows exemplars, which the text format does not have.
    pub(super) fn with_exemplars(self) -> Self {
        Self {
            shows_exemplars: true,
            ..self
        }
    }

    /// Appends the lines of all series of a family, which text formats have in common.
    pub(super) fn push_samples(&mut self, family: &Family, out: &mut Vec<u8>) {
        for series in &family.series {
            match &series.value {
                Value::Number(number) => {
                    out.extend_from_slice(family.name.as_bytes());
                    push_labels(&series.labels, out);
                    push_value(*number, out);
                }
                Value::Histogram(histogram) => {
                    self.labels.clear();
                    push_labels(&series.labels, &mut self.labels);
                    self.push_histogram(&family.name, histogram, out);
                }
            }
            if self.options.shows_created {
                push_created(family, series, out);
            }
        }
    }

    /// Appends the cumulative buckets, the sum and the count.
    fn push_histogram(&mut self, name: &str, histogram: &Histogram, out: &mut Vec<u8>) {
        let Self {
            labels,
            bucket,
            bounds,
            options: _,
            shows_exemplars,
        } = self;
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

        if *shows_exemplars && !histogram.exemplars.is_empty() {
            let mut exemplars = histogram.exemplars.iter().peekable();
            push_buckets(bucket, &bounds.tails, histogram, out, |at, out| {
                if let Some(exemplar) = exemplars.next_if(|exemplar| exemplar.bucket == at) {
                    out.pop();
                    push_exemplar(exemplar, histogram.unit, out);
                    out.push(b'\n');
                }
            });
        } else {
            push_buckets(bucket, &bounds.tails, histogram, out, |_, _| {});
        }

        let sum = Number::Exact(histogram.sum, histogram.unit);
        let count = Number::Exact(histogram.observations(), Unit::One);
        for (suffix, number) in [("_sum", sum), ("_count", count)] {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(suffix.as_bytes());
            out.extend_from_slice(labels);
            push_value(number, out);
        }
    }
}

/// Appends the lines of the buckets; calls `behind` after each with its place.
#[inline]
fn push_buckets(
    start: &[u8],
    tails: &[Padded],
    histogram: &Histogram,
    out: &mut Vec<u8>,
    mut behind: impl FnMut(usize, &mut Vec<u8>),
) {
    out.reserve(tails.len() * (start.len() + TAIL_BYTES));
    let (mut total, mut digits) = (0, Digits::of(0));
    for (at, (tail, count)) in tails.iter().zip(histogram.cumulative()).enumerate() {
        // Most buckets of a series that is rarely counted repeat the total.
        if count != total {
            (total, digits) = (count, Digits::of(count));
        }
        out.extend_from_slice(start);
        tail.push_to(out);
        digits.push_line(out);
        behind(at, out);
    }
}

/// Appends an exemplar, with the blank before it: ` # {trace_id="…"} 0.43 1732950000.123`. `unit` is that of its histogram.
fn push_exemplar(exemplar: &Exemplar, unit: Unit, out: &mut Vec<u8>) {
    out.extend_from_slice(b" # ");
    push_labels(&exemplar.labels, out);
    out.push(b' ');
    push_exact(exemplar.value, unit, out);
    out.push(b' ');
    push_millis(exemplar.time, out);
}

/// Bytes of the longest tail, a number and a newline.
const TAIL_BYTES: usize = 64;

/// The parts of bucket lines behind the series' labels: `le="0.005"} `, …, `le="+Inf"} `.
#[derive(Default)]
struct Bounds {
    /// The bounds that `tails` were made of, their unit, and whether they are short.
    made_of: Option<(Arc<[u64]>, Unit, bool)>,
    tails: Vec<Padded>,
}

impl Bounds {
    /// Formats the tails of a histogram, unless they are those of the one before.
    fn prepare(&mut self, histogram: &Histogram) {
        if let Some((bounds, unit, is_short)) = &self.made_of
            && (*unit, *is_short) == (histogram.unit, histogram.has_short_bounds)
            && (Arc::ptr_eq(bounds, &histogram.bounds) || *bounds == histogram.bounds)
        {
            return;
        }
        let finite = histogram.bounds.iter().map(|bound| {
            let mut text = Vec::new();
            push_bound(
                *bound,
                histogram.unit,
                histogram.has_short_bounds,
                &mut text,
            );
            text
        });
        let all = finite.chain([b"+Inf".to_vec()]);
        let tails = all.map(|bound| {
            let tail = [b"le=\"", &*bound, b"\"} "].concat();
            Padded::new(&tail)
        });
        self.tails = tails.collect();
        let bounds = Arc::clone(&histogram.bounds);
        self.made_of = Some((bounds, histogram.unit, histogram.has_short_bounds));
    }
}

/// Appends the time at which a series was created, if it is known and the type has such a line.
fn push_created(family: &Family, series: &Series, out: &mut Vec<u8>) {
    let name = match family.kind {
        Kind::Counter => family.name.strip_suffix("_total"),
        Kind::Histogram => Some(&*family.name),
        Kind::Gauge => None,
    };
    if let (Some(name), Some(created)) = (name, series.created) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"_created");
        push_labels(&series.labels, out);
        out.push(b' ');
        push_millis(created, out);
        out.push(b'\n');
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

/// Appends the end of a line, from the space before its value.
fn push_value(number: Number, out: &mut Vec<u8>) {
    out.push(b' ');
    if let Number::Exact(value, Unit::One | Unit::Bytes) = number {
        Digits::of(value).push_line(out);
    } else {
        push_number(number, out);
        out.push(b'\n');
    }
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
    let special = bytes
        .iter()
        .filter(|byte| matches!(byte, b'\\' | b'\n' | b'"'));
    // Without an early end, several bytes are compared at once.
    if special.count() == 0 {
        out.extend_from_slice(bytes);
        return;
    }
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
