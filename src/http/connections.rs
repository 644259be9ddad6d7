//! Registers open connections, and decides which one to close when room is needed.
//!
//! Invariant: a connection is listed from its [`Registration`] on until that is dropped or
//! evicted, and is evicted at most once; every `Opened` event is followed by one `Closed`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::event::{HttpEvent, Observer};
use super::limits::Limits;
use super::memory::PageNumber;
use super::transfer::Transfer;
use crate::clock::Clock;

/// Time in which the first bytes of an honest client arrive, once it has connected.
const FIRST_BYTES: Duration = Duration::from_millis(250);
/// Time in which the rest of an honest client's head arrives, once its first bytes have.
const REST_OF_HEAD: Duration = Duration::from_secs(1);
/// Time for which a client that reads may pause.
const PAUSE: Duration = Duration::from_millis(250);
/// Least time that a client has to send its first bytes: 512 connections are replaced 10,000 times a second.
const LEAST_FIRST_BYTES: Duration = Duration::from_millis(50);
/// Least time for which a client that reads may pause.
const LEAST_PAUSE: Duration = Duration::from_millis(20);

/// Stage of a connection's current request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No byte of the next request has arrived, or the last response has been sent and the connection is closing.
    Idle { since: Duration },
    /// The head of a request has begun to arrive.
    Head { since: Duration },
    /// The response is being produced.
    Working,
    /// The response is being written.
    Responding(Transfer),
}

/// All open connections, by age.
pub(super) struct Connections {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) limits: Limits,
    open: Mutex<BTreeMap<u64, Arc<Progress>>>,
    registered: AtomicU64,
    is_stopping: AtomicBool,
    stopping: Notify,
}

/// One registered connection; held as long as its socket.
pub(super) struct Registration {
    connections: Arc<Connections>,
    id: u64,
    progress: Arc<Progress>,
}

#[derive(Debug)]
struct Progress {
    phase: Mutex<Phase>,
    evicted: Notify,
}

impl Connections {
    pub(super) fn new(clock: Arc<dyn Clock>, observer: Arc<dyn Observer>, limits: Limits) -> Self {
        Self {
            clock,
            observer,
            limits,
            open: Mutex::default(),
            registered: AtomicU64::default(),
            is_stopping: AtomicBool::default(),
            stopping: Notify::new(),
        }
    }

    /// Registers a connection.
    pub(super) fn register(self: &Arc<Self>) -> Registration {
        let id = self.registered.fetch_add(1, Ordering::Relaxed);
        let since = self.clock.monotonic();
        let progress = Arc::new(Progress {
            phase: Mutex::new(Phase::Idle { since }),
            evicted: Notify::new(),
        });
        self.lock().insert(id, Arc::clone(&progress));
        self.observer.observe(HttpEvent::Opened);
        Registration {
            connections: Arc::clone(self),
            id,
            progress,
        }
    }

    /// Returns whether three quarters of the connections are open.
    pub(super) fn are_short(&self) -> bool {
        self.lock().len() >= self.limits.connections - self.limits.connections / 4
    }

    /// Evicts the connection that is needed least. Returns false if all are needed.
    pub(super) fn displace(&self) -> bool {
        let mut open = self.lock();
        let phases = || open.iter().map(|(id, progress)| (*id, progress.phase()));
        let prevail = |is_of: fn(&Phase) -> bool| {
            let count = phases().filter(|(_, phase)| is_of(phase)).count();
            count > self.limits.connections / 2
        };
        let order = Order {
            now: self.clock.monotonic(),
            limits: &self.limits,
            heads_prevail: prevail(|phase| matches!(phase, Phase::Head { .. })),
            responses_prevail: prevail(|phase| matches!(phase, Phase::Responding(_))),
        };
        let ranks = phases().filter_map(|(id, phase)| Some((order.rank(phase)?, id)));
        let Some((_, id)) = ranks.min() else {
            return false;
        };
        if let Some(progress) = open.remove(&id) {
            progress.evicted.notify_one();
        }
        true
    }

    /// Evicts the readers of the oldest page that is sent only to clients that do not keep up. Returns false if there
    /// is none.
    pub(super) fn evict_readers_behind(&self) -> bool {
        let now = self.clock.monotonic();
        let mut open = self.lock();
        let mut pages: BTreeMap<PageNumber, bool> = BTreeMap::new();
        for progress in open.values() {
            if let Phase::Responding(transfer) = progress.phase()
                && let Some(page) = transfer.page
            {
                let are_behind = pages.entry(page).or_insert(true);
                *are_behind &= transfer.is_behind(now, &self.limits);
            }
        }
        let Some((slow, _)) = pages.into_iter().find(|(_, are_behind)| *are_behind) else {
            return false;
        };
        open.retain(|_, progress| match progress.phase() {
            Phase::Responding(transfer) if transfer.page == Some(slow) => {
                progress.evicted.notify_one();
                false
            }
            _ => true,
        });
        true
    }

