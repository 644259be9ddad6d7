//! What stands behind `/metrics`.
//!
//! Invariant: an answer shows nothing older than the request, unless memory for answers is used
//! up; then it is at most [`Limits::stall`] old. Encoded answers take no more memory than
//! [`Limits::answer_bytes`] and a few answers more.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use super::progress::Table;
use super::{Event, Limits, Observer};
use crate::clock::Clock;
use crate::expose::encode_text;
use crate::model::Families;

/// Gives the families of one instant.
pub trait Scrape: Send + Sync {
    /// Everything to show; may take locks, runs on a thread that may block.
    fn families(&self) -> Families;
}

/// Scrapes, one at a time. Requests that come while one runs share the next.
pub(super) struct Scraper {
    source: Arc<dyn Scrape>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    table: Arc<Table>,
    limits: Limits,
    /// Scrapes begun so far.
    begun: AtomicU64,
    /// Requests that have no answer yet.
    asking: AtomicUsize,
    /// Bytes in all answers that live.
    held: Arc<AtomicUsize>,
    /// Of the last answer, to size the next one's buffer.
    size: AtomicUsize,
    turn: Mutex<Option<Latest>>,
}

/// The last scrape's result.
struct Latest {
    /// Which scrape it was.
    number: u64,
    /// When it began.
    at: Duration,
    body: Bytes,
}

/// An answer's bytes, counted while they live.
struct Counted {
    bytes: Vec<u8>,
    held: Arc<AtomicUsize>,
}

/// A request that has no answer yet.
struct Asking<'s>(&'s AtomicUsize);

impl Scraper {
    pub(super) fn new(
        source: Arc<dyn Scrape>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        table: Arc<Table>,
        limits: Limits,
    ) -> Self {
        Self {
            source,
            clock,
            observer,
            table,
            limits,
            begun: AtomicU64::new(0),
            asking: AtomicUsize::new(0),
            held: Arc::default(),
            size: AtomicUsize::new(0),
            turn: Mutex::const_new(None),
        }
    }

    /// An encoded scrape; `None` if the runtime is going down.
    pub(super) async fn body(self: Arc<Self>) -> Option<Bytes> {
        let asking = Asking::new(&self.asking);
        let asked = self.begun.load(Ordering::Acquire);
        let mut latest = self.turn.lock().await;
        let body = match self.shared(asked, latest.as_ref()) {
            Some(body) => body,
            None => self.next(&mut latest).await?,
        };
        drop(asking);
        if self.asking.load(Ordering::Acquire) == 0 && !self.is_full() {
            *latest = None;
        }
        Some(body)
    }

    /// The last answer, if its scrape began after this request came, or if there is no memory
    /// for another one and it is not old.
    fn shared(&self, asked: u64, latest: Option<&Latest>) -> Option<Bytes> {
        let latest = latest?;
        let age = self.clock.monotonic().saturating_sub(latest.at);
        let fresh = latest.number > asked;
        (fresh || (self.is_full() && age < self.limits.stall)).then(|| latest.body.clone())
    }

    async fn next(self: &Arc<Self>, latest: &mut MutexGuard<'_, Option<Latest>>) -> Option<Bytes> {
        // Frees its memory before the next answer takes its own.
        **latest = None;
        if self.is_full() {
            self.table.relieve(self.limits.stall);
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let at = self.clock.monotonic();
        let worker = Arc::clone(self);
        let body = match tokio::task::spawn_blocking(move || worker.encode(at)).await {
            Ok(body) => body,
            // The connection's task passes it on, and with it the server ends.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => return None,
        };
        **latest = Some(Latest {
            number,
            at,
            body: body.clone(),
        });
        Some(body)
    }

    fn encode(&self, begun: Duration) -> Bytes {
        let last = self.size.load(Ordering::Relaxed);
        // Counters gain digits and series between two scrapes.
        let mut bytes = Vec::with_capacity(last + last / 16);
        encode_text(&self.source.families(), &mut bytes);
        self.size.store(bytes.len(), Ordering::Relaxed);
        self.observer.observe(Event::Scraped {
            took: self.clock.monotonic().saturating_sub(begun),
            bytes: bytes.len(),
        });
        self.held.fetch_add(bytes.len(), Ordering::AcqRel);
        Bytes::from_owner(Counted {
            bytes,
            held: Arc::clone(&self.held),
        })
    }

    /// Whether clients have left too many bytes untaken.
    fn is_full(&self) -> bool {
        self.held.load(Ordering::Acquire) > self.limits.answer_bytes
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len(), Ordering::AcqRel);
    }
}

impl<'s> Asking<'s> {
    fn new(count: &'s AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
