//! Descriptions of shapes and fields, for people who did not write this program.

use super::super::template::{Entry, Shape};
use crate::model::Field;

/// Describes the text of a value.
pub(super) fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::SlashText => "text without an unescaped `\"`",
        Shape::Escaped => "text with a backslash before each `\"`",
        Shape::User => "a user name, or `-`",
        Shape::Raw => "any text",
        Shape::Word => "a word (without blanks and `\"`)",
        Shape::WordOrNothing => "a word (without blanks and `\"`) or nothing",
        Shape::Digits => "a whole number",
        Shape::DigitsOrNothing => "a whole number or nothing",
        Shape::DigitsOrDash => "a whole number or `-`",
        Shape::StatusOrDash => "a status: three digits, or `-`",
        Shape::Status => "a status: three digits",
        Shape::Decimal => "seconds with decimals, as in 0.012",
        Shape::ClfTime => "a time, as in 22/Nov/2026:18:47:15 +0000",
        Shape::IsoTime => "a time, as in 2026-11-22T18:47:15+00:00",
        Shape::List(Entry::Decimal) => {
            "seconds with decimals for each upstream, as in 0.012 or 0.001, 0.004 (`-` for none)"
        }
        Shape::List(Entry::Digits) => {
            "a whole number for each upstream, as in 200 or 502, 200 (`-` for none)"
        }
        Shape::List(Entry::Address) => {
            "an address for each upstream, as in 127.0.0.1:8000 (`-` for none)"
        }
    }
}

/// Describes a field.
pub(super) fn field(field: Field) -> &'static str {
    match field {
        Field::Method => "request method",
        Field::Target => "request path and query; its route becomes a label",
        Field::Protocol => "protocol version",
        Field::Status => "response status",
        Field::Duration => "time taken by the request",
        Field::UpstreamDurations => "response time of each upstream tried; the last one responded",
        Field::UpstreamStatuses => "response status of each upstream tried",
        Field::ConnectDuration => "time to connect to each upstream",
        Field::HeaderDuration => "time to the response headers of each upstream",
        Field::ResponseBytes => "response size in bytes",
        Field::RequestBytes => "request size in bytes, including headers",
        Field::ContentLength => "size of the request body in bytes, from its header",
        Field::Host => "requested host",
        Field::Scheme => "http or https",
        Field::ContentType => "content type of the response",
        Field::View => "Django view that handled the request",
        Field::RequestId => "request ID",
        Field::TraceId => "trace ID",
        Field::SpanId => "span ID",
        Field::Time => "time of the log line",
        Field::RemoteAddr => "client address; never becomes a label",
        Field::User => "user name; never becomes a label",
        Field::Referer => "page that linked here; never becomes a label",
        Field::UserAgent => "client software; never becomes a label",
    }
}

/// Describes a duration as precisely as the server's name for it allows.
pub(super) fn duration(name: &str) -> &'static str {
    match name {
        "$request_time" => "time from the client's first byte to the writing of the log line",
        "%(L)s" | "%(D)s" | "%(M)s" | "%(T)s" => "time gunicorn's worker spent on the request",
        _ => field(Field::Duration),
    }
}
