//! What is served where.
//!
//! Invariant: GET and HEAD only; no request body is read; every answer has the headers that keep
//! browsers from guessing or storing.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::Service;
use hyper::{Method, Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::connection::{self, Answering, Context};
use super::progress::Table;
use super::scrape::Scraper;
use super::{Limits, Observer, Page, Scrape, page};
use crate::clock::Clock;
use crate::expose::TEXT_CONTENT_TYPE;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// For answers that are not pages: nothing may load or run.
const BARE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");

/// Whether the daemon does its work. Clones share one flag, which is down at first.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<AtomicBool>);

/// What is served.
pub struct Routes {
    scrape: Arc<dyn Scrape>,
    ready: Ready,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
}

impl Ready {
    /// Raises or lowers the flag.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether the flag is up.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Routes {
    /// `/metrics` shows `scrape`, `/-/ready` shows `ready`; `observer` is told what happens.
    pub fn new(
        scrape: Arc<dyn Scrape>,
        ready: Ready,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            scrape,
            ready,
            clock,
            observer,
        }
    }

    /// What connections share.
    pub(super) fn into_context(self, limits: Limits) -> Context {
        let table = Arc::new(Table::new(Arc::clone(&self.clock)));
        let observer = self.observer;
        let scraper = Scraper::new(
            self.scrape,
            self.clock,
            Arc::clone(&observer),
            Arc::clone(&table),
            limits,
        );
        let filter = filter(Arc::new(scraper), self.ready);
        let service = TowerToHyperService::new(warp::service(filter));
        let answer = move |mut request: Request<Incoming>| {
            let page = Page::at(request.uri().path());
            request.extensions_mut().insert(page);
            let answering = service.call(request);
            let answering = async move {
                match answering.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            };
            Box::pin(answering) as Answering
        };
        Context {
            http: connection::protocol(&limits),
            answer: Arc::new(answer),
            observer,
            table,
            limits,
        }
    }
}

/// All routes. Each answers its path whatever the method is, so that nothing is ever rejected.
fn filter(
    scraper: Arc<Scraper>,
    ready: Ready,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let landing_page = Bytes::from(page::html());
    let landing = on(Page::Landing, move || landing(&landing_page));
    let healthy = on(Page::Healthy, || text(StatusCode::OK, "ok\n"));
    let ready = on(Page::Ready, move || {
        if ready.get() {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    });
    let metrics = at(Page::Metrics)
        .and(warp::method())
        .then(move |method: Method| {
            let scraper = Arc::clone(&scraper);
            async move {
                if is_read(&method) {
                    metrics(scraper.body().await)
                } else {
                    not_allowed()
                }
            }
        });
    let other = warp::any().map(not_found);
    metrics
        .or(healthy)
        .unify()
        .or(ready)
        .unify()
        .or(landing)
        .unify()
        .or(other)
        .unify()
}

/// A page that is made on the spot.
fn on(
    page: Page,
    answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    at(page).and(warp::method()).map(move |method: Method| {
        if is_read(&method) {
            answer()
        } else {
            not_allowed()
        }
    })
}

/// Requests for one page.
///
/// The page was found before the filters see the request: `warp::path::full` panics at a target
/// without a path (`CONNECT example.org:443`).
fn at(page: Page) -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::ext::get::<Page>()
        .and_then(move |asked: Page| async move {
            if asked == page {
                Ok(())
            } else {
                Err(warp::reject())
            }
        })
        .untuple_one()
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn metrics(body: Option<Bytes>) -> Response {
    let content_type = HeaderValue::from_static(TEXT_CONTENT_TYPE);
    match body {
        Some(body) => respond(StatusCode::OK, content_type, body),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    }
}

fn landing(html: &Bytes) -> Response {
    let mut response = respond(StatusCode::OK, HTML, html.clone());
    let policy = HeaderValue::from_static(page::POLICY);
    set(&mut response, CONTENT_SECURITY_POLICY, policy);
    response
}

fn not_allowed() -> Response {
    let mut response = text(
        StatusCode::METHOD_NOT_ALLOWED,
        "only GET and HEAD are allowed\n",
    );
    set(&mut response, ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn not_found() -> Response {
    let mut body = String::from("not found; there are\n");
    for page in Page::SERVED {
        body.push_str(page.path());
        body.push('\n');
    }
    respond(StatusCode::NOT_FOUND, PLAIN_TEXT, body.into())
}

fn text(status: StatusCode, body: &'static str) -> Response {
    respond(status, PLAIN_TEXT, Bytes::from_static(body.as_bytes()))
}

fn respond(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    set(
        &mut response,
        CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    set(&mut response, CONTENT_SECURITY_POLICY, BARE_POLICY);
    set(
        &mut response,
        X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    set(
        &mut response,
        REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

fn set(response: &mut Response, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}
