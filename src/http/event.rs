//! Events of the HTTP server, for its metrics.
//!
//! Invariant: an event contains nothing that a client sent.

use std::time::Duration;

/// Something that happened in the HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpEvent {
    /// A connection was accepted; its [`HttpEvent::Closed`] follows.
    Opened,
    /// A connection ended.
    Closed,
    /// A connection was closed to make room for another one.
    Displaced,
    /// A connection was closed at once: the limit was reached and no other could be displaced.
    Refused,
    /// The system refused to accept a connection, for lack of descriptors or memory.
    AcceptFailed,
    /// A TLS handshake failed: no common version, a certificate that was not accepted, garbage, or the deadline.
    HandshakeFailed,
    /// A response was produced.
    Responded {
        /// Page that was requested.
        page: Page,
        /// Status code of the response.
        status: u16,
    },
    /// The metrics were gathered and encoded.
    Scraped {
        /// Time that gathering and encoding took together.
        took: Duration,
    },
}

/// A path that is served, or any other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Page {
    /// Page for people.
    Landing,
    /// Status for programs.
    Status,
    /// Metrics.
    Metrics,
    /// Liveness of the process.
    Healthy,
    /// Readiness of the daemon.
    Ready,
    /// Order to read the configuration again.
    Reload,
    /// Order to shut down.
    Quit,
    /// Any other path, and requests that could not be parsed.
    Other,
}

impl Page {
    /// Returns the name of the page in metrics: its path unless that is configured, or `<other>`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Landing => "/",
            Self::Status => "/api/v1/status",
            Self::Healthy => "/-/healthy",
            Self::Ready => "/-/ready",
            Self::Reload => "/-/reload",
            Self::Quit => "/-/quit",
            Self::Other => "<other>",
        }
    }
}

/// Receives events, from any thread; must not block.
pub trait Observer: Send + Sync {
    /// Records one event.
    fn observe(&self, event: HttpEvent);
}
