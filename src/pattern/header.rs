//! Bindings of the headers and environment keys that gunicorn's and Apache's formats name.
//!
//! Names are compared without regard to case, as HTTP does; environment keys too.

use super::binding::{Binding, Query};
use super::kind::Kind;
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
        "path_info" => Binding::Path(Query::None),
        "http_host" => Binding::Text(Field::Host),
        "unique_id" => Binding::Text(Field::RequestId),
        _ => return None,
    })
}

/// Returns the type of a request header.
pub(super) fn request_kind(name: &str) -> Kind {
    match name.to_ascii_lowercase().as_str() {
        "host" => Kind::HostHeader,
        "content-length" => Kind::Length,
        "x-forwarded-for" => Kind::Addresses,
        "x-request-id" | "traceparent" | "referer" => Kind::Word,
        _ => Kind::Any,
    }
}

/// Returns the type of a response header.
pub(super) fn response_kind(name: &str) -> Kind {
    match name.to_ascii_lowercase().as_str() {
        "content-type" => Kind::MediaType,
        "x-view-name" => Kind::Word,
        _ => Kind::Any,
    }
}

/// Returns the type of a key of the request's environment.
pub(super) fn environ_kind(key: &str) -> Kind {
    match key.to_ascii_lowercase().as_str() {
        "wsgi.url_scheme" | "request_scheme" => Kind::Scheme,
        "raw_uri" | "request_uri" | "unique_id" => Kind::Word,
        "path_info" => Kind::Path,
        "http_host" => Kind::HostHeader,
        _ => Kind::Any,
    }
}
