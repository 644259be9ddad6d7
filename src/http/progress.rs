//! How far each connection is, so that the right one goes when room is needed.
//!
//! Invariant: a connection stands in the table from its [`Seat`]'s birth until that is dropped or
//! told to leave; nobody is told twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;

/// No complete request is there: the head is being read, or nothing came yet.
const WAITING: u64 = 0;
/// A request is in work.
const WORKING: u64 = 1;
/// Its answer is being written.
const ANSWERING: u64 = 2;
/// From here on: the client has taken no bytes of the answer since that many microseconds, counted
/// from this number.
const STALLED: u64 = 3;

/// All connections, in the order in which they came.
pub(super) struct Table {
    clock: Arc<dyn Clock>,
    open: Mutex<BTreeMap<u64, Arc<Progress>>>,
    entered: AtomicU64,
}

/// A connection's place in the table.
pub(super) struct Seat {
    table: Arc<Table>,
    id: u64,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    state: AtomicU64,
    leave: Notify,
}

impl Table {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            open: Mutex::default(),
            entered: AtomicU64::new(0),
        }
    }

    /// Takes a connection in.
    pub(super) fn enter(self: &Arc<Self>) -> Seat {
        let id = self.entered.fetch_add(1, Ordering::Relaxed);
        let progress = Arc::<Progress>::default();
        self.lock().insert(id, Arc::clone(&progress));
        Seat {
            table: Arc::clone(self),
            id,
            progress,
        }
    }

    /// Tells one connection to leave: the oldest that waits for a request, else the one that
    /// stalls for longest. False if there is none.
    pub(super) fn displace(&self) -> bool {
        let mut open = self.lock();
        let waiting = open
            .iter()
            .find(|(_, progress)| progress.state() == WAITING)
            .map(|(id, _)| *id);
        let Some(id) = waiting.or_else(|| longest_stalled(&open)) else {
            return false;
        };
        if let Some(progress) = open.remove(&id) {
            progress.dismiss();
        }
        true
    }

    /// Tells all connections to leave whose clients have taken nothing for that long.
    pub(super) fn relieve(&self, patience: Duration) {
        let now = Duration::from_micros(self.now());
        self.lock().retain(|_, progress| {
            let since = progress.state().checked_sub(STALLED);
            let stalled = since.map(|since| now.saturating_sub(Duration::from_micros(since)));
            let leaves = stalled.is_some_and(|stalled| stalled >= patience);
            if leaves {
                progress.dismiss();
            }
            !leaves
        });
    }

    /// Microseconds.
    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX - STALLED)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Progress>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn longest_stalled(open: &BTreeMap<u64, Arc<Progress>>) -> Option<u64> {
    open.iter()
        .map(|(id, progress)| (progress.state(), *id))
        .filter(|(state, _)| *state >= STALLED)
        .min()
        .map(|(_, id)| id)
}

impl Seat {
    /// Returns once the connection has to leave.
    pub(super) async fn told_to_leave(&self) {
        self.progress.leave.notified().await;
    }

    /// Whether no complete request is there.
    pub(super) fn is_waiting(&self) -> bool {
        self.progress.state() == WAITING
    }

    /// Whether an answer is being written.
    pub(super) fn is_answering(&self) -> bool {
        self.progress.state() >= ANSWERING
    }

    /// The answer is with the client; the next request is waited for.
    pub(super) fn wait(&self) {
        self.progress.set(WAITING);
    }

    /// A request's head is complete.
    pub(super) fn work(&self) {
        self.progress.set(WORKING);
    }

    /// The answer can be written, or goes on being written.
    pub(super) fn answer(&self) {
        self.progress.set(ANSWERING);
    }

    /// The client takes no bytes. Counts from the first of several calls in a row.
    pub(super) fn stall(&self) {
        if self.progress.state() == ANSWERING {
            self.progress.set(STALLED + self.table.now());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.lock().remove(&self.id);
    }
}

impl Progress {
    /// Kept until it is waited for.
    fn dismiss(&self) {
        self.leave.notify_one();
    }

    fn state(&self) -> u64 {
        self.state.load(Ordering::Relaxed)
    }

    fn set(&self, state: u64) {
        self.state.store(state, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    /// A table with seats, and the time.
    fn seats<const N: usize>() -> (Arc<Table>, [Seat; N], Arc<ManualClock>) {
        let clock = Arc::<ManualClock>::default();
        let table = Arc::new(Table::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let seats = std::array::from_fn(|_| table.enter());
        (table, seats, clock)
    }

    /// Which seats are still in the table.
    fn seated(seats: &[Seat]) -> Vec<bool> {
        seats
            .iter()
            .map(|seat| seat.table.lock().contains_key(&seat.id))
            .collect()
    }

    #[test]
    fn the_oldest_without_a_request_goes_first() {
        let (table, seats, _) = seats::<4>();
        seats[0].work();
        seats[1].answer();
        seats[1].stall();
        assert!(table.displace());
        assert_eq!(seated(&seats), [true, true, false, true]);
        assert!(table.displace());
        assert_eq!(seated(&seats), [true, true, false, false]);
    }

    #[test]
    fn then_the_one_stalled_longest_but_never_one_in_work() {
        let (table, seats, clock) = seats::<3>();
        seats[0].work();
        for stalled in [2, 1] {
            seats[stalled].answer();
            seats[stalled].stall();
            clock.advance(SECOND);
        }
        assert!(table.displace());
        assert_eq!(seated(&seats), [true, true, false]);
        assert!(table.displace());
        assert_eq!(seated(&seats), [true, false, false]);
        assert!(!table.displace());
    }

    #[test]
    fn whoever_takes_nothing_for_too_long_goes() {
        let (table, seats, clock) = seats::<4>();
        for seat in &seats[..3] {
            seat.answer();
            seat.stall();
        }
        clock.advance(SECOND);
        // One took something and stalls anew, one stalls on.
        seats[0].answer();
        seats[0].stall();
        seats[1].stall();
        table.relieve(SECOND);
        assert_eq!(seated(&seats), [true, false, false, true]);
    }

    #[test]
    fn a_dropped_seat_is_free() {
        let (table, seats, _) = seats::<2>();
        drop(seats);
        assert!(!table.displace());
        assert!(table.lock().is_empty());
    }

    #[test]
    fn only_a_written_answer_can_stall() {
        let (table, seats, _) = seats::<1>();
        seats[0].stall();
        assert!(seats[0].is_waiting());
        table.relieve(Duration::ZERO);
        assert_eq!(seated(&seats), [true]);
    }
}
