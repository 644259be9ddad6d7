//! Dispatches requests to pages.
//!
//! Invariant: only GET and HEAD are served; no request body is read; every request gets a
//! response.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::{Bytes, Incoming};
use hyper::service::Service;
use hyper::{Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::accept::negotiate;
use super::connection::{Responding, Shared};
use super::connections::Connections;
use super::event::{Observer, Page};
use super::limits::Limits;
use super::scrape::{Scrape, Scraper};
use super::{page, response};
use crate::clock::Clock;

/// The readiness of the daemon. Clones share one state, which starts as not ready.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    is_ready: bool,
    report: Bytes,
}

impl Default for State {
    fn default() -> Self {
        Self {
            is_ready: false,
            report: Bytes::from_static(b"not ready\n"),
        }
    }
}

impl Ready {
    /// Sets the state and the text that explains it, and returns the state before.
    pub fn set(&self, is_ready: bool, report: &str) -> bool {
        let mut state = self.lock();
        if state.report != report.as_bytes() {
            state.report = Bytes::copy_from_slice(report.as_bytes());
        }
        std::mem::replace(&mut state.is_ready, is_ready)
    }

    fn response(&self) -> Response {
        let state = self.lock();
        let status = if state.is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        response::text(status, state.report.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sources of the pages' contents.
pub struct Routes {
    /// Metrics for `/metrics`.
    pub scrape: Arc<dyn Scrape>,
    /// Readiness for `/-/ready`.
    pub ready: Ready,
    /// Clock for deadlines and durations.
    pub clock: Arc<dyn Clock>,
    /// Receiver of all events.
    pub observer: Arc<dyn Observer>,
}

impl Routes {
    /// Builds the state shared by all connections.
    pub(super) fn into_shared(self, limits: Limits) -> Shared {
        let connections = Arc::new(Connections::new(self.clock, self.observer, limits));
        let scraper = Scraper::new(self.scrape, Arc::clone(&connections), limits);
        let filter = filter(Arc::new(scraper), self.ready);
        let service = TowerToHyperService::new(warp::service(filter));
        let respond = move |request: Request<Incoming>| -> Responding {
            // warp's path filters panic on a target without a path, such as CONNECT's.
            if request.uri().path_and_query().is_none() {
                return Box::pin(ready(Ok(response::not_found())));
            }
            Box::pin(service.call(request))
        };
        Shared {
            respond: Box::new(respond),
            connections,
            limits,
        }
    }
}

/// Returns the filter tree: first the served pages, then the error responses.
fn filter(
    scraper: Arc<Scraper>,
    ready: Ready,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let html = Bytes::from(page::html());

    let metrics = get(Page::Metrics)
        .and(warp::header::headers_cloned())
        .then(move |headers| {
            let scraper = Arc::clone(&scraper);
            async move {
                let answer = negotiate(&headers);
                response::metrics(scraper.page(answer.format).await, answer.content_type)
            }
        });
    let healthy = get(Page::Healthy).map(|| response::text(StatusCode::OK, "ok\n"));
    let ready = get(Page::Ready).map(move || ready.response());
    let landing = get(Page::Landing).map(move || response::landing(&html));
    let method_not_allowed = at(|page| page != Page::Other).map(response::method_not_allowed);
    let not_found = warp::any().map(response::not_found);

    metrics
        .or(healthy)
        .unify()
        .or(ready)
        .unify()
        .or(landing)
        .unify()
        .or(method_not_allowed)
        .unify()
        .or(not_found)
        .unify()
}

/// Matches GET and HEAD requests of a page.
fn get(page: Page) -> impl Filter<Extract = (), Error = Rejection> + Copy {
    let method = warp::get().or(warp::head()).unify();
    method.and(at(move |found| found == page))
}

/// Matches the exact paths of the wanted pages; warp's own `path` ignores a slash at the end.
fn at(
    is_wanted: impl Fn(Page) -> bool + Copy + Send + Sync + 'static,
) -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::path::full()
        .and_then(move |path: FullPath| {
            let is_found = is_wanted(Page::at(path.as_str()));
            ready(is_found.then_some(()).ok_or_else(warp::reject))
        })
        .untuple_one()
}
