//! Gathers and encodes the metrics for `/metrics`.
//!
//! Invariants:
//! - One page is encoded at a time. A request that ends does not end its encoding, which others may wait for.
//! - A response contains nothing older than its request, unless memory or connections are short; then it is at most
//!   [`Limits::stall`] old, or [`Limits::shared`] if all memory is held by clients that keep up.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::connections::Connections;
use super::event::HttpEvent;
use super::limits::Limits;
use super::memory::{EncodedPage, PageMemory, Reservation};
use crate::expose::{Format, Options};
use crate::model::Families;

/// Time in which the memory of a client that was disconnected is freed.
const EVICTION: Duration = Duration::from_millis(100);

/// A source of metrics.
pub trait Scrape: Send + Sync {
    /// Returns all families as of one instant; may block.
    fn families(&self) -> Families;

    /// Returns the options of the encoding.
    fn options(&self) -> Options {
        Options::default()
    }
}

/// The reason for which a request gets no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// All memory is held by clients that keep up.
    Busy,
    /// The runtime is shutting down.
    Stopping,
}

/// Encodes pages, one at a time. Requests of a format that arrive during an encoding share the next one.
pub(super) struct Scraper {
    source: Arc<dyn Scrape>,
    connections: Arc<Connections>,
    limits: Limits,
    memory: Arc<PageMemory>,
    state: Mutex<State>,
    /// Requests without a page yet.
    waiting: AtomicUsize,
    /// Notified when an encoding has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// Number of the last encoding that was started.
    begun: u64,
    is_encoding: bool,
    /// The last page of each format.
    latest: Vec<Latest>,
    /// Payload of a panic of the last encoding.
    panicked: Option<Box<dyn Any + Send>>,
    is_stopping: bool,
}

/// The last page of a format.
struct Latest {
    format: Format,
    number: u64,
    started: Duration,
    page: EncodedPage,
}

/// Next step of a request.
enum Next {
    Send(Result<EncodedPage, NoPage>),
    Encode(Encoding),
    WaitForPage,
    WaitForMemory,
}

/// An encoding that was not finished. When dropped, the next one may begin.
struct Encoding {
    scraper: Arc<Scraper>,
    format: Format,
    buffer: Option<Reservation>,
    number: u64,
    started: Duration,
}

