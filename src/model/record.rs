//! The fields of a log line.
//!
//! Invariant: text borrows from the line; a field that the line lacks is `None`, never 0.

use std::fmt::Write as _;

use super::upstream::UpstreamList;
use super::{Bytes, Micros, Status};

/// The fields of one line. Text is as the server wrote it, with its escapes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record<'l> {
    /// The request's method, any token (RFC 9110, 9.1).
    pub method: Option<&'l [u8]>,
    /// The request target (RFC 9112, 3.2), query included.
    pub target: Option<&'l [u8]>,
    /// The protocol of the request line, such as `HTTP/1.1` (RFC 9112, 2.3).
    pub protocol: Option<&'l [u8]>,
    /// The response's status code (RFC 9110, 15).
    pub status: Option<Status>,
    /// Time to serve the request (nginx `$request_time`, gunicorn `%(D)s`).
    pub duration: Option<Micros>,
    /// Response time of each upstream attempt in seconds (nginx `$upstream_response_time`).
    pub upstream_durations: Option<UpstreamList<'l>>,
    /// Status code of each upstream attempt (nginx `$upstream_status`).
    pub upstream_statuses: Option<UpstreamList<'l>>,
    /// Time to connect of each upstream attempt in seconds (nginx `$upstream_connect_time`).
    pub connect_duration: Option<UpstreamList<'l>>,
    /// Time to the response header of each upstream attempt in seconds (nginx
    /// `$upstream_header_time`).
    pub header_duration: Option<UpstreamList<'l>>,
    /// Bytes sent to the client (nginx `$bytes_sent`, or `$body_bytes_sent` without the header).
    pub response_bytes: Option<Bytes>,
    /// Bytes received from the client, including the header (nginx `$request_length`).
    pub request_bytes: Option<Bytes>,
    /// The request's `Content-Length` (RFC 9110, 8.6).
    pub content_length: Option<Bytes>,
    /// The requested host (RFC 9110, 7.2).
    pub host: Option<&'l [u8]>,
    /// The request's scheme, `http` or `https` (RFC 9110, 4.2).
    pub scheme: Option<&'l [u8]>,
    /// The response's `Content-Type` (RFC 9110, 8.3).
    pub content_type: Option<&'l [u8]>,
    /// Django's view, from a response header that the site sets.
    pub view: Option<&'l [u8]>,
    /// The request's id (nginx `$request_id`).
    pub request_id: Option<&'l [u8]>,
    /// The request's trace id, or its whole `traceparent` (W3C Trace Context).
    pub trace_id: Option<&'l [u8]>,
    /// The id of the request's span (nginx `$otel_span_id`).
    pub span_id: Option<&'l [u8]>,
    /// The time of the line, in the server's notation; see [`Timestamp`](super::Timestamp).
    pub time: Option<&'l [u8]>,
    /// The client's address. Parsed so that the line matches; never a label.
    pub remote_addr: Option<&'l [u8]>,
    /// The authenticated user. Parsed so that the line matches; never a label.
    pub user: Option<&'l [u8]>,
    /// The `Referer`. Parsed so that the line matches; never a label.
    pub referer: Option<&'l [u8]>,
    /// The `User-Agent`. Parsed so that the line matches; never a label.
    pub user_agent: Option<&'l [u8]>,
    /// Values that fill no field, for labels of the configuration, in the order of the pattern's extra names.
    pub extras: [Option<&'l [u8]>; EXTRAS],
}

/// Most values of a line that fill no field.
pub const EXTRAS: usize = 8;

/// The name of a field of [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// [`Record::method`].
    Method,
    /// [`Record::target`].
    Target,
    /// [`Record::protocol`].
    Protocol,
    /// [`Record::status`].
    Status,
    /// [`Record::duration`].
    Duration,
    /// [`Record::upstream_durations`].
    UpstreamDurations,
    /// [`Record::upstream_statuses`].
    UpstreamStatuses,
    /// [`Record::connect_duration`].
    ConnectDuration,
    /// [`Record::header_duration`].
    HeaderDuration,
    /// [`Record::response_bytes`].
    ResponseBytes,
    /// [`Record::request_bytes`].
    RequestBytes,
    /// [`Record::content_length`].
    ContentLength,
    /// [`Record::host`].
    Host,
    /// [`Record::scheme`].
    Scheme,
    /// [`Record::content_type`].
    ContentType,
    /// [`Record::view`].
    View,
    /// [`Record::request_id`].
    RequestId,
    /// [`Record::trace_id`].
    TraceId,
    /// [`Record::span_id`].
    SpanId,
    /// [`Record::time`].
    Time,
    /// [`Record::remote_addr`].
    RemoteAddr,
    /// [`Record::user`].
    User,
    /// [`Record::referer`].
    Referer,
    /// [`Record::user_agent`].
    UserAgent,
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u32);

