//! Conversion of the registry's families to the model's, so that one encoder writes all families.
//!
//! Invariant: counts stay integers; bounds and sums of histograms become whole microseconds.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::proto::{self, MetricType};
use rustix::time::{ClockId, clock_gettime};

use crate::model::{Family, Histogram, Kind, Number, Series, Unit, Value};

/// `ProcessCollector`'s metric of the start time. Its value is 0 if `/proc/stat`, which holds the boot
/// time, is hidden (systemd's `ProcSubset=pid`).
const PROCESS_START_TIME: &str = "process_start_time_seconds";
/// `ProcessCollector`'s metric of the processor time, which it rounds down to whole seconds.
const PROCESS_CPU: &str = "process_cpu_seconds_total";
const MICROS_PER_SECOND: f64 = 1e6;
const NANOS_PER_SECOND: f64 = 1e9;

/// Texts of labels. Series of many sources repeat them, and share one allocation for each.
#[derive(Default)]
struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }
}

/// Converts the families of a registry, and frees each one before the next. Summaries and untyped metrics are left out;
/// this program registers none.
pub(super) fn families(gathered: Vec<proto::MetricFamily>, started: SystemTime) -> Vec<Family> {
    let mut texts = Texts::default();
    let families = gathered.into_iter().filter_map(|family| {
        let mut family = convert(&family, &mut texts)?;
        if family.kind != Kind::Gauge {
            // The registry is as old as the process.
            let started = unix_millis(started);
            family
                .series
                .iter_mut()
                .for_each(|series| series.created = Some(started));
        }
        if &*family.name == PROCESS_START_TIME {
            fill_start_time(&mut family, started);
        }
        if &*family.name == PROCESS_CPU {
            let used = number(processor_seconds());
            family
                .series
                .iter_mut()
                .for_each(|series| series.value = used.clone());
        }
        Some(family)
    });
    families.collect()
}

fn convert(family: &proto::MetricFamily, texts: &mut Texts) -> Option<Family> {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::GAUGE => Kind::Gauge,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let series = family.get_metric().iter().map(|metric| {
        let mut labels: Vec<(Arc<str>, Arc<str>)> = metric
            .get_label()
            .iter()
            .map(|pair| (texts.get(pair.name()), texts.get(pair.value())))
            .collect();
        labels.sort();
        let value = match kind {
            Kind::Counter => number(metric.get_counter().get_value()),
            Kind::Gauge => number(metric.get_gauge().get_value()),
            Kind::Histogram => Value::Histogram(histogram(metric.get_histogram())),
        };
        Series {
            labels,
            value,
            created: None,
        }
    });
    Some(Family {
        name: family.name().into(),
        help: family.help().into(),
        kind,
        series: series.collect(),
    })
}

fn number(value: f64) -> Value {
    Value::Number(Number::Float(value))
}

/// Converts a histogram of seconds. The registry's counts are cumulative, the model's are not.
fn histogram(histogram: &proto::Histogram) -> Histogram {
    let finite = histogram
        .get_bucket()
        .iter()
        .filter(|bucket| bucket.upper_bound().is_finite());
    let mut bounds = Vec::new();
    let mut counts = Vec::new();
    let mut below = 0;
    for bucket in finite {
        bounds.push(micros(bucket.upper_bound()));
        counts.push(bucket.cumulative_count().saturating_sub(below));
        below = bucket.cumulative_count();
    }
    counts.push(histogram.get_sample_count().saturating_sub(below));
    Histogram {
        bounds: bounds.into(),
        counts,
        sum: micros(histogram.get_sample_sum()),
        unit: Unit::Micros,
        has_short_bounds: false,
        native: None,
        exemplars: Vec::new(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations are not negative, and a cast to an integer saturates"
)]
fn micros(seconds: f64) -> u64 {
    (seconds * MICROS_PER_SECOND).round() as u64
}

/// Replaces a start time of 0 by the given one.
fn fill_start_time(family: &mut Family, started: SystemTime) {
    for series in &mut family.series {
        if series.value == number(0.0) {
            series.value = number(unix_seconds(started).floor());
        }
    }
}

/// Returns the processor time of this process, in seconds. The call needs no file, so that a sandbox cannot hide it.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact for 2^53 nanoseconds, a hundred days of processor time"
)]
fn processor_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / NANOS_PER_SECOND
}

/// Returns milliseconds since 1970; 0 for an earlier time.
pub(super) fn unix_millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns seconds since 1970; 0 for an earlier time.
pub(super) fn unix_seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_hidden_boot_time_is_replaced_by_the_start_time() {
        let hidden = prometheus::IntGauge::new(PROCESS_START_TIME, "h").unwrap();
        let check = |expected: f64| {
            let gathered = prometheus::core::Collector::collect(&hidden);
            let started = UNIX_EPOCH + Duration::from_millis(1_700_000_000_700);
            let families = families(gathered, started);
            assert_eq!(&*families[0].name, PROCESS_START_TIME);
            assert_eq!(families[0].series[0].value, number(expected));
        };
        check(1_700_000_000.0);
        hidden.set(1_600_000_000);
        check(1_600_000_000.0);
    }

    #[test]
    fn float_bounds_become_exact_microseconds() {
        let observed = prometheus::Histogram::with_opts(
            prometheus::HistogramOpts::new("x", "h").buckets(vec![0.001, 0.0025, 2.5]),
        )
        .unwrap();
        for seconds in [0.001, 0.002, 0.0021, 3.0] {
            observed.observe(seconds);
        }
        let gathered = prometheus::core::Collector::collect(&observed);
        let families = families(gathered, UNIX_EPOCH);
        assert_eq!(
            families[0].series[0].value,
            Value::Histogram(Histogram {
                bounds: [1_000, 2_500, 2_500_000].into(),
                counts: vec![1, 2, 0, 1],
                sum: 3_005_100,
                unit: Unit::Micros,
                has_short_bounds: false,
                native: None,
                exemplars: Vec::new(),
            })
        );
    }
}
