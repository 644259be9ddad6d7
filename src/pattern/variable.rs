//! nginx's variables.
//!
//! Invariant: a variable's shape accepts everything nginx can write for it with `escape=default`,
//! and no bare `"`. An unknown name is text: `map` and `set` define variables of any name.

use super::binding::{Binding, Query, TimeUnit};
use super::kind::Kind;
use super::template::{Entry, Shape};
use crate::model::Field;

/// Variables that fill no field and are not misspellings of one that does
/// (`src/http/ngx_http_variables.c`, and the modules that nginx.org documents).
const OTHERS: &str = "\
    ancient_browser args arg_ binary_remote_addr bytes_received connection connection_requests \
    connection_time connections_active connections_reading connections_waiting \
    connections_writing content_type cookie_ date_gmt date_local document_root document_uri \
    fastcgi_path_info fastcgi_script_name geoip_ geoip2_ gzip_ratio hostname http2 http3 https \
    http_ invalid_referer is_args is_request_port jwt_ limit_conn_status limit_rate \
    limit_req_status memcached_key modern_browser msie nginx_version otel_ pid pipe proxy_host \
    proxy_port proxy_protocol_ query_string quic realip_remote_addr realip_remote_port \
    realpath_root remote_port request_body request_body_file request_completion request_filename \
    request_port secure_link secure_link_expires sent_http_ sent_trailer_ server_addr server_port \
    session_log_ slice_range spdy ssl_ tcpinfo_ uid_got uid_reset uid_set upstream_addr \
    upstream_bytes_received upstream_bytes_sent upstream_cache_ upstream_cookie_ upstream_http_ \
    upstream_queue_time upstream_response_length upstream_trailer_ uri";

/// Variables that fill a field.
const BOUND: [&str; 28] = [
    "body_bytes_sent",
    "bytes_sent",
    "content_length",
    "host",
    "msec",
    "otel_span_id",
    "otel_trace_id",
    "proxy_add_x_forwarded_for",
    "remote_addr",
    "remote_user",
    "request",
    "request_id",
    "request_length",
    "request_method",
    "request_time",
    "request_uri",
    "scheme",
    "server_name",
    "server_protocol",
    "status",
    "time_iso8601",
    "time_local",
    "upstream_connect_time",
    "upstream_header_time",
    "upstream_response_time",
    "upstream_status",
    "realip_remote_addr",
    "proxy_protocol_addr",
];

/// Returns the variable that an unknown name probably misspells.
///
/// The name differs by one letter, or by two if it is long. Short names and names that end in a digit
/// are custom variables.
pub(super) fn misspelt(name: &str) -> Option<&'static str> {
    let is_known = BOUND.contains(&name)
        || OTHERS.split_ascii_whitespace().any(|known| {
            if known.ends_with('_') {
                name.starts_with(known)
            } else {
                name == known
            }
        });
    if is_known || name.ends_with(|last: char| last.is_ascii_digit()) {
        return None;
    }
    BOUND
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| match known.len() {
            ..6 => false,
            6..16 => *distance <= 1,
            _ => *distance <= 2,
        })
        .min()
        .map(|(_, known)| known)
}

