//! Reads the parts of a line that few metrics need.
//!
//! Invariant: what a line lacks is packed as absent, never as another value.

use super::Pipeline;
use super::names::{CHARSET, HOST, SCHEME, UPSTREAM};
use crate::aggregate::{Measure, Values};
use crate::label::{Charset, HostId, Scheme};
use crate::model::{Record, UpstreamList};

impl Pipeline {
    /// Returns the part of the key for the labels of `WIDE`.
    pub(super) fn wide_key(&self, record: &Record<'_>) -> u64 {
        let host = if self.mask & HOST.mask() == 0 {
            HostId::OTHER
        } else {
            self.plan.hosts().find(record.host)
        };
        HOST.pack(host.number())
            | SCHEME.pack(Scheme::from_bytes(record.scheme) as u8)
            | UPSTREAM.pack(record.upstream_durations.is_some())
            | CHARSET.pack(Charset::from_content_type(record.content_type).number())
    }

    /// Adds the values of `WIDE`.
    pub(super) fn wide_values(record: &Record<'_>, values: Values) -> Values {
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
}
