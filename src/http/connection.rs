//! One connection, from its first byte to its last.
//!
//! Invariant: the connection's seat is held exactly as long as its socket.

use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use warp::reply::Response;

use super::guard::Guard;
use super::progress::{Seat, Table};
use super::{Event, Limits, Observer, Page};

/// An answer in the making.
pub(super) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
/// Answers requests.
pub(super) type Answer = Arc<dyn Fn(Request<Incoming>) -> Answering + Send + Sync>;

/// What all connections share.
pub(super) struct Context {
    pub(super) http: http1::Builder,
    pub(super) answer: Answer,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) table: Arc<Table>,
    pub(super) limits: Limits,
}

/// HTTP/1.1 under the limits.
pub(super) fn protocol(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head + limits.idle)
        .keep_alive(true)
        // A client may end its side once it has asked; it gets its answer.
        .half_close(true)
        .max_headers(limits.headers)
        .max_header_size(limits.buffer_bytes())
        .max_buf_size(limits.buffer_bytes());
    http
}

/// Serves one connection until it ends, is told to leave, or breaks a limit.
pub(super) async fn run<S>(stream: S, seat: Seat, context: Arc<Context>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let _open = Open::new(Arc::clone(&context.observer));
    let seat = Arc::new(seat);
    let guard = Guard::new(stream, Arc::clone(&seat), &context.limits);
    let service = service_fn(|request| {
        let (seat, context) = (Arc::clone(&seat), Arc::clone(&context));
        async move { Ok::<_, std::convert::Infallible>(respond(request, &seat, &context).await) }
    });
    let connection = context.http.serve_connection(TokioIo::new(guard), service);
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended && let Some(status) = refusal(&error) {
                context.observer.observe(Event::Answered { page: Page::Other, status });
            }
        }
        () = seat.told_to_leave() => context.observer.observe(Event::Displaced),
    }
}

async fn respond(request: Request<Incoming>, seat: &Seat, context: &Context) -> Response {
    seat.work();
    let page = Page::at(request.uri().path());
    let response = (context.answer)(request).await;
    let status = response.status().as_u16();
    context.observer.observe(Event::Answered { page, status });
    seat.answer();
    response
}

/// The status with which hyper answered a request it could not read.
fn refusal(error: &hyper::Error) -> Option<u16> {
    let status = if error.is_parse_too_large() {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    } else if error.is_parse() {
        StatusCode::BAD_REQUEST
    } else {
        return None;
    };
    Some(status.as_u16())
}

/// Tells of a connection's beginning and end.
struct Open(Arc<dyn Observer>);

impl Open {
    fn new(observer: Arc<dyn Observer>) -> Self {
        observer.observe(Event::Opened);
        Self(observer)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.observe(Event::Closed);
    }
}
