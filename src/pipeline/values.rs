//! The numbers of a line.
//!
//! Invariant: a number that a line lacks is absent, never 0.

use crate::aggregate::{Measure, Values};
use crate::model::{Record, UpstreamList};

/// Returns the values that most plans need.
#[inline]
pub(super) fn common(record: &Record<'_>) -> Values {
    let upstream = record
        .upstream_durations
        .map(UpstreamList::last_and_retries);
    Values::default()
        .with(
            Measure::Duration,
            record.duration.map(|duration| duration.0),
        )
        .with(
            Measure::UpstreamDuration,
            upstream.and_then(|(last, _)| last).map(|last| last.0),
        )
        .with(
            Measure::UpstreamRetries,
            upstream.map(|(_, retries)| retries),
        )
        .with(
            Measure::ResponseBytes,
            record.response_bytes.map(|bytes| bytes.0),
        )
        .with(
            Measure::RequestBytes,
            record.request_bytes.map(|bytes| bytes.0),
        )
}

/// Adds the values that few plans need.
pub(super) fn rare(record: &Record<'_>, values: Values) -> Values {
    let length = record.content_length.map(|bytes| bytes.0);
    let connect = record.connect_duration.map(UpstreamList::last_and_retries);
    values
        .with(Measure::ContentLength, length)
        .with(Measure::RequestBodyBytes, Some(length.unwrap_or(0)))
        .with(
            Measure::ConnectDuration,
            connect.and_then(|(last, _)| last).map(|last| last.0),
        )
}