impl<'l> Record<'l> {
    /// The fields that nearly every line is read for.
    pub const COMMON: FieldSet = FieldSet::EMPTY
        .with(Field::Method)
        .with(Field::Target)
        .with(Field::Protocol)
        .with(Field::Status)
        .with(Field::Duration)
        .with(Field::UpstreamDurations)
        .with(Field::ResponseBytes)
        .with(Field::RequestBytes)
        .with(Field::View);

    /// Empties a record of which only [`Self::COMMON`] fields have ever been set.
    #[inline]
    pub fn clear_common(&mut self) {
        self.method = None;
        self.target = None;
        self.protocol = None;
        self.status = None;
        self.duration = None;
        self.upstream_durations = None;
        self.response_bytes = None;
        self.request_bytes = None;
        self.view = None;
    }

    /// Empties a record of which only [`Self::COMMON`] fields and values that fill no field have ever been set.
    #[inline]
    pub fn clear_extras(&mut self) {
        self.clear_common();
        self.extras = [None; EXTRAS];
    }

    /// Returns the slot of a text field; `None` if the field has another type.
    pub fn text_mut(&mut self, field: Field) -> Option<&mut Option<&'l [u8]>> {
        Some(match field {
            Field::Method => &mut self.method,
            Field::Target => &mut self.target,
            Field::Protocol => &mut self.protocol,
            Field::Host => &mut self.host,
            Field::Scheme => &mut self.scheme,
            Field::ContentType => &mut self.content_type,
            Field::View => &mut self.view,
            Field::RequestId => &mut self.request_id,
            Field::TraceId => &mut self.trace_id,
            Field::SpanId => &mut self.span_id,
            Field::Time => &mut self.time,
            Field::RemoteAddr => &mut self.remote_addr,
            Field::User => &mut self.user,
            Field::Referer => &mut self.referer,
            Field::UserAgent => &mut self.user_agent,
            _ => return None,
        })
    }

    /// Returns the value of a text field or an upstream list; `None` too if the field has another type.
    pub fn text(&self, field: Field) -> Option<&'l [u8]> {
        match field {
            Field::Method => self.method,
            Field::Target => self.target,
            Field::Protocol => self.protocol,
            Field::Host => self.host,
            Field::Scheme => self.scheme,
            Field::ContentType => self.content_type,
            Field::View => self.view,
            Field::RequestId => self.request_id,
            Field::TraceId => self.trace_id,
            Field::SpanId => self.span_id,
            Field::Time => self.time,
            Field::RemoteAddr => self.remote_addr,
            Field::User => self.user,
            Field::Referer => self.referer,
            Field::UserAgent => self.user_agent,
            Field::UpstreamDurations => self.upstream_durations.map(|list| list.0),
            Field::UpstreamStatuses => self.upstream_statuses.map(|list| list.0),
            Field::ConnectDuration => self.connect_duration.map(|list| list.0),
            Field::HeaderDuration => self.header_duration.map(|list| list.0),
            Field::Status
            | Field::Duration
            | Field::ResponseBytes
            | Field::RequestBytes
            | Field::ContentLength => None,
        }
    }

    /// Returns the slot of an upstream list; `None` if the field has another type.
    pub fn list_mut(&mut self, field: Field) -> Option<&mut Option<UpstreamList<'l>>> {
        Some(match field {
            Field::UpstreamDurations => &mut self.upstream_durations,
            Field::UpstreamStatuses => &mut self.upstream_statuses,
            Field::ConnectDuration => &mut self.connect_duration,
            Field::HeaderDuration => &mut self.header_duration,
            _ => return None,
        })
    }

    /// Returns the slot of a number of bytes; `None` if the field has another type.
    pub fn bytes_mut(&mut self, field: Field) -> Option<&mut Option<Bytes>> {
        Some(match field {
            Field::ResponseBytes => &mut self.response_bytes,
            Field::RequestBytes => &mut self.request_bytes,
            Field::ContentLength => &mut self.content_length,
            _ => return None,
        })
    }

    /// Returns whether the duration is absurd for a request: an hour or more, but for an upgraded connection (status 101).
    pub fn is_endless(&self) -> bool {
        const HOUR: Micros = Micros(3_600_000_000);
        self.duration.is_some_and(|duration| duration >= HOUR)
            && self.status.is_none_or(|status| status.code() != 101)
    }

    /// Formats a field's value for display: a duration as `12.5ms`, bytes of text other than printable
    /// ASCII as `\xHH`. `None` if the line lacks the field.
    pub fn show(&self, field: Field) -> Option<String> {
        let mut copy = *self;
        match field {
            Field::Status => self.status.map(|status| status.to_string()),
            Field::Duration => self.duration.map(|duration| duration.to_string()),
            _ => {
                if let Some(text) = copy.text_mut(field) {
                    return text.map(printable);
                }
                if let Some(bytes) = copy.bytes_mut(field) {
                    return bytes.map(|bytes| bytes.0.to_string());
                }
                copy.list_mut(field)?
                    .map(|list| String::from_utf8_lossy(list.0).into_owned())
            }
        }
    }
}

