//! What shapes and fields are, in words for people who did not write this program.
//!
//! Invariant: every shape and every field has words of its own; no word of a log line is in them.

use super::super::Dialect;
use super::super::template::{Entry, Shape};
use crate::model::Field;

/// A value's name as its format writes it.
pub(super) fn written(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Nginx => format!("${name}"),
        Dialect::Gunicorn => format!("%({name})s"),
        Dialect::Apache if name.starts_with('%') => name.to_owned(),
        Dialect::Apache => format!("%{name}"),
        Dialect::Json | Dialect::Ltsv | Dialect::Regex => name.to_owned(),
    }
}

/// What a value looks like.
pub(super) fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::SlashText => "text without a bare `\"`",
        Shape::Escaped => "text in which a backslash stands before each `\"`",
        Shape::User => "a user's name, or `-`",
        Shape::Raw => "any text",
        Shape::Word => "a word: no blank and no `\"` in it",
        Shape::WordOrNothing => "a word (no blank and no `\"` in it) or nothing",
        Shape::Digits => "a whole number",
        Shape::DigitsOrDash => "a whole number or `-`",
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

/// What a field tells.
pub(super) fn field(field: Field) -> &'static str {
    match field {
        Field::Method => "the request's method",
        Field::Target => "what was asked for: path and query; its route becomes a label",
        Field::Protocol => "the protocol's version",
        Field::Status => "the response's status",
        Field::Duration => "how long the request took",
        Field::UpstreamDurations => {
            "the time of each attempt at an upstream; the last one answered"
        }
        Field::UpstreamStatuses => "the status each upstream answered with",
        Field::ConnectDuration => "the time to connect to each upstream",
        Field::HeaderDuration => "the time until each upstream's response headers",
        Field::ResponseBytes => "the response's size in bytes",
        Field::RequestBytes => "the request's size in bytes, headers included",
        Field::ContentLength => "the size of the request's body in bytes, as its header says",
        Field::Host => "the host that was asked",
        Field::Scheme => "http or https",
        Field::ContentType => "the response's content type",
        Field::View => "the Django view that answered",
        Field::RequestId => "the request's identifier",
        Field::TraceId => "the trace it belongs to",
        Field::Time => "when the line was written",
        Field::RemoteAddr => "the client's address; never becomes a label",
        Field::User => "the user's name; never becomes a label",
        Field::Referer => "the page the client came from; never becomes a label",
        Field::UserAgent => "what the client calls itself; never becomes a label",
    }
}

/// What a duration spans, where the server's name for it tells.
pub(super) fn duration(name: &str) -> &'static str {
    match name {
        "$request_time" => "time from the client's first byte to the writing of the log line",
        "%(L)s" | "%(D)s" | "%(M)s" | "%(T)s" => "time gunicorn's worker spent on the request",
        _ => field(Field::Duration),
    }
}
