//! nginx's `log_format` strings.
//!
//! Invariant: a variable's shape accepts everything nginx can write for it with `escape=default`
//! (`src/http/modules/ngx_http_log_module.c`), and no bare `"`.

use super::template::{Binding, Entry, Item, Shape, Slot, Template, TimeUnit};
use super::{Complaint, lexer};
use crate::model::Field;

/// Reads a format string.
pub(super) fn compile(format: &str) -> Result<Template, Complaint> {
    let mut template = Template { items: Vec::new() };
    let mut rest = 0;
    while let Some(dollar) = format[rest..].find('$').map(|at| rest + at) {
        template.push_literal(&format[rest..dollar]);
        let (name, end) = variable(format, dollar)?;
        let (shape, binding) = describe(name);
        template.items.push(Item::Slot(Slot {
            name: name.to_owned(),
            shape,
            binding,
            span: dollar..end,
        }));
        rest = end;
    }
    template.push_literal(&format[rest..]);
    template.settle(|slot| rank(&slot.name));
    lexer::unambiguous(template, "$")
}

/// The name behind the `$` at `dollar`, and where it ends (`ngx_http_log_compile_format`).
fn variable(format: &str, dollar: usize) -> Result<(&str, usize), Complaint> {
    let after = &format[dollar + 1..];
    if let Some(braced) = after.strip_prefix('{') {
        return match braced.find('}') {
            Some(0) => Err(Complaint::new(
                "a variable without a name",
                dollar..dollar + 3,
            )),
            Some(close) => Ok((&braced[..close], dollar + 2 + close + 1)),
            None => Err(Complaint::new("`${` is never closed", dollar..format.len())
                .help("write `${name}`")),
        };
    }
    let length = after
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    if length == 0 {
        return Err(
            Complaint::new("a `$` without a variable's name", dollar..dollar + 1)
                .help("nginx has no way to write a bare `$` in a log format"),
        );
    }
    Ok((&after[..length], dollar + 1 + length))
}

/// What a variable looks like in the log, and what it tells us.
fn describe(name: &str) -> (Shape, Option<Binding>) {
    use Binding::{Bytes, List, Text};
    match name {
        "request" => (Shape::Text, Some(Binding::Request)),
        "request_method" => (Shape::Text, Some(Text(Field::Method))),
        "request_uri" => (Shape::Text, Some(Text(Field::Target))),
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
        "connection" | "connection_requests" | "pid" | "server_port" => (Shape::Digits, None),
        "remote_port" => (Shape::DigitsOrDash, None),
        "connection_time" => (Shape::Decimal, None),
        "host" => (Shape::Word, Some(Text(Field::Host))),
        "server_name" | "http_host" => (Shape::Text, Some(Text(Field::Host))),
        "scheme" => (Shape::Word, Some(Text(Field::Scheme))),
        "request_id" => (Shape::Word, Some(Text(Field::RequestId))),
        "http_x_request_id" => (Shape::Text, Some(Text(Field::RequestId))),
        "http_traceparent" => (Shape::Text, Some(Text(Field::TraceId))),
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
        "http_x_forwarded_for" | "proxy_add_x_forwarded_for" => {
            (Shape::Text, Some(Text(Field::RemoteAddr)))
        }
        "remote_user" => (Shape::Text, Some(Text(Field::User))),
        "http_referer" => (Shape::Text, Some(Text(Field::Referer))),
        "http_user_agent" => (Shape::Text, Some(Text(Field::UserAgent))),
        "pipe" | "upstream_cache_status" | "server_addr" | "hostname" | "nginx_version" => {
            (Shape::Word, None)
        }
        _ => (Shape::Text, None),
    }
}

/// Which of two variables that tell the same field is believed: lower first.
fn rank(name: &str) -> u8 {
    match name {
        "request"
        | "body_bytes_sent"
        | "remote_addr"
        | "host"
        | "request_id"
        | "upstream_http_x_view_name" => 0,
        "http_host" | "request_method" | "request_uri" | "server_protocol" | "time_iso8601" => 1,
        "msec" => 3,
        _ => 2,
    }
}
