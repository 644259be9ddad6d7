//! Limits on the resources that clients can use.

use std::time::Duration;

/// Bounds on connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once. For a further one, the oldest connection without a complete
    /// request is closed; if every connection has one, the connection whose client has stalled
    /// for longest. If no client has stalled either, the new connection waits for
    /// [`Limits::stall`] and is then closed.
    pub connections: usize,
    /// Bytes of responses that clients may leave unread. Above it, clients that have read nothing
    /// for [`Limits::stall`] are disconnected, and requests share a response of at most that age.
    pub response_bytes: usize,
    /// Time a client may read nothing while memory is short, and a new connection may wait for
    /// room.
    pub stall: Duration,
    /// Time from the start of a connection, or from the first byte of a further request, to the
    /// end of the request's head.
    pub head: Duration,
    /// Time from the end of a response to the first byte of the next request.
    pub idle: Duration,
    /// Time a client may read nothing of its response.
    pub write: Duration,
    /// Time that responses in progress have to finish at shutdown.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            response_bytes: 8 * 1024 * 1024,
            stall: Duration::from_secs(1),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            write: Duration::from_secs(10),
            stop: Duration::from_secs(5),
        }
    }
}
