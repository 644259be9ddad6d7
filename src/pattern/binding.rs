//! The meaning of a captured value: the field it fills, its unit, and how it is read.
//!
//! Invariant: a missing value, written `-` or empty, leaves its field `None` and is never an error.

use std::sync::Arc;

use super::{Reject, request};
use crate::model::{Bytes, Field, FieldSet, Micros, Record, Status, UpstreamList};

/// The meaning of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The request line: method, target and protocol.
    Request,
    /// Text of the line, unchanged.
    Text(Field),
    /// The target as a decoded path, and its query.
    Path(Query),
    /// The response's status.
    Status,
    /// The duration, in the given unit.
    Duration(TimeUnit),
    /// A number of bytes.
    Bytes(Field),
    /// An upstream list.
    List(Field),
    /// A value that fills no field, by its place among the pattern's extra names.
    Extra(u8),
}

/// Text that follows a decoded path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// Nothing.
    None,
    /// A query with its `?`, or nothing.
    Behind,
    /// A query with its `?`, or the `-` that nginx writes for absent `$args`.
    OrDash,
}

/// A unit in which servers log durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds, with or without decimals.
    Seconds,
    /// Milliseconds, with or without decimals.
    Millis,
    /// Microseconds, with or without decimals.
    Micros,
    /// Nanoseconds, with or without decimals.
    Nanos,
}

impl Binding {
    /// Returns the fields that the value fills.
    pub fn fields(self) -> FieldSet {
        match self {
            Self::Request => FieldSet::EMPTY
                .with(Field::Method)
                .with(Field::Target)
                .with(Field::Protocol),
            Self::Path(_) => FieldSet::EMPTY.with(Field::Target),
            Self::Status => FieldSet::EMPTY.with(Field::Status),
            Self::Duration(_) => FieldSet::EMPTY.with(Field::Duration),
            Self::Text(field) | Self::Bytes(field) | Self::List(field) => {
                FieldSet::EMPTY.with(field)
            }
            Self::Extra(_) => FieldSet::EMPTY,
        }
    }

    /// Returns the binding that a regex group or a key names.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "request" => Some(Self::Request),
            "path" => Some(Self::Path(Query::None)),
            "duration_ms" => Some(Self::Duration(TimeUnit::Millis)),
            "duration_us" => Some(Self::Duration(TimeUnit::Micros)),
            "duration_ns" => Some(Self::Duration(TimeUnit::Nanos)),
            _ => Field::from_name(name).map(Self::from_field),
        }
    }

    /// Returns the binding of an expression's group. Those with one of these names fill no field.
    pub(super) fn of_group(name: &str, extras: &[Arc<str>]) -> Option<Self> {
        let extra = (0..).zip(extras).find(|(_, extra)| ***extra == *name);
        extra.map_or_else(|| Self::from_name(name), |(at, _)| Some(Self::Extra(at)))
    }

    /// Returns every name that [`Binding::from_name`] accepts.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Field::ALL.into_iter().map(Field::name).chain([
            "request",
            "path",
            "duration_ms",
            "duration_us",
            "duration_ns",
        ])
    }

    fn from_field(field: Field) -> Self {
        match field {
            Field::Status => Self::Status,
            Field::Duration => Self::Duration(TimeUnit::Seconds),
            Field::ResponseBytes | Field::RequestBytes | Field::ContentLength => Self::Bytes(field),
            Field::UpstreamDurations
            | Field::UpstreamStatuses
            | Field::ConnectDuration
            | Field::HeaderDuration => Self::List(field),
            Field::Method
            | Field::Target
            | Field::Protocol
            | Field::Host
            | Field::Scheme
            | Field::ContentType
            | Field::View
            | Field::RequestId
            | Field::TraceId
            | Field::SpanId
            | Field::Time
            | Field::RemoteAddr
            | Field::User
            | Field::Referer
            | Field::UserAgent => Self::Text(field),
        }
    }

    /// Writes the value of `text` into the record.
    #[inline]
    pub(super) fn read<'l>(self, text: &'l [u8], record: &mut Record<'l>) -> Result<(), Reject> {
        if matches!(text, b"" | b"-") {
            return Ok(());
        }
        match self {
            Self::Request => request::split(text, record),
            Self::Status => {
                record.status = Status::from_digits(text);
                // Without a response, HAProxy writes -1 and Envoy 0.
                if record.status.is_none() && !matches!(text, b"0" | b"-1") {
                    return Err(Reject::Number);
                }
            }
            Self::Duration(unit) => {
                let micros = match unit {
                    TimeUnit::Seconds => Micros::from_seconds(text),
                    TimeUnit::Millis => Micros::from_millis(text),
                    TimeUnit::Micros => Micros::from_micros(text),
                    TimeUnit::Nanos => Micros::from_nanos(text),
                };
                record.duration = Some(micros.ok_or(Reject::Number)?);
            }
            Self::Bytes(field) => {
                let bytes = Bytes::from_decimal(text);
                if bytes.is_none() && text.iter().all(u8::is_ascii_digit) {
                    return Err(Reject::Number);
                }
                // Anything else is a header made up by a client, or Python's `None`: not a length.
                if let Some(place) = record.bytes_mut(field) {
                    *place = bytes;
                }
            }
            Self::List(field) => {
                if let Some(place) = record.list_mut(field) {
                    *place = Some(UpstreamList(text));
                }
            }
            Self::Path(Query::OrDash) if !text.contains(&b'?') => {
                record.target = Some(text.strip_suffix(b"-").unwrap_or(text));
            }
            Self::Path(_) => record.target = Some(text),
            Self::Extra(at) => {
                if let Some(place) = record.extras.get_mut(usize::from(at)) {
                    *place = Some(text);
                }
            }
            Self::Text(field) => {
                if let Some(place) = record.text_mut(field) {
                    *place = Some(text);
                }
            }
        }
        Ok(())
    }
}
