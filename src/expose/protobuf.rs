//! Prometheus' protobuf format: delimited messages `io.prometheus.client.MetricFamily` ([`metrics.proto`]).
//!
//! Invariant: a series has the same name, labels and number as in the text format; a float is the one nearest to the exact
//! decimal. The bounds of a histogram are encoded once for all series that share them.
//!
//! [`metrics.proto`]: https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto

use std::sync::Arc;

use super::number::nearest_float;
use super::openmetrics::unit;
use super::wire::{Field, MAX_VARINT, Open, push_varint, varint, varint_bytes, zigzag};
use crate::model::{
    Exemplar, Families, Family, Histogram, Kind, Labels, NativeHistogram, Number, Series, Unit,
    Value,
};

/// Fields of a family.
mod family {
    use super::Field;
    pub(super) const NAME: Field = Field::new(1);
    pub(super) const HELP: Field = Field::new(2);
    pub(super) const TYPE: Field = Field::new(3);
    pub(super) const METRIC: Field = Field::new(4);
    pub(super) const UNIT: Field = Field::new(5);
}

/// Fields of a series.
mod metric {
    use super::Field;
    pub(super) const LABEL: Field = Field::new(1);
    pub(super) const GAUGE: Field = Field::new(2);
    pub(super) const COUNTER: Field = Field::new(3);
    pub(super) const HISTOGRAM: Field = Field::new(7);
}

/// Fields of a counter and of a gauge.
mod number {
    use super::Field;
    pub(super) const VALUE: Field = Field::new(1);
    /// Of counters alone.
    pub(super) const START: Field = Field::new(3);
}

/// Fields of a histogram.
mod histogram {
    use super::Field;
    pub(super) const COUNT: Field = Field::new(1);
    pub(super) const SUM: Field = Field::new(2);
    pub(super) const BUCKET: Field = Field::new(3);
    pub(super) const SCHEMA: Field = Field::new(5);
    pub(super) const ZERO_THRESHOLD: Field = Field::new(6);
    pub(super) const ZERO_COUNT: Field = Field::new(7);
    pub(super) const POSITIVE_SPAN: Field = Field::new(12);
    pub(super) const POSITIVE_DELTA: Field = Field::new(13);
    pub(super) const START: Field = Field::new(15);
}

/// Fields of a bucket.
mod bucket {
    use super::Field;
    pub(super) const COUNT: Field = Field::new(1);
    pub(super) const BOUND: Field = Field::new(2);
    pub(super) const EXEMPLAR: Field = Field::new(3);
}

/// Fields of an exemplar.
mod exemplar {
    use super::Field;
    pub(super) const LABEL: Field = Field::new(1);
    pub(super) const VALUE: Field = Field::new(2);
    pub(super) const TIME: Field = Field::new(3);
}

/// The first two fields of labels, spans and times, whatever they are called there.
const FIRST: Field = Field::new(1);
const SECOND: Field = Field::new(2);

/// Appends families in Prometheus' protobuf format. A family without series is left out.
///
/// ```
/// use httplog_exporter::expose::encode_protobuf;
/// use httplog_exporter::model::{Families, Family, Kind, Number, Series, Unit, Value};
///
/// let families = Families::new([Family {
///     name: "up".into(),
///     help: "".into(),
///     kind: Kind::Gauge,
///     series: vec![Series {
///         labels: Vec::new(),
///         value: Value::Number(Number::Exact(1, Unit::One)),
///         created: None,
///     }],
/// }]);
/// let mut out = Vec::new();
/// encode_protobuf(&families, &mut out);
/// assert_eq!(out, b"\x15\x0a\x02up\x12\x00\x18\x01\x22\x0b\x12\x09\x09\0\0\0\0\0\0\xf0\x3f");
/// ```
pub fn encode_protobuf(families: &Families, out: &mut Vec<u8>) {
    let mut encoder = Encoder::default();
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        encoder.push_family(family, out);
    }
}

/// Encoder of a page.
#[derive(Default)]
struct Encoder {
    bounds: Bounds,
    /// Bytes of the last series, and of its histogram: most series of a family take about as many.
    series_bytes: usize,
    histogram_bytes: usize,
}

