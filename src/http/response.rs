//! Builds every response, and counts the memory that response bodies hold.
//!
//! Invariant: every response has the headers that keep browsers from guessing its type or storing
//! it; a counted body stays counted until its last clone is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use warp::reply::Response;

use super::event::Page;
use super::page;
use crate::expose::TEXT_CONTENT_TYPE;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Policy of responses other than the landing page: nothing may load or run.
const BARE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");

/// Counts the bytes of response bodies in memory. Clones share one count.
#[derive(Clone, Debug, Default)]
pub(super) struct BodyMemory(Arc<AtomicUsize>);

/// The bytes of a counted body.
struct CountedBody {
    bytes: Vec<u8>,
    memory: BodyMemory,
}

impl BodyMemory {
    /// Returns the bytes held by all bodies.
    pub(super) fn held(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Turns bytes into a body that is counted until its last clone is dropped.
    pub(super) fn count(&self, bytes: Vec<u8>) -> Bytes {
        self.0.fetch_add(bytes.len(), Ordering::AcqRel);
        let memory = self.clone();
        Bytes::from_owner(CountedBody { bytes, memory })
    }
}

impl AsRef<[u8]> for CountedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes.len(), Ordering::AcqRel);
    }
}

/// The metrics; `None` while the runtime shuts down.
pub(super) fn metrics(body: Option<Bytes>) -> Response {
    let content_type = HeaderValue::from_static(TEXT_CONTENT_TYPE);
    match body {
        Some(body) => build(StatusCode::OK, content_type, body),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
    }
}

pub(super) fn landing(html: &Bytes) -> Response {
    let mut response = build(StatusCode::OK, HTML, html.clone());
    let policy = HeaderValue::from_static(page::POLICY);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

pub(super) fn method_not_allowed() -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = text(status, "only GET and HEAD are allowed\n");
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

pub(super) fn not_found() -> Response {
    let pages = Page::SERVED.map(Page::path).join("\n");
    let body = format!("not found; the pages are\n{pages}\n");
    build(StatusCode::NOT_FOUND, PLAIN_TEXT, body.into())
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Response {
    build(status, PLAIN_TEXT, Bytes::from_static(body.as_bytes()))
}

fn build(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, BARE_POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}
