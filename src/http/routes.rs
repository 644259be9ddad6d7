//! Dispatches requests to pages.
//!
//! Invariant: pages are served to GET and HEAD, orders taken by POST and PUT; no request body is read; every request
//! gets a response.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::service::Service;
use hyper::{Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::connection::{Responding, Shared};
use super::connections::Connections;
use super::event::{Observer, Page};
use super::guard::{Guard, Policies};
use super::host::Hosts;
use super::lifecycle::{ClientOrder, Lifecycle, obey};
use super::limits::Limits;
use super::metrics_path::MetricsPath;
use super::paths::Paths;
use super::representation::Wanted;
use super::response;
use super::scrape::Scraper;
use super::source::Scrape;
use super::tls::Handshakes;
use crate::clock::Clock;

/// The readiness of the daemon. Clones share one state, which starts as not ready.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    is_ready: bool,
    /// JSON that explains the state.
    body: Bytes,
}

impl Default for State {
    fn default() -> Self {
        Self {
            is_ready: false,
            body: Bytes::from_static(b"{\"ready\":false}\n"),
        }
    }
}

impl Ready {
    /// Sets the state and the JSON that explains it.
    pub fn set(&self, is_ready: bool, body: impl Into<Bytes>) {
        let body = body.into();
        *self.lock() = State { is_ready, body };
    }

    fn response(&self) -> Response {
        let state = self.lock();
        let status = if state.is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        response::json(status, state.body.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sources of the pages' contents, and the receiver of orders.
pub struct Routes {
    /// Metrics, and what pages for people show of them.
    pub scrape: Arc<dyn Scrape>,
    /// Path of the metrics.
    pub metrics_path: MetricsPath,
    /// Readiness for `/-/ready`.
    pub ready: Ready,
    /// Names to which the pages for people answer.
    pub hosts: Hosts,
    /// Receiver of orders from clients; `None` refuses them.
    pub lifecycle: Option<Arc<dyn Lifecycle>>,
    /// Clock for deadlines and durations.
    pub clock: Arc<dyn Clock>,
    /// Receiver of all events.
    pub observer: Arc<dyn Observer>,
    /// Rules for clients.
    pub policies: Arc<Policies>,
}

impl Routes {
    /// Builds the state shared by all connections.
    pub(super) fn into_shared(self, limits: Limits) -> Shared {
        let connections = Arc::new(Connections::new(self.clock, self.observer, limits));
        let paths = Arc::new(Paths {
            metrics: self.metrics_path,
        });
        let scraper = Scraper::new(
            self.scrape,
            Arc::clone(&connections),
            limits,
            Arc::clone(&paths),
        );
        let pages = pages(&Arc::new(scraper), self.ready, &paths);
        let orders = orders(self.lifecycle.as_ref(), &paths);
        let filter = pages.or(orders).unify().or(refusals(&paths)).unify();
        let service = TowerToHyperService::new(warp::service(filter));
        let known = Arc::clone(&paths);
        let respond = move |request: Request<Incoming>| -> Responding {
            // warp's path filters panic on a target without a path, such as CONNECT's.
            if request.uri().path_and_query().is_none() {
                return Box::pin(ready(Ok(response::not_found(&known))));
            }
            Box::pin(service.call(request))
        };
        Shared {
            respond: Box::new(respond),
            paths,
            connections,
            guard: Guard::new(self.policies),
            hosts: self.hosts,
            handshakes: Handshakes::new(),
            limits,
        }
    }
}

/// Serves the pages that are read.
fn pages(scraper: &Arc<Scraper>, ready: Ready, paths: &Arc<Paths>) -> BoxedFilter<(Response,)> {
    let get = |page| {
        let method = warp::get().or(warp::head()).unify();
        method.and(at(paths, move |found| found == page))
    };
    let encoded = |page, wanted: fn(&HeaderMap, &str) -> Wanted| {
        let scraper = Arc::clone(scraper);
        get(page)
            .and(warp::header::headers_cloned())
            .and(warp::query::raw().or_else(async |_| Ok::<_, Rejection>((String::new(),))))
            .then(move |headers: HeaderMap, query: String| {
                let scraper = Arc::clone(&scraper);
                async move {
                    let wanted = wanted(&headers, &query);
                    let page = scraper.page_within(&wanted).await;
                    response::page(page, &wanted)
                }
            })
    };
    let metrics = encoded(Page::Metrics, Wanted::metrics);
    let people = encoded(Page::Landing, |headers, _| Wanted::page(headers));
    let status = encoded(Page::Status, |headers, _| Wanted::status(headers));
    let healthy = get(Page::Healthy).map(|| response::text(StatusCode::OK, "ok\n"));
    let ready = get(Page::Ready).map(move || ready.response());
    let pages = metrics.or(healthy).unify().or(ready).unify();
    pages.or(people).unify().or(status).unify().boxed()
}

/// Carries out the orders of clients.
fn orders(lifecycle: Option<&Arc<dyn Lifecycle>>, paths: &Arc<Paths>) -> BoxedFilter<(Response,)> {
    let post = |page, order| {
        let lifecycle = lifecycle.cloned();
        let method = warp::post().or(warp::put()).unify();
        method
            .and(at(paths, move |found| found == page))
            .and(warp::header::headers_cloned())
            .then(move |headers| obey(order, lifecycle.clone(), headers))
    };
    let reload = post(Page::Reload, ClientOrder::Reload);
    let quit = post(Page::Quit, ClientOrder::Quit);
    reload.or(quit).unify().boxed()
}

/// Responds to requests that are of no page, or of a method that the page does not have.
fn refusals(
    paths: &Arc<Paths>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + use<> {
    let is_order = |page| matches!(page, Page::Reload | Page::Quit);
    let order = at(paths, is_order).map(|| response::method_not_allowed("POST, PUT"));
    let is_read = move |page| page != Page::Other && !is_order(page);
    let read = at(paths, is_read).map(|| response::method_not_allowed("GET, HEAD"));
    let paths = Arc::clone(paths);
    let not_found = warp::any().map(move || response::not_found(&paths));
    order.or(read).unify().or(not_found).unify()
}

/// Matches the exact paths of the wanted pages; warp's own `path` ignores a slash at the end.
fn at<W>(
    paths: &Arc<Paths>,
    is_wanted: W,
) -> impl Filter<Extract = (), Error = Rejection> + Clone + use<W>
where
    W: Fn(Page) -> bool + Copy + Send + Sync + 'static,
{
    let paths = Arc::clone(paths);
    warp::path::full()
        .and_then(move |path: FullPath| {
            let is_found = is_wanted(paths.at(path.as_str()));
            ready(is_found.then_some(()).ok_or_else(warp::reject))
        })
        .untuple_one()
}