/// Counts a request while it waits for its page.
struct WaitingRequest<'s>(&'s Scraper);

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
            memory: PageMemory::new(limits.response_bytes),
            state: Mutex::default(),
            waiting: AtomicUsize::default(),
            ended: Notify::new(),
        }
    }

    /// Returns an encoded page.
    pub(super) async fn page(self: Arc<Self>, format: Format) -> Result<EncodedPage, NoPage> {
        let _waiting = WaitingRequest::new(&self);
        let begun_before = self.lock().begun;
        let deadline = Instant::now() + self.limits.stall;
        loop {
            // From here on, no notification is missed.
            let (ended, freed) = (self.ended.notified(), self.memory.freed.notified());
            match self.next(format, begun_before, Instant::now() >= deadline) {
                Next::Send(outcome) => return outcome,
                Next::Encode(encoding) => {
                    // The encoding reports its own end.
                    drop(tokio::task::spawn_blocking(move || encoding.run()));
                    ended.await;
                }
                Next::WaitForPage => ended.await,
                Next::WaitForMemory => {
                    let either = async {
                        tokio::select! {
                            () = ended => {}
                            () = freed => {}
                        }
                    };
                    // Clients that were just disconnected need a moment to end. The next pass checks the deadline.
                    let until = deadline.max(Instant::now() + EVICTION);
                    let _ = timeout_at(until, either).await;
                }
            }
        }
    }

    /// Decides what a request does that arrived after `begun_before` encodings had begun.
    fn next(self: &Arc<Self>, format: Format, begun_before: u64, is_late: bool) -> Next {
        let mut state = self.lock();
        if let Some(payload) = state.panicked.take() {
            drop(state);
            // Ends the connection's task with the panic, and thereby the server.
            resume_unwind(payload);
        }
        if state.is_stopping {
            return Next::Send(Err(NoPage::Stopping));
        }
        let (is_short, is_crowded) = (self.memory.is_short(), self.connections.are_short());
        if let Some(latest) = state.latest_of(format) {
            // While connections are short, an encoding may take longer than a page may be shared.
            let longest = if is_crowded && state.is_encoding {
                self.limits.shared
            } else {
                self.limits.stall
            };
            let is_fresh = latest.number > begun_before;
            let may_share = is_short || is_crowded;
            if is_fresh || (may_share && self.since(latest.started) < longest) {
                return Next::Send(Ok(latest.page.clone()));
            }
        }
        if state.is_encoding {
            return Next::WaitForPage;
        }
        // Frees the last page of the format before the next one is encoded, unless it may have to be shared until then.
        // Requests may wait for those of other formats.
        state.latest.retain(|latest| {
            if is_short {
                latest.page.is_being_sent()
            } else {
                is_crowded || latest.format != format
            }
        });
        let number = state.begun + 1;
        if let Some(buffer) = self.memory.reserve(number) {
            state.begun = number;
            state.is_encoding = true;
            return Next::Encode(Encoding {
                scraper: Arc::clone(self),
                format,
                buffer: Some(buffer),
                number,
                started: self.connections.clock.monotonic(),
            });
        }
        if self.connections.evict_readers_behind() {
            return Next::WaitForMemory;
        }
        match state.latest_of(format) {
            Some(latest) if self.since(latest.started) < self.limits.shared => {
                Next::Send(Ok(latest.page.clone()))
            }
            _ if is_late => Next::Send(Err(NoPage::Busy)),
            _ => Next::WaitForMemory,
        }
    }

    fn since(&self, earlier: Duration) -> Duration {
        self.connections.clock.monotonic().saturating_sub(earlier)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn latest_of(&self, format: Format) -> Option<&Latest> {
        self.latest.iter().find(|latest| latest.format == format)
    }
}

impl Encoding {
    /// Gathers and encodes, and publishes the page.
    fn run(mut self) {
        let Some(mut buffer) = self.buffer.take() else {
            return;
        };
        let scraper = Arc::clone(&self.scraper);
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            let families = scraper.source.families();
            let options = scraper.source.options();
            self.format.encode(&families, options, &mut buffer.bytes);
            buffer.finish()
        }));
        let mut state = scraper.lock();
        match encoded {
            Ok(page) => {
                let took = scraper.since(self.started);
                scraper
                    .connections
                    .observer
                    .observe(HttpEvent::Scraped { took });
                let (format, number, started) = (self.format, self.number, self.started);
                state.latest.retain(|latest| latest.format != format);
                state.latest.push(Latest {
                    format,
                    number,
                    started,
                    page,
                });
                scraper.forget_unless_needed(&mut state);
            }
            Err(payload) => state.panicked = Some(payload),
        }
    }
}

impl Drop for Encoding {
    fn drop(&mut self) {
        let mut state = self.scraper.lock();
        state.is_encoding = false;
        // A buffer that was not used: the runtime has dropped the encoding.
        state.is_stopping |= self.buffer.is_some();
        drop(state);
        self.scraper.ended.notify_waiters();
    }
}

impl Scraper {
    /// Frees the last pages unless a request waits for one or will have to share it.
    fn forget_unless_needed(&self, state: &mut State) {
        let is_waited_for = self.waiting.load(Ordering::Acquire) > 0;
        if !is_waited_for && !self.memory.is_short() && !self.connections.are_short() {
            state.latest.clear();
        }
    }
}

impl<'s> WaitingRequest<'s> {
    fn new(scraper: &'s Scraper) -> Self {
        scraper.waiting.fetch_add(1, Ordering::AcqRel);
        Self(scraper)
    }
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        self.0.forget_unless_needed(&mut self.0.lock());
    }
}