impl Encoder {
    fn push_family(&mut self, shown: &Family, out: &mut Vec<u8>) {
        let message = Open::new(shown.series.len() * self.series_bytes, out);
        family::NAME.push_text(&shown.name, out);
        family::HELP.push_text(&shown.help, out);
        let kind = match shown.kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Histogram => 4,
        };
        family::TYPE.push_varint(kind, out);
        for series in &shown.series {
            self.push_series(shown.kind, series, out);
        }
        if let Some(unit) = unit(shown.name.strip_suffix("_total").unwrap_or(&shown.name)) {
            family::UNIT.push_text(unit, out);
        }
        message.close(out);
    }

    fn push_series(&mut self, kind: Kind, series: &Series, out: &mut Vec<u8>) {
        let message = family::METRIC.open(self.series_bytes, out);
        push_labels(metric::LABEL, &series.labels, out);
        match &series.value {
            Value::Number(number) if kind == Kind::Counter => {
                push_number(metric::COUNTER, *number, series.created, out);
            }
            Value::Number(number) => push_number(metric::GAUGE, *number, None, out),
            Value::Histogram(histogram) => self.push_histogram(histogram, series.created, out),
        }
        self.series_bytes = message.close(out);
    }

    fn push_histogram(&mut self, shown: &Histogram, created: Option<u64>, out: &mut Vec<u8>) {
        let message = metric::HISTOGRAM.open(self.histogram_bytes, out);
        histogram::COUNT.push_varint(shown.observations(), out);
        histogram::SUM.push_double(nearest_float(shown.sum, shown.unit), out);
        self.bounds.prepare(shown);
        if shown.exemplars.is_empty() {
            self.push_buckets(shown, out);
        } else {
            self.push_buckets_with_exemplars(shown, out);
        }
        if let Some(native) = &shown.native {
            push_native(native, out);
        }
        if let Some(created) = created {
            push_time(histogram::START, created, out);
        }
        self.histogram_bytes = message.close(out);
    }

    /// Appends the cumulative buckets. The one for +Inf is the number of observations.
    fn push_buckets(&self, shown: &Histogram, out: &mut Vec<u8>) {
        out.reserve(self.bounds.tails.len() * BUCKET_BYTES);
        let (mut total, mut head, mut length) = (0, head(0), 1);
        for (tail, count) in self.bounds.tails.iter().zip(shown.cumulative()) {
            // Most buckets of a series that is rarely counted repeat the total.
            if count != total {
                (total, head, length) = (count, self::head(count), varint_bytes(count));
            }
            let end = out.len() + HEAD + length + TAIL;
            let mut bytes = [0; BUCKET_BYTES];
            bytes[..HEAD + MAX_VARINT].copy_from_slice(&head);
            bytes[HEAD + length..][..TAIL].copy_from_slice(tail);
            out.extend_from_slice(&bytes);
            out.truncate(end);
        }
    }

    /// Appends the cumulative buckets, the one for +Inf only if it has an exemplar.
    fn push_buckets_with_exemplars(&self, shown: &Histogram, out: &mut Vec<u8>) {
        let infinite = f64::INFINITY.to_le_bytes();
        let bounds = self.bounds.tails.iter().map(|[_tag, bound @ ..]| bound);
        let bounds = bounds.chain([&infinite]);
        for ((at, bound), count) in bounds.enumerate().zip(shown.cumulative()) {
            let found = shown.exemplars.iter().find(|found| found.bucket == at);
            if found.is_none() && at == self.bounds.tails.len() {
                break;
            }
            let message = histogram::BUCKET.open(BUCKET_BYTES, out);
            bucket::COUNT.push_varint(count, out);
            bucket::BOUND.push_double(f64::from_le_bytes(*bound), out);
            if let Some(found) = found {
                push_exemplar(found, shown.unit, out);
            }
            message.close(out);
        }
    }
}

/// Bytes of a bucket before its count, and behind it.
const HEAD: usize = 3;
const TAIL: usize = 9;
/// Most bytes of a bucket without an exemplar.
const BUCKET_BYTES: usize = HEAD + MAX_VARINT + TAIL;

/// Returns the beginning of a bucket: its tag, its length, and its count, which a tail follows.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a bucket has 20 bytes at most"
)]
fn head(count: u64) -> [u8; HEAD + MAX_VARINT] {
    let (count, length) = varint(count);
    let mut head = [0; HEAD + MAX_VARINT];
    let inner = HEAD + length + TAIL - 2;
    head[..HEAD].copy_from_slice(&[
        histogram::BUCKET.length(),
        inner as u8,
        bucket::COUNT.varint(),
    ]);
    head[HEAD..].copy_from_slice(&count);
    head
}

/// The ends of buckets, behind their counts.
#[derive(Default)]
struct Bounds {
    /// The bounds that `tails` were made of, and their unit.
    made_of: Option<(Arc<[u64]>, Unit)>,
    tails: Vec<[u8; TAIL]>,
}

impl Bounds {
    /// Encodes the bounds of a histogram, unless they are those of the one before.
    fn prepare(&mut self, shown: &Histogram) {
        if let Some((bounds, unit)) = &self.made_of
            && *unit == shown.unit
            && (Arc::ptr_eq(bounds, &shown.bounds) || *bounds == shown.bounds)
        {
            return;
        }
        let tails = shown.bounds.iter().map(|bound| {
            let mut tail = [bucket::BOUND.double(); TAIL];
            tail[1..].copy_from_slice(&nearest_float(*bound, shown.unit).to_le_bytes());
            tail
        });
        self.tails = tails.collect();
        self.made_of = Some((Arc::clone(&shown.bounds), shown.unit));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "lengths below 128")]
