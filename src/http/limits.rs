//! Limits on the resources that clients can use.

use std::time::Duration;

/// Bounds on connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once. For a further one, another is closed: first those without a request, then those
    /// whose request stays incomplete, then those whose client does not keep up with [`Limits::pace`]. If all are
    /// needed, the new connection waits for [`Limits::stall`] and is then closed.
    pub connections: usize,
    /// Bytes of encoded pages in memory, those that are being sent included. Two pages always fit. Above it, requests
    /// share a page, and clients that do not keep up are disconnected.
    pub response_bytes: usize,
    /// Age up to which a page is shared while memory or connections are short; time after which a client is
    /// expected to keep up; time that a request waits for memory and a new connection for another one's end.
    pub stall: Duration,
    /// Age up to which a page is shared while all memory is held by clients that keep up.
    pub shared: Duration,
    /// Time in which a client that keeps up reads a whole response. Slower ones are served too, until
    /// connections or memory are short.
    pub pace: Duration,
    /// Time from the start of a connection, or from the first byte of a further request, to the
    /// end of the request's head; time after the end of a response in which a closing client has to read it.
    pub head: Duration,
    /// Time from the end of a response to the first byte of the next request.
    pub idle: Duration,
    /// Time in which a client has to read [`Limits::write_bytes`] of its response, or the rest.
    pub write: Duration,
    /// Bytes of a response to be read in each period of [`Limits::write`].
    pub write_bytes: u64,
    /// Time in which a client has to read a whole response.
    pub response: Duration,
    /// Time that responses in progress have to finish at shutdown.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            response_bytes: 24 * 1024 * 1024,
            stall: Duration::from_secs(1),
            shared: Duration::from_secs(5),
            // The scrape timeout of Prometheus, unless it is configured.
            pace: Duration::from_secs(10),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            write: Duration::from_secs(10),
            write_bytes: 64 * 1024,
            response: Duration::from_mins(1),
            stop: Duration::from_secs(5),
        }
    }
}
