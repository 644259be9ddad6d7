//! The parts of a line that few metrics need.
//!
//! Invariant: a part that no metric of a plan needs is not read.

use super::Pipeline;
use super::names::{Bits, CHARSET, HOST, SCHEME, UPSTREAM};
use crate::aggregate::{Measure, Values};
use crate::label::{Charset, HostId, Label, Scheme};
use crate::model::{Field, FieldSet, Record, UpstreamList};

/// A part of a line that few plans need.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wide {
    /// Packed into the key by `Pipeline::wide_key`.
    Label(Label),
    /// Read by `Pipeline::wide_values`.
    Value(Field),
}

/// The parts of a line that are read only for plans that need one of them.
pub(super) const WIDE: [Wide; 6] = [
    Wide::Label(Label::Charset),
    Wide::Label(Label::Host),
    Wide::Label(Label::Scheme),
    Wide::Label(Label::Upstream),
    Wide::Value(Field::ContentLength),
    Wide::Value(Field::ConnectDuration),
];

impl Wide {
    /// Returns whether a plan with this mask and these fields needs the part.
    pub(super) fn is_needed(self, mask: u64, fields: FieldSet) -> bool {
        match self {
            Self::Label(label) => Bits::of(label).is_some_and(|bits| mask & bits.mask() != 0),
            Self::Value(field) => fields.contains(field),
        }
    }
}

impl Pipeline {
    /// Returns the part of the key for the labels of [`WIDE`].
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

    /// Adds the values of [`WIDE`].
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
