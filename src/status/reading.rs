//! The families of a metric set that tell requests, routes and durations.

use crate::model::{Families, Family, Number, Series, Unit, Value};

/// Families of a metric set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The family that counts requests by `status`.
    pub(super) requests: &'static str,
    /// The label of the route, if the families have one.
    pub(super) route: Option<&'static str>,
    /// The family of their durations.
    pub(super) durations: &'static str,
}

/// Readings, the most detailed first.
const READINGS: [Reading; 3] = [
    Reading {
        requests: "httplog_requests_total",
        route: Some("route"),
        durations: "httplog_request_duration_seconds",
    },
    Reading {
        requests: "django_http_responses_total_by_status_view_method_total",
        route: Some("view"),
        durations: "django_http_requests_latency_seconds_by_view_method",
    },
    Reading {
        requests: "nginx_http_response_count_total",
        route: None,
        durations: "nginx_http_response_time_seconds_hist",
    },
];

/// Classes of statuses.
pub(super) const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "<other>"];

/// Place of the errors of the server among [`CLASSES`].
pub(super) const SERVER_ERRORS: usize = 4;

impl Reading {
    /// Returns the first reading whose requests are counted.
    pub(super) fn choose(families: &Families) -> Option<&'static Self> {
        let mut readings = READINGS.iter();
        readings.find(|reading| families.get(reading.requests).is_some())
    }

    /// Returns the name of the route that a series is of, if the family has routes.
    pub(super) fn route_of<'s>(&self, series: &'s Series) -> Option<&'s str> {
        series.label(self.route?)
    }
}

/// Returns the value of the label `source`; empty for families without it.
pub(super) fn source_of(series: &Series) -> &str {
    series.label("source").unwrap_or_default()
}

/// Returns the place of a series' status among [`CLASSES`].
pub(super) fn class_of(series: &Series) -> usize {
    match series.label("status").map(str::as_bytes) {
        Some([first @ b'1'..=b'5', _, _]) => usize::from(first - b'1'),
        _ => CLASSES.len() - 1,
    }
}

/// Returns the series of a family; none if it does not exist.
pub(super) fn series<'f>(families: &'f Families, name: &str) -> &'f [Series] {
    families.get(name).map_or(&[], |family| &family.series)
}

/// Returns the whole number of a series.
pub(super) fn exact(series: &Series) -> u64 {
    match series.value {
        Value::Number(Number::Exact(value, _)) => value,
        Value::Number(Number::Float(_)) | Value::Histogram(_) => 0,
    }
}

/// Returns the value of a gauge without labels.
pub(super) fn gauge(families: &Families, name: &str) -> Option<f64> {
    number(families.get(name)?.series.first()?)
}

/// Returns the sum of a gauge over its labels.
pub(super) fn sum(families: &Families, name: &str) -> f64 {
    series(families, name).iter().filter_map(number).sum()
}

/// Returns the number of a counter or gauge.
#[expect(clippy::cast_precision_loss, reason = "shown to people")]
pub(super) fn number(series: &Series) -> Option<f64> {
    match series.value {
        Value::Number(Number::Exact(micros, Unit::Micros)) => Some(micros as f64 / 1e6),
        Value::Number(Number::Exact(value, Unit::One | Unit::Bytes)) => Some(value as f64),
        Value::Number(Number::Float(value)) => Some(value),
        Value::Histogram(_) => None,
    }
}

/// Returns the sum of all series of a family; 0 if it does not exist.
pub(super) fn total(families: &Families, name: &str) -> u64 {
    families.get(name).map_or(0, Family::total)
}
