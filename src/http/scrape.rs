//! Gathers and encodes the metrics for `/metrics`.
//!
//! Invariant: a response contains nothing older than its request, unless the memory for responses
//! is used up; then it is at most [`Limits::stall`] old. Encoded responses hold no more memory than
//! [`Limits::response_bytes`] and a few responses more.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::Mutex;

use super::connections::Connections;
use super::event::HttpEvent;
use super::limits::Limits;
use super::response::BodyMemory;
use crate::expose::encode_text;
use crate::model::Families;

/// A source of metrics.
pub trait Scrape: Send + Sync {
    /// Returns all families as of one instant; may block.
    fn families(&self) -> Families;
}

/// Scrapes, one at a time. Requests that arrive during a scrape share the next one.
pub(super) struct Scraper {
    source: Arc<dyn Scrape>,
    connections: Arc<Connections>,
    limits: Limits,
    /// Scrapes started so far.
    started: AtomicU64,
    /// Requests without a body yet.
    waiting: AtomicUsize,
    memory: BodyMemory,
    /// Size of the last body, in bytes: the next one's buffer starts with a little more.
    last_bytes: AtomicUsize,
    /// Locked by the request that scrapes.
    latest: Mutex<Option<Latest>>,
}

/// The result of the last scrape.
struct Latest {
    number: u64,
    started: Duration,
    body: Bytes,
}

/// Counts a request while it waits for its body.
struct WaitingRequest<'s>(&'s AtomicUsize);

impl Scraper {
    pub(super) fn new(
        source: Arc<dyn Scrape>,
        connections: Arc<Connections>,
        limits: Limits,
    ) -> Self {
        Self {
            source,
            connections,
            limits,
            started: AtomicU64::default(),
            waiting: AtomicUsize::default(),
            memory: BodyMemory::default(),
            last_bytes: AtomicUsize::default(),
            latest: Mutex::default(),
        }
    }

    /// Returns an encoded scrape, or `None` if the runtime is shutting down.
    pub(super) async fn body(self: Arc<Self>) -> Option<Bytes> {
        let waiting = WaitingRequest::new(&self.waiting);
        let started_before = self.started.load(Ordering::Acquire);
        let mut latest = self.latest.lock().await;
        let body = match self.reusable(started_before, latest.as_ref()) {
            Some(body) => body,
            None => self.scrape(&mut latest).await?,
        };
        drop(waiting);
        if self.waiting.load(Ordering::Acquire) == 0 && !self.is_full() {
            *latest = None;
        }
        Some(body)
    }

    /// Returns the last body if its scrape started after the request arrived, or if memory is used
    /// up and the body is not too old.
    fn reusable(&self, started_before: u64, latest: Option<&Latest>) -> Option<Bytes> {
        let latest = latest?;
        let age = self.since(latest.started);
        let is_fresh = latest.number > started_before;
        (is_fresh || (self.is_full() && age < self.limits.stall)).then(|| latest.body.clone())
    }

    async fn scrape(self: &Arc<Self>, latest: &mut Option<Latest>) -> Option<Bytes> {
        // Frees the last body before the next one is allocated.
        *latest = None;
        if self.is_full() {
            self.connections.evict_stalled(self.limits.stall);
        }
        let number = self.started.fetch_add(1, Ordering::AcqRel) + 1;
        let started = self.connections.clock.monotonic();
        let scraper = Arc::clone(self);
        let body = match tokio::task::spawn_blocking(move || scraper.encode(started)).await {
            Ok(body) => body,
            // Ends the connection's task with a panic, and thereby the server.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => return None,
        };
        *latest = Some(Latest {
            number,
            started,
            body: body.clone(),
        });
        Some(body)
    }

    fn encode(&self, started: Duration) -> Bytes {
        let last = self.last_bytes.load(Ordering::Relaxed);
        // Counters gain digits, and families gain series, between two scrapes.
        let mut bytes = Vec::with_capacity(last + last / 16);
        encode_text(&self.source.families(), &mut bytes);
        self.last_bytes.store(bytes.len(), Ordering::Relaxed);
        let took = self.since(started);
        self.connections
            .observer
            .observe(HttpEvent::Scraped { took });
        self.memory.count(bytes)
    }

    fn since(&self, earlier: Duration) -> Duration {
        self.connections.clock.monotonic().saturating_sub(earlier)
    }

    /// Returns whether clients have left too many bytes unread.
    fn is_full(&self) -> bool {
        self.memory.held() > self.limits.response_bytes
    }
}

impl<'s> WaitingRequest<'s> {
    fn new(count: &'s AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
