//! What the web side tells whoever counts.
//!
//! Invariant: an event carries this program's own words only, nothing a client sent.

use std::time::Duration;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A connection was taken in; its [`Event::Closed`] follows.
    Opened,
    /// A connection ended.
    Closed,
    /// A connection was closed to make room for another one.
    Displaced,
    /// A connection was closed at once: there was no room and nobody to displace.
    Refused,
    /// The system gave no connection, for want of descriptors or memory.
    AcceptFailed,
    /// A request was answered.
    Answered {
        /// What was asked for.
        page: Page,
        /// The status of the answer.
        status: u16,
    },
    /// A scrape was gathered and encoded.
    Scraped {
        /// How long both took together.
        took: Duration,
        /// Size of the result.
        bytes: usize,
    },
}

/// A path that is served, or none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Page {
    /// What this is, for people.
    Landing,
    /// The scrape.
    Metrics,
    /// Whether the process lives.
    Healthy,
    /// Whether it does its work.
    Ready,
    /// Any other path, and requests that could not be read.
    Other,
}

impl Page {
    /// The pages that are served.
    pub const SERVED: [Self; 4] = [Self::Landing, Self::Metrics, Self::Healthy, Self::Ready];

    /// The path; `<other>` if it is none of ours.
    pub fn path(self) -> &'static str {
        match self {
            Self::Landing => "/",
            Self::Metrics => "/metrics",
            Self::Healthy => "/-/healthy",
            Self::Ready => "/-/ready",
            Self::Other => "<other>",
        }
    }

    /// The page at a path.
    pub fn at(path: &str) -> Self {
        Self::SERVED
            .into_iter()
            .find(|page| page.path() == path)
            .unwrap_or(Self::Other)
    }
}

/// Is told of events, from any thread; must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: Event);
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _event: Event) {}
}
