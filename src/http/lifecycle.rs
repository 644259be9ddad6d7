//! Requests that reload or stop the exporter.
//!
//! Invariant: a browser cannot be made to send one by another site: a request with an `Origin` is refused.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{HeaderMap, ORIGIN};
use tokio::sync::oneshot;
use warp::reply::Response;

use super::response;

/// Outcome of a reload; an error says what was not applied, and why.
pub type ReloadOutcome = Result<(), String>;

/// Receiver of such requests.
pub trait Lifecycle: Send + Sync {
    /// Begins a reload. The receiver gets its outcome.
    fn reload(&self) -> oneshot::Receiver<ReloadOutcome>;

    /// Begins the shutdown.
    fn quit(&self);
}

/// Order that a client gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientOrder {
    Reload,
    Quit,
}

/// Carries out an order, and returns the response; refuses it without a receiver.
pub(super) async fn obey(
    order: ClientOrder,
    receiver: Option<Arc<dyn Lifecycle>>,
    headers: HeaderMap,
) -> Response {
    let Some(receiver) = receiver else {
        let text = "not enabled: set enable_lifecycle = true in [web]\n";
        return response::text(StatusCode::FORBIDDEN, text);
    };
    if headers.contains_key(ORIGIN) {
        let text = "a request of a browser is refused\n";
        return response::text(StatusCode::FORBIDDEN, text);
    }
    match order {
        ClientOrder::Quit => {
            receiver.quit();
            response::text(StatusCode::OK, "shutting down\n")
        }
        ClientOrder::Reload => match receiver.reload().await {
            Ok(Ok(())) => response::text(StatusCode::OK, "reloaded\n"),
            Ok(Err(why)) => response::text(StatusCode::INTERNAL_SERVER_ERROR, why + "\n"),
            Err(_) => response::text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
        },
    }
}
