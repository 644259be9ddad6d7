//! Gathers metrics and encodes them: for `/metrics`, and for pages for people.
//!
//! Invariants:
//! - One page is encoded at a time. A request that ends does not end its encoding, which others may wait for.
//! - A response contains nothing older than its request, unless memory or connections are short; then it is at most
//!   [`Limits::stall`] old, or [`Limits::shared`] if all memory is held by clients that keep up. A page for people may be older too,
//!   as [`Representation::shared`] says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::buffers::Buffers;
use super::connections::Connections;
use super::event::HttpEvent;
use super::limits::Limits;
use super::memory::{EncodedPage, PageMemory};
use super::paths::Paths;
use super::representation::{Content, Representation, Wanted};
use super::source::Scrape;
use crate::model::Families;

/// Time in which the memory of a client that was disconnected is freed.
const EVICTION: Duration = Duration::from_millis(100);

/// The reason for which a request gets no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// All memory is held by clients that keep up.
    Busy,
    /// The client waits for less time than the page takes.
    Late,
    /// The runtime is shutting down.
    Stopping,
}

/// Encodes pages, one at a time. Requests that arrive during a gathering share the next one, and those for equal pages
/// share the page.
pub(super) struct Scraper {
    source: Arc<dyn Scrape>,
    connections: Arc<Connections>,
    limits: Limits,
    paths: Arc<Paths>,
    memory: Arc<PageMemory>,
    state: Mutex<State>,
    /// Requests without a page yet.
    waiting: AtomicUsize,
    /// Notified when an encoding has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// Number of the last gathering that was started.
    begun: u64,
    /// Number of the last buffer.
    buffers: u64,
    is_encoding: bool,
    /// The last gathering, while requests wait that may need it in another representation.
    gathered: Option<Gathered>,
    /// The last page of each representation.
    latest: Vec<Latest>,
    is_stopping: bool,
}

/// The metrics of one instant.
#[derive(Clone)]
struct Gathered {
    number: u64,
    started: Duration,
    families: Families,
}

/// The last page of a representation.
struct Latest {
    representation: Representation,
    /// Number and start of its gathering.
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
    representation: Representation,
    buffers: Option<Buffers>,
    source: Source,
    started: Duration,
}

/// Source of the families of an encoding.
enum Source {
    /// They have to be gathered, with this number.
    Gather(u64),
    Gathered(Gathered),
}

/// Counts a request while it waits for its page.
struct WaitingRequest<'s>(&'s Scraper);

impl Scraper {
    pub(super) fn new(
        source: Arc<dyn Scrape>,
        connections: Arc<Connections>,
        limits: Limits,
        paths: Arc<Paths>,
    ) -> Self {
        Self {
            source,
            connections,
            limits,
            paths,
            memory: PageMemory::new(limits.response_bytes),
            state: Mutex::default(),
            waiting: AtomicUsize::default(),
            ended: Notify::new(),
        }
    }

    /// Returns the page that a request asks for, unless it waits for less time than that takes.
    pub(super) async fn page_within(
        self: Arc<Self>,
        wanted: &Wanted,
    ) -> Result<EncodedPage, NoPage> {
        let page = self.page(wanted.representation.clone());
        match wanted.within {
            Some(within) => timeout(within, page).await.unwrap_or(Err(NoPage::Late)),
            None => page.await,
        }
    }

