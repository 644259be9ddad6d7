//! The metric set `httplog`.
//!
//! Invariant: a family is defined only when the pattern yields the field it needs.

use crate::aggregate::{Definition, Kind, Measure};
use crate::model::{Field, FieldSet};

/// The fields that the set counts by or counts.
pub(super) const FIELDS: [Field; 7] = [
    Field::Method,
    Field::Target,
    Field::Status,
    Field::Duration,
    Field::UpstreamDurations,
    Field::ResponseBytes,
    Field::RequestBytes,
];

/// Upper bounds of durations, in microseconds: 5 ms to 30 s.
const SECONDS: [u64; 12] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];
/// Upper bounds of sizes, in bytes: 256 B to 64 MiB by fours.
const BYTES: [u64; 10] = [
    1 << 8,
    1 << 10,
    1 << 12,
    1 << 14,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 24,
    1 << 26,
];

/// The families for a source whose lines bring these fields.
pub(super) fn definitions(fields: FieldSet) -> Vec<Definition> {
    let all = [
        (
            None,
            "httplog_requests_total",
            "Requests answered, by route, method and status.",
            &["method", "route", "source", "status"][..],
            Kind::Lines,
        ),
        (
            Some(Field::Duration),
            "httplog_request_duration_seconds",
            "Time from the first byte of the request to the end of the response.",
            &["method", "route", "source"],
            Kind::Histogram(Measure::Duration, SECONDS.into()),
        ),
        (
            Some(Field::UpstreamDurations),
            "httplog_upstream_duration_seconds",
            "Time the last upstream attempt took.",
            &["method", "route", "source"],
            Kind::Histogram(Measure::UpstreamDuration, SECONDS.into()),
        ),
        (
            Some(Field::UpstreamDurations),
            "httplog_upstream_retries_total",
            "Upstream attempts beyond the first.",
            &["route", "source"],
            Kind::Sum(Measure::UpstreamRetries),
        ),
        (
            Some(Field::ResponseBytes),
            "httplog_response_size_bytes",
            "Bytes sent to the client.",
            &["route", "source"],
            Kind::Histogram(Measure::ResponseBytes, BYTES.into()),
        ),
        (
            Some(Field::RequestBytes),
            "httplog_request_size_bytes",
            "Bytes received from the client.",
            &["route", "source"],
            Kind::Histogram(Measure::RequestBytes, BYTES.into()),
        ),
    ];
    all.into_iter()
        .filter(|(field, ..)| field.is_none_or(|field| fields.contains(field)))
        .map(|(_, name, help, labels, kind)| Definition {
            name: name.into(),
            help: help.into(),
            labels: labels.iter().map(|label| (*label).into()).collect(),
            kind,
        })
        .collect()
}