    /// Records that the server is stopping: connections close without waiting for their clients.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.stopping.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Progress>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The order in which connections are closed for others.
struct Order<'l> {
    now: Duration,
    limits: &'l Limits,
    /// More than half of all connections wait for the rest of a head: it may be an attack.
    heads_prevail: bool,
    /// More than half of all connections have a response to read.
    responses_prevail: bool,
}

impl Order<'_> {
    /// Returns the rank of a connection, the lowest is closed first; `None` for one that is needed: its response is
    /// being produced, its client is reading or sending a request, or it has just connected.
    fn rank(&self, phase: Phase) -> Option<(u8, Duration)> {
        let is_for = |since: Duration, time| self.now.saturating_sub(since) >= time;
        let (rank, since) = match phase {
            Phase::Idle { since } if is_for(since, FIRST_BYTES) => (0, since),
            Phase::Idle { since } if is_for(since, LEAST_FIRST_BYTES) => (4, since),
            Phase::Head { since } if is_for(since, REST_OF_HEAD) => (3, since),
            Phase::Head { since } if self.heads_prevail => (6, since),
            Phase::Responding(transfer) if transfer.is_behind(self.now, self.limits) => {
                (1, transfer.began)
            }
            Phase::Responding(transfer) => match transfer.stalled? {
                since if is_for(since, PAUSE) => (2, since),
                since if is_for(since, LEAST_PAUSE) && self.responses_prevail => (5, since),
                _ => return None,
            },
            Phase::Idle { .. } | Phase::Head { .. } | Phase::Working => return None,
        };
        Some((rank, since))
    }
}

impl Registration {
    /// Completes once the connection has to close.
    pub(super) async fn evicted(&self) {
        self.progress.evicted.notified().await;
    }

    /// Completes once the server is stopping.
    pub(super) async fn stopped(&self) {
        let stopped = self.connections.stopping.notified();
        if !self.is_stopping() {
            stopped.await;
        }
    }

    /// Returns whether the server is stopping.
    pub(super) fn is_stopping(&self) -> bool {
        self.connections.is_stopping.load(Ordering::Acquire)
    }

    pub(super) fn phase(&self) -> Phase {
        self.progress.phase()
    }

    /// Records that a response was handed to the system and nothing of the next request has arrived. The connection
    /// counts as idle after `tail`.
    pub(super) fn set_idle(&self, tail: Duration) {
        let since = self.now() + tail;
        self.set(Phase::Idle { since });
    }

    /// Records that a request has begun to arrive, if none had before.
    pub(super) fn set_head(&self) {
        if let Phase::Idle { .. } = self.phase() {
            self.set(Phase::Head { since: self.now() });
        }
    }

    /// Records that the request is complete.
    pub(super) fn set_working(&self) {
        self.set(Phase::Working);
    }

    /// Records that a response of this length, in bytes, is being sent.
    pub(super) fn set_responding(&self, length: u64, page: Option<PageNumber>) {
        let transfer = Transfer::new(self.now(), length, page);
        self.set(Phase::Responding(transfer));
    }

    /// Records that bytes of a response were handed to the system.
    pub(super) fn record_written(&self, bytes: u64) {
        if let Phase::Responding(transfer) = &mut *self.progress.lock() {
            transfer.written += bytes;
            transfer.stalled = None;
        }
    }

    /// Records that the client reads nothing of its response; the first of several calls in a row
    /// sets the time.
    pub(super) fn record_stalled(&self) {
        let now = self.now();
        if let Phase::Responding(transfer) = &mut *self.progress.lock() {
            transfer.stalled.get_or_insert(now);
        }
    }

    fn set(&self, phase: Phase) {
        *self.progress.lock() = phase;
    }

    fn now(&self) -> Duration {
        self.connections.clock.monotonic()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
        self.connections.observer.observe(HttpEvent::Closed);
    }
}

impl Progress {
    fn phase(&self) -> Phase {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);
    const MEGABYTE: u64 = 1 << 20;

    #[derive(Default)]
    struct Events(Mutex<Vec<HttpEvent>>);

    impl Observer for Events {
        fn observe(&self, event: HttpEvent) {
            self.0.lock().unwrap().push(event);
        }
    }

    struct Fixture<const N: usize> {
        connections: Arc<Connections>,
        registered: [Registration; N],
        clock: Arc<ManualClock>,
        events: Arc<Events>,
    }

    fn registered<const N: usize>() -> Fixture<N> {
        let clock = Arc::<ManualClock>::default();
        let events = Arc::<Events>::default();
        let limits = Limits {
            connections: N,
            ..Limits::default()
        };
        let connections = Connections::new(clock.clone(), events.clone(), limits);
        let connections = Arc::new(connections);
        Fixture {
            registered: std::array::from_fn(|_| connections.register()),
            connections,
            clock,
            events,
        }
    }

