//! Serves one connection.
//!
//! Invariant: the connection's registration is held exactly as long as its socket.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use warp::reply::Response;

use super::connections::{Connections, Registration};
use super::deadline::DeadlineStream;
use super::event::{HttpEvent, Page};
use super::guard::{Guard, Standing};
use super::host::Hosts;
use super::limits::Limits;
use super::linger::Socket;
use super::memory::PageNumber;
use super::paths::Paths;
use super::policy::Tls;
use super::tls::{Handshakes, NotAccepted};
use super::{host, response};

/// Longest head of a request, in bytes; hyper works with 8192 or more.
const HEAD_BYTES: usize = 16 * 1024;
/// Header fields of a request.
const HEADER_FIELDS: usize = 64;

/// The future of a response.
pub(super) type Responding = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// State shared by all connections.
pub(super) struct Shared {
    pub(super) respond: Box<dyn Fn(Request<Incoming>) -> Responding + Send + Sync>,
    pub(super) paths: Arc<Paths>,
    pub(super) connections: Arc<Connections>,
    pub(super) guard: Guard,
    pub(super) hosts: Hosts,
    pub(super) handshakes: Handshakes,
    pub(super) limits: Limits,
}

impl Shared {
    pub(super) fn observe(&self, event: HttpEvent) {
        self.connections.observer.observe(event);
    }
}

/// Transport of a connection's requests.
struct Transport {
    /// `None` without TLS.
    tls: Option<Arc<Tls>>,
    /// True if a browser can be made to connect.
    is_open_to_browsers: bool,
}

/// The client was admitted by other rules than those in force: its connection ends without a response.
#[derive(Debug, thiserror::Error)]
#[error("admitted by other rules than those in force")]
struct Void;

/// Serves one connection until it ends, is evicted, or exceeds a limit.
pub(super) async fn serve<S>(
    stream: S,
    registration: Registration,
    shared: Arc<Shared>,
    watcher: Watcher,
) where
    S: Socket + Send + 'static,
{
    let registration = Arc::new(registration);
    let stream = DeadlineStream::new(stream, Arc::clone(&registration), &shared.limits);
    let served = async {
        let policy = shared.guard.policies.current().await;
        match policy.policy.tls.clone() {
            None => {
                let transport = Transport {
                    tls: None,
                    is_open_to_browsers: S::IS_OPEN_TO_BROWSERS,
                };
                serve_requests(stream, transport, &registration, &shared, watcher).await;
            }
            // Its state is larger, and plain connections need not have room for it.
            Some(tls) => Box::pin(serve_tls(stream, tls, &registration, &shared, watcher)).await,
        }
    };
    tokio::select! {
        () = served => {}
        () = registration.evicted() => shared.observe(HttpEvent::Displaced),
    }
}

/// Serves an encrypted connection.
async fn serve_tls<S>(
    stream: DeadlineStream<S>,
    tls: Arc<Tls>,
    registration: &Registration,
    shared: &Shared,
    watcher: Watcher,
) where
    S: Socket + Send + 'static,
{
    let accepted = tokio::select! {
        accepted = shared.handshakes.accept(stream, &tls, shared.limits.head) => accepted,
        () = registration.stopped() => return,
    };
    match accepted {
        Ok(stream) => {
            let transport = Transport {
                tls: Some(tls),
                is_open_to_browsers: S::IS_OPEN_TO_BROWSERS,
            };
            serve_requests(stream, transport, registration, shared, watcher).await;
        }
        Err(NotAccepted::PlainHttp) => shared.observe(HttpEvent::Responded {
            page: Page::Other,
            status: StatusCode::BAD_REQUEST.as_u16(),
        }),
        Err(NotAccepted::Failed) => shared.observe(HttpEvent::HandshakeFailed),
        Err(NotAccepted::Left) => {}
    }
}

/// Serves the requests of a connection.
async fn serve_requests<S>(
    stream: S,
    transport: Transport,
    registration: &Registration,
    shared: &Shared,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| respond(request, &transport, registration, shared));
    let connection = protocol(&shared.limits).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await
        && let Some(status) = error_status(&error)
    {
        let page = Page::Other;
        shared.observe(HttpEvent::Responded { page, status });
    }
}

/// Configures HTTP/1.1 with the limits.
fn protocol(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head + limits.idle)
        .keep_alive(true)
        // A client may shut down its side after the request and still get the response.
        .half_close(true)
        .max_headers(HEADER_FIELDS)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(HEAD_BYTES);
    http
}

async fn respond(
    request: Request<Incoming>,
    transport: &Transport,
    registration: &Registration,
    shared: &Shared,
) -> Result<Response, Void> {
    registration.set_working();
    let page = shared.paths.at(request.uri().path());
    let is_head = request.method() == Method::HEAD;
    let policy = shared.guard.policies.current().await;
    let standing = policy.standing(transport.tls.as_ref());
    if standing == Standing::Void {
        return Err(Void);
    }
    let mut response = if standing == Standing::Plain {
        response::https_only()
    } else if !host::is_valid(&request) {
        response::bad_host()
    } else if transport.is_open_to_browsers && !shared.hosts.admit(&request, page) {
        response::unknown_host()
    } else if let Some(refusal) = shared.guard.refusal(&request, page, &policy).await {
        refusal
    } else {
        let Ok(response) = (shared.respond)(request).await;
        response
    };
    for (name, value) in &policy.policy.headers {
        response.headers_mut().insert(name, value.clone());
    }
    if standing == Standing::Replaced {
        response::close(&mut response);
    }
    let status = response.status().as_u16();
    shared.observe(HttpEvent::Responded { page, status });
    let length = response.body().size_hint().exact();
    let length = length.filter(|_| !is_head).unwrap_or(0);
    let number = response.extensions().get::<PageNumber>().copied();
    registration.set_responding(length, number);
    Ok(response)
}

/// Returns the status of hyper's own response to a request that it could not parse.
fn error_status(error: &hyper::Error) -> Option<u16> {
    let status = if error.is_parse_too_large() {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    } else if error.is_parse() {
        StatusCode::BAD_REQUEST
    } else {
        return None;
    };
    Some(status.as_u16())
}