/// Returns the shape of a variable, and its binding if it fills a field.
pub(super) fn describe(name: &str) -> (Shape, Option<Binding>) {
    use Binding::{Bytes, List, Text};
    match name {
        "request" => (Shape::Text, Some(Binding::Request)),
        "request_method" => (Shape::Text, Some(Text(Field::Method))),
        "request_uri" => (Shape::Text, Some(Text(Field::Target))),
        "uri" | "document_uri" => (Shape::Text, Some(Binding::Path(Query::None))),
        "server_protocol" => (Shape::Text, Some(Text(Field::Protocol))),
        "status" => (Shape::Status, Some(Binding::Status)),
        "request_time" => (Shape::Decimal, Some(Binding::Duration(TimeUnit::Seconds))),
        "upstream_response_time" => (
            Shape::List(Entry::Decimal),
            Some(List(Field::UpstreamDurations)),
        ),
        "upstream_connect_time" => (
            Shape::List(Entry::Decimal),
            Some(List(Field::ConnectDuration)),
        ),
        "upstream_header_time" => (
            Shape::List(Entry::Decimal),
            Some(List(Field::HeaderDuration)),
        ),
        "upstream_queue_time" => (Shape::List(Entry::Decimal), None),
        "upstream_status" => (
            Shape::List(Entry::Digits),
            Some(List(Field::UpstreamStatuses)),
        ),
        "upstream_bytes_received" | "upstream_bytes_sent" | "upstream_response_length" => {
            (Shape::List(Entry::Digits), None)
        }
        "upstream_addr" => (Shape::List(Entry::Address), None),
        "body_bytes_sent" | "bytes_sent" => (Shape::Digits, Some(Bytes(Field::ResponseBytes))),
        "request_length" => (Shape::Digits, Some(Bytes(Field::RequestBytes))),
        "content_length" | "http_content_length" => {
            (Shape::Text, Some(Bytes(Field::ContentLength)))
        }
        "connection" | "connection_requests" | "pid" => (Shape::Digits, None),
        // Empty on a unix socket.
        "remote_port" | "server_port" => (Shape::DigitsOrNothing, None),
        "tcpinfo_rtt" | "tcpinfo_rttvar" | "tcpinfo_snd_cwnd" | "tcpinfo_rcv_space" => {
            (Shape::DigitsOrDash, None)
        }
        "connection_time" => (Shape::Decimal, None),
        // Empty without a `Host` and a `server_name`.
        "host" => (Shape::WordOrNothing, Some(Text(Field::Host))),
        "server_name" | "http_host" => (Shape::Text, Some(Text(Field::Host))),
        "scheme" => (Shape::Word, Some(Text(Field::Scheme))),
        "request_id" => (Shape::Word, Some(Text(Field::RequestId))),
        "http_x_request_id" => (Shape::Text, Some(Text(Field::RequestId))),
        "http_traceparent" | "otel_trace_id" => (Shape::Text, Some(Text(Field::TraceId))),
        "otel_span_id" => (Shape::Text, Some(Text(Field::SpanId))),
        "sent_http_content_type" | "upstream_http_content_type" => {
            (Shape::Text, Some(Text(Field::ContentType)))
        }
        "upstream_http_x_view_name" | "sent_http_x_view_name" => {
            (Shape::Text, Some(Text(Field::View)))
        }
        "time_local" => (Shape::ClfTime, Some(Text(Field::Time))),
        "time_iso8601" => (Shape::IsoTime, Some(Text(Field::Time))),
        "msec" => (Shape::Decimal, Some(Text(Field::Time))),
        "remote_addr" => (Shape::Word, Some(Text(Field::RemoteAddr))),
        "http_x_forwarded_for"
        | "proxy_add_x_forwarded_for"
        | "realip_remote_addr"
        | "proxy_protocol_addr" => (Shape::Text, Some(Text(Field::RemoteAddr))),
        "remote_user" => (Shape::Text, Some(Text(Field::User))),
        "http_referer" => (Shape::Text, Some(Text(Field::Referer))),
        "http_user_agent" => (Shape::Text, Some(Text(Field::UserAgent))),
        "pipe" | "upstream_cache_status" | "server_addr" | "hostname" | "nginx_version" => {
            (Shape::Word, None)
        }
        _ => (Shape::Text, None),
    }
}

/// Returns the type of a variable's value.
pub(super) fn kind(name: &str) -> Kind {
    match name {
        "request" => Kind::Request,
        "request_method" => Kind::Method,
        "request_uri" => Kind::Target,
        "uri" | "document_uri" => Kind::Path,
        "is_args" => Kind::QuestionMark,
        "args" | "query_string" => Kind::Args,
        "server_protocol" => Kind::Protocol,
        "host" => Kind::Host,
        "http_host" | "server_name" => Kind::HostHeader,
        "scheme" => Kind::Scheme,
        "request_id" => Kind::Id,
        "content_length" | "http_content_length" => Kind::Length,
        "http_x_forwarded_for" | "proxy_add_x_forwarded_for" => Kind::Addresses,
        "http_referer" | "http_x_request_id" | "http_traceparent" => Kind::Word,
        "sent_http_content_type" | "upstream_http_content_type" | "content_type" => Kind::MediaType,
        _ => Kind::Any,
    }
}

/// Returns the rank of a variable: of several for the same field, the lowest is read.
pub(super) fn rank(name: &str) -> u8 {
    match name {
        "request"
        | "body_bytes_sent"
        | "remote_addr"
        | "host"
        | "request_id"
        // The server's own span, whatever a client sent.
        | "otel_trace_id"
        | "upstream_http_x_view_name" => 0,
        "http_host" | "request_method" | "request_uri" | "server_protocol" | "time_iso8601" => 1,
        "msec" => 3,
        "uri" | "document_uri" => 4,
        // `$uri$is_args$args`.
        _ if name.contains("$is_args$") => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_distinguished_from_custom_variables() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(misspelt(name), expected, "{name}");
        };
        check("request_tiem", Some("request_time"));
        check("requst_time", Some("request_time"));
        check("statsu", Some("status"));
        check("body_byte_sent", Some("body_bytes_sent"));
        check("upstream_respone_time", Some("upstream_response_time"));
        for own in [
            "request_time2",
            "request_time",
            "loggable",
            "status_class",
            "my_host",
            "ghosts",
            "post",
            "time",
            "http_hots",
            "arg_status",
            "cookie_request_id",
            "request_body",
            "upstream_http_x_view_nam",
            "request_type",
            "cost",
            "uri",
            "pid",
            "args",
        ] {
            check(own, None);
        }
    }

    #[test]
    fn every_listed_variable_has_a_binding() {
        for name in BOUND {
            assert!(describe(name).1.is_some(), "{name}");
            assert_eq!(misspelt(name), None);
        }
    }
}
