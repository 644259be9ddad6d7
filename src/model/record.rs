//! One request, as a line tells it.
//!
//! Invariant: everything borrows from the line; what the line does not say is `None`, never 0.

use std::fmt::{self, Write as _};

use super::{Bytes, Micros, Status};

/// The fields of one line. Text is as the server wrote it, its escapes not undone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record<'l> {
    /// The request's method, any token (RFC 9110, 9.1).
    pub method: Option<&'l [u8]>,
    /// The request target (RFC 9112, 3.2), query included.
    pub target: Option<&'l [u8]>,
    /// `HTTP/1.1` and its like.
    pub protocol: Option<&'l [u8]>,
    /// The response's status.
    pub status: Option<Status>,
    /// Time the server needed for the request.
    pub duration: Option<Micros>,
    /// nginx's time for each upstream attempt, in seconds.
    pub upstream_durations: Option<UpstreamList<'l>>,
    /// The status of each upstream attempt.
    pub upstream_statuses: Option<UpstreamList<'l>>,
    /// Time to connect, each upstream attempt, in seconds.
    pub connect_duration: Option<UpstreamList<'l>>,
    /// Time to the response's header, each upstream attempt, in seconds.
    pub header_duration: Option<UpstreamList<'l>>,
    /// Bytes sent to the client.
    pub response_bytes: Option<Bytes>,
    /// Bytes received from the client, header included.
    pub request_bytes: Option<Bytes>,
    /// The request's `Content-Length`.
    pub content_length: Option<Bytes>,
    /// The host asked for.
    pub host: Option<&'l [u8]>,
    /// `http` or `https`.
    pub scheme: Option<&'l [u8]>,
    /// The response's `Content-Type`.
    pub content_type: Option<&'l [u8]>,
    /// Django's view, as the site said in a response header.
    pub view: Option<&'l [u8]>,
    /// The request's id.
    pub request_id: Option<&'l [u8]>,
    /// The request's trace id.
    pub trace_id: Option<&'l [u8]>,
    /// When the line was written, in the server's own notation.
    pub time: Option<&'l [u8]>,
    /// Parsed so that the line matches; can never become a label.
    pub remote_addr: Option<&'l [u8]>,
    /// Parsed so that the line matches; can never become a label.
    pub user: Option<&'l [u8]>,
    /// Parsed so that the line matches; can never become a label.
    pub referer: Option<&'l [u8]>,
    /// Parsed so that the line matches; can never become a label.
    pub user_agent: Option<&'l [u8]>,
}

/// nginx's list of what each upstream attempt gave: `-`, `N`, `N, N` (retries) and
/// `N, N : N` (internal redirects), where an entry may be `-`
/// (`src/http/ngx_http_upstream.c`, `ngx_http_upstream_response_time_variable`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpstreamList<'l>(pub &'l [u8]);

/// The name of everything a pattern may yield.
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
    /// The place of a field that is text.
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
            Field::Time => &mut self.time,
            Field::RemoteAddr => &mut self.remote_addr,
            Field::User => &mut self.user,
            Field::Referer => &mut self.referer,
            Field::UserAgent => &mut self.user_agent,
            _ => return None,
        })
    }

    /// The place of a field that is an upstream list.
    pub fn list_mut(&mut self, field: Field) -> Option<&mut Option<UpstreamList<'l>>> {
        Some(match field {
            Field::UpstreamDurations => &mut self.upstream_durations,
            Field::UpstreamStatuses => &mut self.upstream_statuses,
            Field::ConnectDuration => &mut self.connect_duration,
            Field::HeaderDuration => &mut self.header_duration,
            _ => return None,
        })
    }

    /// The place of a field that is a number of bytes.
    pub fn bytes_mut(&mut self, field: Field) -> Option<&mut Option<Bytes>> {
        Some(match field {
            Field::ResponseBytes => &mut self.response_bytes,
            Field::RequestBytes => &mut self.request_bytes,
            Field::ContentLength => &mut self.content_length,
            _ => return None,
        })
    }

    /// A field's value for a person to read: a duration as `12.5ms`, text with its raw bytes
    /// escaped. `None` where the line does not say it.
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

impl<'l> UpstreamList<'l> {
    /// The entries in order, blanks and separators removed.
    pub fn entries(self) -> impl DoubleEndedIterator<Item = &'l [u8]> {
        self.0
            .split(|byte| matches!(byte, b',' | b':'))
            .map(<[u8]>::trim_ascii)
    }

    /// The time of the last attempt, the one whose response the client got (`None` for `-`), and the
    /// attempts beyond the first.
    #[inline]
    pub fn last_and_retries(self) -> (Option<Micros>, u64) {
        // Nearly always there is one entry.
        match Micros::from_seconds(self.0) {
            Some(only) => (Some(only), 0),
            None => (self.last_duration(), self.retries()),
        }
    }

    fn last_duration(self) -> Option<Micros> {
        self.entries().next_back().and_then(Micros::from_seconds)
    }

    fn retries(self) -> u64 {
        self.0.iter().map(|byte| u64::from(*byte == b',')).sum()
    }
}

impl fmt::Debug for UpstreamList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamList({:?})", String::from_utf8_lossy(self.0))
    }
}

impl Field {
    /// Every field, in the order in which they are documented.
    pub const ALL: [Self; 23] = [
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
        Self::Time,
        Self::RemoteAddr,
        Self::User,
        Self::Referer,
        Self::UserAgent,
    ];

    /// As patterns, configuration and documentation write it.
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
            Self::Time => "time",
            Self::RemoteAddr => "remote_addr",
            Self::User => "user",
            Self::Referer => "referer",
            Self::UserAgent => "user_agent",
        }
    }

    /// The field of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// With `field` in it.
    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u32)
    }

    /// Whether `field` is in it.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & 1 << field as u32 != 0
    }

    /// The fields of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Its fields, in documented order.
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

/// Text as it stands, but for bytes that are no printable ASCII, which become `\\xHH`.
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
    fn the_last_attempt_counts() {
        let check = |text: &str, last: Option<u64>, retries: u64| {
            let list = UpstreamList(text.as_bytes());
            assert_eq!(
                list.last_and_retries(),
                (last.map(Micros), retries),
                "{text}"
            );
        };
        check("-", None, 0);
        check("", None, 0);
        check("0.012", Some(12_000), 0);
        check("0.001, 0.004", Some(4_000), 1);
        check("0.000, 0.005 : 0.003", Some(3_000), 1);
        check("0.001, -", None, 1);
        check("- : 0.002", Some(2_000), 0);
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