fn push_labels(field: Field, labels: &Labels, out: &mut Vec<u8>) {
    for (name, value) in labels {
        let bytes = text_bytes(name) + text_bytes(value);
        // Nearly all: each length takes one byte.
        if bytes < 128 {
            let [all, first, second] = [bytes, name.len(), value.len()].map(|length| length as u8);
            out.extend_from_slice(&[field.length(), all, FIRST.length(), first]);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&[SECOND.length(), second]);
            out.extend_from_slice(value.as_bytes());
        } else {
            out.push(field.length());
            push_varint(bytes as u64, out);
            FIRST.push_text(name, out);
            SECOND.push_text(value, out);
        }
    }
}

/// Returns the number of bytes of a field.
fn text_bytes(text: &str) -> usize {
    1 + varint_bytes(text.len() as u64) + text.len()
}

/// Appends the value of a counter or gauge.
#[expect(clippy::cast_possible_truncation, reason = "far below 128")]
fn push_number(field: Field, shown: Number, created: Option<u64>, out: &mut Vec<u8>) {
    let value = match shown {
        Number::Exact(value, unit) => nearest_float(value, unit),
        Number::Float(value) => value,
    };
    let (time, length) = created.map_or(([0; TIME], 0), |created| time(number::START, created));
    let mut bytes = [0; 11 + TIME];
    bytes[..3].copy_from_slice(&[field.length(), 9 + length as u8, number::VALUE.double()]);
    bytes[3..11].copy_from_slice(&value.to_le_bytes());
    bytes[11..].copy_from_slice(&time);
    let end = out.len() + 11 + length;
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

/// Appends a time, given in milliseconds since 1970.
fn push_time(field: Field, millis: u64, out: &mut Vec<u8>) {
    let (bytes, length) = time(field, millis);
    out.extend_from_slice(&bytes[..length]);
}

/// Most bytes of a time, with its tag.
const TIME: usize = 2 + 1 + MAX_VARINT + 1 + 5;

/// Returns a time, given in milliseconds since 1970, with its tag, and the number of its bytes.
#[expect(clippy::cast_possible_truncation, reason = "far below 128")]
fn time(field: Field, millis: u64) -> ([u8; TIME], usize) {
    let mut bytes = [0; TIME];
    let (seconds, mut length) = varint(millis / 1_000);
    bytes[2] = FIRST.varint();
    bytes[3..][..MAX_VARINT].copy_from_slice(&seconds);
    length += 3;
    let nanos = millis % 1_000 * 1_000_000;
    if nanos != 0 {
        let (nanos, more) = varint(nanos);
        bytes[length] = SECOND.varint();
        bytes[length + 1..][..5].copy_from_slice(&nanos[..5]);
        length += 1 + more;
    }
    bytes[..2].copy_from_slice(&[field.length(), length as u8 - 2]);
    (bytes, length)
}

fn push_exemplar(shown: &Exemplar, unit: Unit, out: &mut Vec<u8>) {
    let message = bucket::EXEMPLAR.open(0, out);
    push_labels(exemplar::LABEL, &shown.labels, out);
    exemplar::VALUE.push_double(nearest_float(shown.value, unit), out);
    push_time(exemplar::TIME, shown.time, out);
    message.close(out);
}

/// Appends the fields of a native histogram: runs of adjacent buckets, and each count less the one before.
fn push_native(shown: &NativeHistogram, out: &mut Vec<u8>) {
    histogram::SCHEMA.push_varint(zigzag(shown.schema().into()), out);
    histogram::ZERO_THRESHOLD.push_double(NativeHistogram::ZERO_THRESHOLD, out);
    histogram::ZERO_COUNT.push_varint(shown.zero(), out);
    let mut end = 0;
    for run in shown
        .buckets()
        .chunk_by(|(one, _), (next, _)| one + 1 == *next)
    {
        let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else {
            continue;
        };
        let message = histogram::POSITIVE_SPAN.open(0, out);
        FIRST.push_varint(zigzag((first - end).into()), out);
        SECOND.push_varint(run.len() as u64, out);
        message.close(out);
        end = last + 1;
    }
    if !shown.buckets().is_empty() {
        let message = histogram::POSITIVE_DELTA.open(shown.buckets().len(), out);
        let mut before = 0_u64;
        for (_, count) in shown.buckets() {
            push_varint(zigzag(count.wrapping_sub(before).cast_signed()), out);
            before = *count;
        }
        message.close(out);
    }
}

#[cfg(test)]
mod tests;