    impl<const N: usize> Fixture<N> {
        fn listed(&self) -> [bool; N] {
            let open = self.connections.lock();
            std::array::from_fn(|n| open.contains_key(&self.registered[n].id))
        }

        /// Displaces until all are needed, and returns the numbers in their sequence.
        fn displaced(&self) -> Vec<usize> {
            let mut displaced = Vec::new();
            let mut before = self.listed();
            while self.connections.displace() {
                let after = self.listed();
                displaced.extend((0..N).filter(|n| before[*n] && !after[*n]));
                before = after;
            }
            displaced
        }

        fn respond(&self, n: usize, page: u64) {
            self.registered[n].set_responding(10 * MEGABYTE, Some(PageNumber(page)));
        }
    }

    #[test]
    fn connections_are_displaced_in_the_order_in_which_they_are_needed() {
        let fixture = registered::<10>();
        let [
            reading,
            pausing,
            stalled,
            behind,
            working,
            head,
            idle,
            young_idle,
            young_head,
            just_connected,
        ] = &fixture.registered;
        for responding in [reading, pausing, stalled, behind] {
            responding.set_responding(10 * MEGABYTE, None);
        }
        working.set_working();
        head.set_head();
        idle.set_idle(Duration::ZERO);
        fixture.clock.advance(SECOND);
        stalled.record_written(3 * MEGABYTE);
        stalled.record_stalled();
        fixture.clock.advance(SECOND);
        for keeps_up in [reading, pausing] {
            keeps_up.record_written(3 * MEGABYTE);
        }
        pausing.record_stalled();
        behind.record_written(MEGABYTE);
        young_idle.set_idle(Duration::ZERO);
        young_head.set_idle(Duration::ZERO);
        young_head.set_head();
        fixture.clock.advance(LEAST_FIRST_BYTES);
        just_connected.set_idle(Duration::ZERO);
        assert_eq!(fixture.displaced(), [6, 3, 2, 5, 7]);
    }

    #[test]
    fn the_oldest_of_a_kind_is_displaced_first() {
        let fixture = registered::<4>();
        for n in [2, 0, 3, 1] {
            fixture.registered[n].set_idle(Duration::ZERO);
            fixture.clock.advance(SECOND);
        }
        assert_eq!(fixture.displaced(), [2, 0, 3, 1]);
    }

    #[test]
    fn a_kind_that_holds_most_connections_is_not_spared() {
        let fixture = registered::<5>();
        for n in [2, 0, 1] {
            fixture.respond(n, 1);
            fixture.registered[n].record_stalled();
            fixture.clock.advance(LEAST_PAUSE);
        }
        fixture.registered[3].set_working();
        fixture.registered[4].set_working();
        assert_eq!(fixture.displaced(), [2]);
        for n in [4, 3, 1] {
            fixture.registered[n].set_idle(Duration::ZERO);
            fixture.registered[n].set_head();
            fixture.clock.advance(LEAST_PAUSE);
        }
        fixture.registered[0].set_working();
        assert_eq!(fixture.displaced(), [4]);
    }

    #[test]
    fn readers_of_the_oldest_page_that_only_slow_clients_read_are_evicted() {
        let fixture = registered::<5>();
        for (n, page) in [(0, 1), (1, 1), (2, 2), (3, 3), (4, 2)] {
            fixture.respond(n, page);
        }
        assert!(!fixture.connections.evict_readers_behind());
        fixture.clock.advance(2 * SECOND);
        // One reader of the first page keeps up.
        fixture.registered[1].record_written(3 * MEGABYTE);
        assert!(fixture.connections.evict_readers_behind());
        assert_eq!(fixture.listed(), [true, true, false, true, false]);
        assert!(fixture.connections.evict_readers_behind());
        assert_eq!(fixture.listed(), [true, true, false, false, false]);
        assert!(!fixture.connections.evict_readers_behind());
    }

    #[test]
    fn a_dropped_registration_is_unlisted_and_reported_as_closed() {
        let fixture = registered::<2>();
        drop(fixture.registered);
        assert!(!fixture.connections.displace());
        assert!(fixture.connections.lock().is_empty());
        let (opened, closed) = (HttpEvent::Opened, HttpEvent::Closed);
        let events = fixture.events.0.lock().unwrap();
        assert_eq!(*events, [opened, opened, closed, closed]);
    }

    #[test]
    fn only_a_connection_with_a_response_can_stall() {
        let fixture = registered::<1>();
        fixture.registered[0].record_stalled();
        let idle = Phase::Idle {
            since: Duration::ZERO,
        };
        assert_eq!(fixture.registered[0].phase(), idle);
        fixture.clock.advance(SECOND);
        assert!(!fixture.connections.evict_readers_behind());
        assert_eq!(fixture.listed(), [true]);
    }
}