impl Field {
    /// Every field, in documented order.
    pub const ALL: [Self; 24] = [
        Self::Method,
        Self::Target,
        Self::Protocol,
        Self::Status,
        Self::Duration,
        Self::UpstreamDurations,
        Self::UpstreamStatuses,
        Self::ConnectDuration,
        Self::HeaderDuration,
        Self::ResponseBytes,
        Self::RequestBytes,
        Self::ContentLength,
        Self::Host,
        Self::Scheme,
        Self::ContentType,
        Self::View,
        Self::RequestId,
        Self::TraceId,
        Self::SpanId,
        Self::Time,
        Self::RemoteAddr,
        Self::User,
        Self::Referer,
        Self::UserAgent,
    ];

    /// Returns the field's name in patterns, configuration and documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Target => "target",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Duration => "duration",
            Self::UpstreamDurations => "upstream_durations",
            Self::UpstreamStatuses => "upstream_statuses",
            Self::ConnectDuration => "connect_duration",
            Self::HeaderDuration => "header_duration",
            Self::ResponseBytes => "response_bytes",
            Self::RequestBytes => "request_bytes",
            Self::ContentLength => "content_length",
            Self::Host => "host",
            Self::Scheme => "scheme",
            Self::ContentType => "content_type",
            Self::View => "view",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::SpanId => "span_id",
            Self::Time => "time",
            Self::RemoteAddr => "remote_addr",
            Self::User => "user",
            Self::Referer => "referer",
            Self::UserAgent => "user_agent",
        }
    }

    /// Returns the field of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

impl FieldSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Adds a field.
    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u32)
    }

    /// Returns whether a field is a member.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & 1 << field as u32 != 0
    }

    /// Returns the fields of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the fields in documented order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL
            .into_iter()
            .filter(move |field| self.contains(*field))
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<T: IntoIterator<Item = Field>>(fields: T) -> Self {
        fields.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// Escapes bytes other than printable ASCII as `\xHH`.
fn printable(text: &[u8]) -> String {
    let mut shown = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b' '..=b'~' => shown.push(char::from(*byte)),
            _ => {
                let _ = write!(shown, "\\x{byte:02X}");
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_fields_are_those_that_are_cleared() {
        let text = Some(&b"x"[..]);
        let mut record = Record {
            method: text,
            target: text,
            protocol: text,
            status: Status::from_digits(b"200"),
            duration: Some(Micros(1)),
            upstream_durations: Some(UpstreamList(b"1")),
            response_bytes: Some(Bytes(1)),
            request_bytes: Some(Bytes(1)),
            view: text,
            ..Record::default()
        };
        for field in Field::ALL {
            let is_common = Record::COMMON.contains(field);
            assert_eq!(record.show(field).is_some(), is_common, "{field:?}");
        }
        record.clear_common();
        assert_eq!(record, Record::default());
    }

    #[test]
    fn names_and_fields_are_one_to_one() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
        assert_eq!(Field::from_name("path"), None);
        let set: FieldSet = [Field::Status, Field::Method].into_iter().collect();
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Field::Method, Field::Status]
        );
        assert!(!set.contains(Field::UserAgent));
    }
}
