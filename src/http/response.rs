//! Builds every response.
//!
//! Invariant: every response has the headers that keep browsers from guessing its type or storing it.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use warp::reply::Response;

use super::coding::Coding;
use super::event::Page;
use super::memory::EncodedPage;
use super::page;
use super::paths::Paths;
use super::representation::{Content, Wanted};
use super::scrape::NoPage;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Policy of responses other than the page for people: nothing may load or run.
const BARE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");

/// An encoded page, or why there is none.
pub(super) fn page(encoded: Result<EncodedPage, NoPage>, wanted: &Wanted) -> Response {
    match encoded {
        Ok(encoded) => {
            let content_type = HeaderValue::from_static(wanted.content_type);
            let mut response = build(StatusCode::OK, content_type, encoded.body());
            let headers = response.headers_mut();
            headers.insert(VARY, HeaderValue::from_static(wanted.varies));
            if let Content::Page(_) = wanted.representation.content {
                headers.insert(CONTENT_SECURITY_POLICY, page::POLICY.clone());
            }
            if wanted.representation.coding == Coding::Gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response.extensions_mut().insert(encoded.number());
            response
        }
        Err(NoPage::Busy) => later(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many responses are being read\n",
        ),
        Err(NoPage::Late) => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the metrics were not ready within the timeout of the scrape\n",
        ),
        Err(NoPage::Stopping) => text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
    }
}

/// The response to a method that the page does not have.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = text(status, format!("the methods of this page are {allowed}\n"));
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The response to a request whose `Host` is missing, repeated or malformed; the connection ends with it.
pub(super) fn bad_host() -> Response {
    closing(StatusCode::BAD_REQUEST, "a request needs one valid Host\n")
}

/// The response to a request for a page under a name that may be of another site.
pub(super) fn unknown_host() -> Response {
    text(
        StatusCode::MISDIRECTED_REQUEST,
        "this page does not answer to the name in Host: use the IP address, or list the name in `hosts` of [web]\n",
    )
}

/// A response after which the connection ends.
fn closing(status: StatusCode, body: &'static str) -> Response {
    let mut response = text(status, body);
    close(&mut response);
    response
}

/// Lets the connection end after a response.
pub(super) fn close(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

/// A response to a request that may succeed in a second.
fn later(status: StatusCode, body: &'static str) -> Response {
    let mut response = text(status, body);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The response to a request without the credentials of a user.
pub(super) fn unauthorized() -> Response {
    let mut response = text(
        StatusCode::UNAUTHORIZED,
        "a user and a password are needed\n",
    );
    let challenge = HeaderValue::from_static("Basic realm=\"httplog-exporter\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// The response to a request whose credentials cannot be checked now.
pub(super) fn too_many_logins() -> Response {
    later(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many passwords are being checked\n",
    )
}

/// The response to a request over the rate limit.
pub(super) fn too_many_requests() -> Response {
    later(StatusCode::TOO_MANY_REQUESTS, "too many requests\n")
}

/// The response to a request on a connection without TLS that was opened before TLS was turned on.
pub(super) fn https_only() -> Response {
    closing(StatusCode::BAD_REQUEST, "this address speaks HTTPS only\n")
}

pub(super) fn not_found(paths: &Paths) -> Response {
    let pages = [
        Page::Landing,
        Page::Metrics,
        Page::Status,
        Page::Healthy,
        Page::Ready,
    ];
    let pages = pages.map(|page| paths.of(page)).join("\n");
    let body = format!("not found; the pages are\n{pages}\n");
    build(StatusCode::NOT_FOUND, PLAIN_TEXT, body.into())
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    build(status, PLAIN_TEXT, body.into())
}

pub(super) fn json(status: StatusCode, body: Bytes) -> Response {
    build(status, JSON, body)
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
