//! Bindings of the headers and environment keys that gunicorn's and Apache's formats name.
//!
//! Names are compared without regard to case, as HTTP does; environment keys too.

use super::binding::Binding;
use crate::model::Field;

/// Returns the binding of a request header.
pub(super) fn request(name: &str) -> Option<Binding> {
    Some(match name.to_ascii_lowercase().as_str() {
        "host" => Binding::Text(Field::Host),
        "content-length" => Binding::Bytes(Field::ContentLength),
        "x-request-id" => Binding::Text(Field::RequestId),
        "traceparent" => Binding::Text(Field::TraceId),
        "x-forwarded-for" => Binding::Text(Field::RemoteAddr),
        "referer" => Binding::Text(Field::Referer),
        "user-agent" => Binding::Text(Field::UserAgent),
        _ => return None,
    })
}

/// Returns the binding of a response header.
pub(super) fn response(name: &str) -> Option<Binding> {
    Some(match name.to_ascii_lowercase().as_str() {
        "x-view-name" => Binding::Text(Field::View),
        "content-type" => Binding::Text(Field::ContentType),
        _ => return None,
    })
}

/// Returns the binding of a key of the request's environment.
pub(super) fn environ(key: &str) -> Option<Binding> {
    Some(match key.to_ascii_lowercase().as_str() {
        "wsgi.url_scheme" | "request_scheme" => Binding::Text(Field::Scheme),
        "raw_uri" | "request_uri" => Binding::Text(Field::Target),
        "http_host" => Binding::Text(Field::Host),
        "unique_id" => Binding::Text(Field::RequestId),
        _ => return None,
    })
}