    /// Returns an encoded page.
    async fn page(self: Arc<Self>, wanted: Representation) -> Result<EncodedPage, NoPage> {
        let _waiting = WaitingRequest::new(&self);
        let begun_before = self.lock().begun;
        let deadline = Instant::now() + self.limits.stall;
        loop {
            // From here on, no notification is missed.
            let (ended, freed) = (self.ended.notified(), self.memory.freed.notified());
            match self.next(&wanted, begun_before, Instant::now() >= deadline) {
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

    /// Decides what a request does that arrived after `begun_before` gatherings had begun.
    fn next(self: &Arc<Self>, wanted: &Representation, begun_before: u64, is_late: bool) -> Next {
        let mut state = self.lock();
        if state.is_stopping {
            return Next::Send(Err(NoPage::Stopping));
        }
        let (is_short, is_crowded) = (self.memory.is_short(), self.connections.are_short());
        if let Some(latest) = state.latest_of(wanted) {
            // While connections are short, an encoding may take longer than a page may be shared.
            let longest = if is_crowded && state.is_encoding {
                self.limits.shared
            } else {
                self.limits.stall
            };
            let is_fresh = latest.number > begun_before;
            let age = self.since(latest.started);
            let may_share = is_short || is_crowded;
            if is_fresh || age < wanted.shared() || (may_share && age < longest) {
                return Next::Send(Ok(latest.page.clone()));
            }
        }
        if state.is_encoding {
            return Next::WaitForPage;
        }
        // Frees the last equal page before the next one is encoded, unless it may have to be shared until then. Requests may
        // wait for others.
        state.latest.retain(|latest| {
            if is_short {
                latest.page.is_being_sent()
            } else {
                is_crowded || latest.representation != *wanted
            }
        });
        if let Some(buffers) = Buffers::reserve(&self.memory, &mut state.buffers, wanted.coding) {
            let gathered = state.gathered.clone();
            let source = if let Some(gathered) = gathered.filter(|one| one.number > begun_before) {
                Source::Gathered(gathered)
            } else {
                state.begun += 1;
                Source::Gather(state.begun)
            };
            state.is_encoding = true;
            return Next::Encode(Encoding {
                scraper: Arc::clone(self),
                representation: wanted.clone(),
                buffers: Some(buffers),
                source,
                started: self.connections.clock.monotonic(),
            });
        }
        if self.connections.evict_readers_behind() {
            return Next::WaitForMemory;
        }
        match state.latest_of(wanted) {
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
    fn latest_of(&self, wanted: &Representation) -> Option<&Latest> {
        let mut latest = self.latest.iter();
        latest.find(|latest| latest.representation == *wanted)
    }
}

impl Encoding {
    /// Gathers and encodes, and publishes the page.
    fn run(mut self) {
        let Some(buffers) = self.buffers.take() else {
            return;
        };
        let scraper = Arc::clone(&self.scraper);
        let gathered = self.gather();
        let (families, source) = (&gathered.families, &*scraper.source);
        let page = buffers.encode(&self.representation, families, source, &scraper.paths);
        let mut state = scraper.lock();
        if let Content::Metrics { .. } = self.representation.content {
            let took = scraper.since(self.started);
            let observer = &scraper.connections.observer;
            observer.observe(HttpEvent::Scraped { took });
        }
        let representation = self.representation.clone();
        state
            .latest
            .retain(|latest| latest.representation != representation);
        state.latest.push(Latest {
            representation,
            number: gathered.number,
            started: gathered.started,
            page,
        });
        state.gathered = Some(gathered);
        scraper.forget_unless_needed(&mut state);
    }

    fn gather(&self) -> Gathered {
        match &self.source {
            Source::Gathered(gathered) => gathered.clone(),
            Source::Gather(number) => Gathered {
                number: *number,
                started: self.started,
                families: self.scraper.source.families(),
            },
        }
    }
}

impl Drop for Encoding {
    fn drop(&mut self) {
        let mut state = self.scraper.lock();
        state.is_encoding = false;
        // A buffer that was not used: the runtime has dropped the encoding.
        state.is_stopping |= self.buffers.is_some();
        drop(state);
        self.scraper.ended.notify_waiters();
    }
}

impl Scraper {
    /// Frees the last pages unless a request waits for one or may have to share it, and the last gathering unless a request
    /// waits.
    fn forget_unless_needed(&self, state: &mut State) {
        let is_waited_for = self.waiting.load(Ordering::Acquire) > 0;
        if !is_waited_for {
            state.gathered = None;
        }
        if !is_waited_for && !self.memory.is_short() && !self.connections.are_short() {
            let shared = |latest: &Latest| latest.representation.shared();
            (state.latest).retain(|latest| self.since(latest.started) < shared(latest));
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
