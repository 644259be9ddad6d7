//! Holds lines between the thread that receives them and the thread that counts them.
//!
//! Invariant: the queue holds at most its limit and one read of the receiver; what exceeds it is
//! either left with the sender or counted as lost.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::deframe::LineBuffer;
use super::event::{QUEUE_FULL, StreamEvent};
use super::poller::Poller;
use crate::clock::Waker;

/// Pause before a failed operation is retried, and poll interval of what cannot be waited for.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum number of queued events. Receivers report few, and each only once.
const MAX_EVENTS: usize = 64;

/// Received lines, events and losses that were not taken yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) lines: LineBuffer,
    /// Journal cursor of the last line.
    pub(super) cursor: Option<String>,
    pub(super) events: Vec<StreamEvent>,
    /// Losses by gap reason.
    pub(super) lost: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct State {
    held: Held,
    open_was_tried: bool,
    stop: bool,
    /// True while the receiver waits for room.
    awaits_room: bool,
    /// Descriptors that lines can come from.
    open: usize,
}

/// A queue with one writer, the receiver, and one reader.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    limit: usize,
    /// Wakes the reader.
    waker: Waker,
    /// Wait of the receiver, which the reader can interrupt.
    poller: Poller,
}

impl Queue {
    /// Creates a queue for `limit` bytes of lines, which wakes `waker` when it holds something.
    pub(super) fn new(limit: usize, waker: Waker) -> std::io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            limit,
            waker,
            poller: Poller::new()?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of either side ends the process; until then the state is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the receiver may read on. If not, its wait ends once there is room.
    pub(super) fn has_room(&self) -> bool {
        let mut state = self.lock();
        let has_room = state.held.lines.bytes.len() < self.limit;
        state.awaits_room = !has_room;
        has_room
    }

    /// Appends lines of a receiver that checked for room before it read them. `cursor` is the
    /// journal entry reached with them.
    pub(super) fn put(&self, lines: &LineBuffer, cursor: Option<&str>) {
        if lines.is_empty() && cursor.is_none() {
            return;
        }
        let mut state = self.lock();
        let is_first = state.held.is_empty();
        state.held.lines.append(lines);
        if let Some(cursor) = cursor {
            let held = state.held.cursor.get_or_insert_default();
            held.clear();
            held.push_str(cursor);
        }
        drop(state);
        if is_first {
            self.waker.wake();
        }
    }

    /// Appends the lines of `datagrams` datagrams, or counts these as lost without room.
    pub(super) fn offer(&self, lines: &LineBuffer, datagrams: u64) {
        if self.backlog() + lines.bytes.len() <= self.limit {
            self.put(lines, None);
        } else {
            self.count_lost(QUEUE_FULL, datagrams);
        }
    }

    /// Counts losses.
    pub(super) fn count_lost(&self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.lock().held.lost.entry(reason).or_default() += count;
            self.waker.wake();
        }
    }

    /// Queues an event for the reader.
    pub(super) fn report(&self, event: StreamEvent) {
        let mut state = self.lock();
        if state.held.events.len() < MAX_EVENTS {
            state.held.events.push(event);
        }
        drop(state);
        self.waker.wake();
    }

    /// Sets the number of open descriptors, and thereby records that opening was tried.
    pub(super) fn set_open(&self, open: usize) {
        let mut state = self.lock();
        state.open = open;
        let is_first = !std::mem::replace(&mut state.open_was_tried, true);
        drop(state);
        if is_first {
            self.waker.wake();
        }
    }

    /// Returns whether the receiver has tried to open its stream.
    pub(super) fn open_was_tried(&self) -> bool {
        self.lock().open_was_tried
    }

    /// Returns the number of descriptors that lines can come from.
    pub(super) fn open(&self) -> usize {
        self.lock().open
    }

    /// Returns the bytes of lines that were not taken yet.
    pub(super) fn backlog(&self) -> usize {
        self.lock().held.lines.bytes.len()
    }

    /// Takes everything but the losses. `held` must be empty; its memory is reused for the queue.
    pub(super) fn take(&self, held: &mut Held) {
        let mut state = self.lock();
        std::mem::swap(&mut state.held.lost, &mut held.lost);
        std::mem::swap(&mut state.held, held);
        if std::mem::take(&mut state.awaits_room) {
            self.poller.interrupt();
        }
    }

    /// Takes the losses.
    pub(super) fn take_lost(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.lock().held.lost)
    }

    /// Makes the receiver wait for one of `fds`, for requested room, for its stop, or for `timeout`.
    /// Returns for each of `fds` whether to read it.
    pub(super) fn wait(&self, fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Vec<bool> {
        self.poller.wait(fds, timeout).unwrap_or_else(|_| {
            // poll(2) fails for lack of memory. Pausing keeps the caller's loop from spinning.
            Waker::default().wait(timeout.unwrap_or(RETRY_INTERVAL).min(RETRY_INTERVAL));
            vec![false; fds.len()]
        })
    }

    /// Waits until there is room or, if there is, until `fd` is readable. Returns true if `fd` may be read now.
    pub(super) fn wait_to_read(&self, fd: BorrowedFd<'_>) -> bool {
        if self.has_room() {
            return self.wait(&[fd], None).contains(&true);
        }
        self.wait(&[], None);
        false
    }

    /// Requests the receiver to stop.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.poller.interrupt();
    }

    /// Returns whether the receiver has to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stop
    }
}

impl Held {
    /// Returns whether neither a line nor a cursor is held.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.cursor.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8], overlong: u64) -> LineBuffer {
        let bytes = bytes.to_vec();
        LineBuffer { bytes, overlong }
    }

    #[test]
    fn a_receiver_that_waits_for_room_is_woken() {
        let queue = Queue::new(4, Waker::default()).unwrap();
        assert!(queue.has_room());
        queue.put(&lines(b"ab\ncd\n", 1), None);
        assert!(!queue.has_room());
        let mut held = Held::default();
        queue.take(&mut held);
        assert_eq!(held.lines, lines(b"ab\ncd\n", 1));
        assert!(queue.wait(&[], None).is_empty());
        assert!(queue.has_room());
    }

    #[test]
    fn the_reader_is_woken_once_for_lines_it_takes_together() {
        let waker = Waker::default();
        let queue = Queue::new(100, waker.clone()).unwrap();
        queue.put(&lines(b"", 0), None);
        assert!(!waker.wait(Duration::ZERO));
        queue.put(&lines(b"a\n", 0), None);
        assert!(waker.wait(Duration::ZERO));
        queue.put(&lines(b"b\n", 0), Some("c"));
        assert!(
            !waker.wait(Duration::ZERO),
            "the reader has not taken the first line yet"
        );
    }

    proptest! {
        #[test]
        fn an_offered_line_is_held_or_lost(sizes in proptest::collection::vec((1..30_usize, any::<bool>()), 0..40)) {
            let queue = Queue::new(64, Waker::default()).unwrap();
            let (mut taken, mut held) = (0, Held::default());
            for (size, takes) in &sizes {
                let line = [vec![b'x'; *size - 1], vec![b'\n']].concat();
                queue.offer(&lines(&line, 0), 1);
                prop_assert!(queue.backlog() <= 64);
                if *takes {
                    queue.take(&mut held);
                    taken += held.lines.bytes.split_inclusive(|byte| *byte == b'\n').count();
                    held = Held::default();
                }
            }
            queue.take(&mut held);
            taken += held.lines.bytes.split_inclusive(|byte| *byte == b'\n').count();
            let lost: u64 = queue.take_lost().values().sum();
            prop_assert_eq!(taken as u64 + lost, sizes.len() as u64);
        }
    }
}
