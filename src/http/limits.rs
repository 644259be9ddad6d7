//! How much a client may ask for.

use std::time::Duration;

/// The least buffer hyper works with.
const LEAST_HEAD_BYTES: usize = 8192;

/// Bounds on connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once. When a further one comes, the oldest connection that has no
    /// complete request in work is closed for it; if all have one, the connection whose client
    /// has not taken any bytes for longest. If there is none such either, the newcomer waits for
    /// [`Limits::stall`] and is closed then.
    pub connections: usize,
    /// Bytes of answers that clients may leave untaken. Above it, clients that have taken nothing
    /// for [`Limits::stall`] are closed, and requests share an answer that is at most as old.
    pub answer_bytes: usize,
    /// For how long a client may take nothing when memory is short, and a newcomer may wait for
    /// room.
    pub stall: Duration,
    /// From the start of a connection, or the first byte of a further request, to the end of
    /// the request's head.
    pub head: Duration,
    /// From the end of an answer to the first byte of the next request.
    pub idle: Duration,
    /// For how long a client may take no bytes of its answer.
    pub write: Duration,
    /// For how long answers in work are waited for at stop.
    pub stop: Duration,
    /// Size of a request's head; at least 8192 are allowed whatever stands here.
    pub head_bytes: usize,
    /// Number of header fields of a request.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            answer_bytes: 8 * 1024 * 1024,
            stall: Duration::from_secs(1),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            write: Duration::from_secs(10),
            stop: Duration::from_secs(5),
            head_bytes: 16 * 1024,
            headers: 64,
        }
    }
}

impl Limits {
    /// `head_bytes` as hyper accepts it.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.head_bytes.max(LEAST_HEAD_BYTES)
    }
}
