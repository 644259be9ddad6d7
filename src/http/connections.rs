//! Registers open connections, and decides which one to close when room is needed.
//!
//! Invariant: a connection is listed from its [`Registration`] on until that is dropped or
//! evicted, and is evicted at most once; every `Opened` event is followed by one `Closed`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::event::{HttpEvent, Observer};
use crate::clock::Clock;

/// Stage of a connection's current request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// The head of the next request is incomplete or has not begun.
    #[default]
    Waiting,
    /// The response is being produced.
    Working,
    /// The response is being written.
    Responding,
    /// The client has read nothing of the response since this time.
    Stalled { since: Duration },
}

/// All open connections, by age.
pub(super) struct Connections {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
    open: Mutex<BTreeMap<u64, Arc<Progress>>>,
    registered: AtomicU64,
}

/// One registered connection; held as long as its socket.
pub(super) struct Registration {
    connections: Arc<Connections>,
    id: u64,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    phase: Mutex<Phase>,
    evicted: Notify,
}

impl Connections {
    pub(super) fn new(clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Self {
        Self {
            clock,
            observer,
            open: Mutex::default(),
            registered: AtomicU64::default(),
        }
    }

    /// Registers a connection.
    pub(super) fn register(self: &Arc<Self>) -> Registration {
        let id = self.registered.fetch_add(1, Ordering::Relaxed);
        let progress = Arc::<Progress>::default();
        self.lock().insert(id, Arc::clone(&progress));
        self.observer.observe(HttpEvent::Opened);
        Registration {
            connections: Arc::clone(self),
            id,
            progress,
        }
    }

    /// Evicts one connection: the oldest that waits for a request, else the one stalled for
    /// longest. Returns false if none qualifies.
    pub(super) fn displace(&self) -> bool {
        let mut open = self.lock();
        let waiting = open
            .iter()
            .find(|(_, progress)| progress.phase() == Phase::Waiting)
            .map(|(id, _)| *id);
        let Some(id) = waiting.or_else(|| longest_stalled(&open)) else {
            return false;
        };
        if let Some(progress) = open.remove(&id) {
            progress.evicted.notify_one();
        }
        true
    }

    /// Evicts every connection that has been stalled for at least `patience`.
    pub(super) fn evict_stalled(&self, patience: Duration) {
        let now = self.clock.monotonic();
        self.lock().retain(|_, progress| match progress.phase() {
            Phase::Stalled { since } if now.saturating_sub(since) >= patience => {
                progress.evicted.notify_one();
                false
            }
            _ => true,
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Progress>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn longest_stalled(open: &BTreeMap<u64, Arc<Progress>>) -> Option<u64> {
    open.iter()
        .filter_map(|(id, progress)| match progress.phase() {
            Phase::Stalled { since } => Some((since, *id)),
            _ => None,
        })
        .min()
        .map(|(_, id)| id)
}

impl Registration {
    /// Completes once the connection has to close.
    pub(super) async fn evicted(&self) {
        self.progress.evicted.notified().await;
    }

    /// Returns whether a complete request is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        self.progress.phase() == Phase::Waiting
    }

    /// Returns whether a response is being written.
    pub(super) fn is_responding(&self) -> bool {
        matches!(
            self.progress.phase(),
            Phase::Responding | Phase::Stalled { .. }
        )
    }

    /// Records that the request enters a phase, or that the client has read some of its response.
    pub(super) fn set(&self, phase: Phase) {
        *self.progress.lock() = phase;
    }

    /// Records that the client reads nothing of its response; the first of several calls in a row
    /// sets the time.
    pub(super) fn set_stalled(&self) {
        let mut phase = self.progress.lock();
        if *phase == Phase::Responding {
            let since = self.connections.clock.monotonic();
            *phase = Phase::Stalled { since };
        }
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
        let connections = Arc::new(Connections::new(clock.clone(), events.clone()));
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

        fn stall(&self, n: usize) {
            self.registered[n].set(Phase::Responding);
            self.registered[n].set_stalled();
        }
    }

    #[test]
    fn the_oldest_connection_without_a_request_is_displaced_first() {
        let fixture = registered::<4>();
        fixture.registered[0].set(Phase::Working);
        fixture.stall(1);
        assert!(fixture.connections.displace());
        assert_eq!(fixture.listed(), [true, true, false, true]);
        assert!(fixture.connections.displace());
        assert_eq!(fixture.listed(), [true, true, false, false]);
    }

    #[test]
    fn the_longest_stalled_connection_is_displaced_next_and_a_working_one_never() {
        let fixture = registered::<3>();
        fixture.registered[0].set(Phase::Working);
        for stalled in [2, 1] {
            fixture.stall(stalled);
            fixture.clock.advance(SECOND);
        }
        assert!(fixture.connections.displace());
        assert_eq!(fixture.listed(), [true, true, false]);
        assert!(fixture.connections.displace());
        assert_eq!(fixture.listed(), [true, false, false]);
        assert!(!fixture.connections.displace());
    }

    #[test]
    fn connections_stalled_for_too_long_are_evicted() {
        let fixture = registered::<4>();
        for n in 0..3 {
            fixture.stall(n);
        }
        fixture.clock.advance(SECOND);
        // The first has read something and stalls again, the second still stalls.
        fixture.stall(0);
        fixture.registered[1].set_stalled();
        fixture.connections.evict_stalled(SECOND);
        assert_eq!(fixture.listed(), [true, false, false, true]);
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
        fixture.registered[0].set_stalled();
        assert!(fixture.registered[0].is_waiting());
        fixture.connections.evict_stalled(Duration::ZERO);
        assert_eq!(fixture.listed(), [true]);
    }
}
