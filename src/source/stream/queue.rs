//! Holds lines between a receiver and the thread that counts them.
//!
//! Invariant: the queue holds at most its limit and one read of the receiver; what exceeds it is
//! either left with the sender or counted as lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::deframe::LineBuffer;
use super::event::{Loss, QUEUE_FULL, StreamEvent};
use super::poller::Poller;
use super::wait::{Descriptor, Wait};
use crate::clock::Waker;
use crate::model::GapReason;

/// Pause before a failed operation is retried, and poll interval of what cannot be waited for.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes that a receiver still reads from a pipe or connection once it was stopped.
pub(super) const REST_BYTES: usize = 1 << 20;

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
    pub(super) lost: BTreeMap<GapReason, Loss>,
}

#[derive(Debug, Default)]
struct State {
    held: Held,
    open_was_tried: bool,
    phase: Phase,
    has_ended: bool,
    /// True while the receiver waits for room.
    awaits_room: bool,
    /// Descriptors that lines can come from.
    open: usize,
}

/// Task of the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Receive.
    #[default]
    Receiving,
    /// Hand over what the kernel holds, waiting for room, and end.
    Draining,
    /// End at once.
    Closed,
}

/// A queue with one writer, the receiver, and one reader.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    limit: usize,
    /// Wakes the reader.
    waker: Waker,
    /// Woken when the receiver has ended.
    ended: Waker,
    /// Waits of the receiver, which the reader can interrupt.
    pub(super) wait: Wait,
}

impl Queue {
    /// Creates a queue for `limit` bytes of lines, which wakes `waker` when it holds something. Its receiver waits with
    /// `poller`.
    pub(super) fn new(limit: usize, waker: Waker, poller: Arc<Poller>) -> Self {
        Self {
            state: Mutex::default(),
            limit,
            waker,
            ended: Waker::default(),
            wait: Wait::new(poller),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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

    /// Appends the lines of these datagrams, or counts the datagrams as lost without room.
    pub(super) fn offer(&self, lines: &LineBuffer, datagrams: Loss) {
        if self.backlog() + lines.bytes.len() <= self.limit {
            self.put(lines, None);
        } else {
            self.lose(QUEUE_FULL, datagrams);
        }
    }

    /// Counts losses of an unknown number of bytes.
    pub(super) fn count_lost(&self, reason: GapReason, count: u64) {
        self.lose(reason, Loss { count, bytes: 0 });
    }

    fn lose(&self, reason: GapReason, loss: Loss) {
        if loss.count > 0 {
            self.lock().held.lost.entry(reason).or_default().add(loss);
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
            self.wait.interrupt();
        }
    }

    /// Takes the losses.
    pub(super) fn take_lost(&self) -> BTreeMap<GapReason, Loss> {
        std::mem::take(&mut self.lock().held.lost)
    }

    /// Makes the receiver wait for one of `fds`, for requested room, for its stop, or for `timeout`.
    /// Returns for each of `fds` whether to read it.
    pub(super) fn wait(
        &self,
        fds: Vec<Descriptor>,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Vec<bool>> {
        self.wait.until(fds, timeout)
    }

    /// Waits until there is room or, if there is, until `fd` is readable. Returns true if `fd` may be read now.
    pub(super) async fn wait_to_read(&self, fd: &Descriptor) -> bool {
        if self.has_room() {
            let ready = self.wait(vec![Arc::clone(fd)], None).await;
            return ready.contains(&true);
        }
        self.wait(Vec::new(), None).await;
        false
    }

    /// Waits, after a stop, until there is room. Returns false once the queue is closed.
    pub(super) async fn wait_for_room(&self) -> bool {
        while self.lock().phase != Phase::Closed {
            if self.has_room() {
                return true;
            }
            self.wait(Vec::new(), None).await;
        }
        false
    }

    /// Requests the receiver to hand over what the kernel holds, and to end.
    pub(super) fn stop(&self) {
        self.leave(Phase::Draining);
    }

    /// Requests the receiver to end at once.
    pub(super) fn close(&self) {
        self.leave(Phase::Closed);
    }

    fn leave(&self, phase: Phase) {
        let mut state = self.lock();
        if state.phase != Phase::Closed {
            state.phase = phase;
        }
        drop(state);
        self.wait.interrupt();
    }

    /// Returns whether the receiver has to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().phase != Phase::Receiving
    }

    /// Records that the receiver has ended.
    pub(super) fn set_ended(&self) {
        self.lock().has_ended = true;
        self.waker.wake();
        self.ended.wake();
    }

    /// Returns whether the receiver has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// Waits until the receiver has ended, at most `timeout`; returns whether it has.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        self.has_ended() || self.ended.wait(timeout)
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
    use crate::source::stream::thread::run_alone;
    use proptest::prelude::*;

    /// Makes a queue, and what its receiver waits with.
    fn queue(limit: usize, waker: Waker) -> (Arc<Queue>, Arc<Poller>) {
        let poller = Arc::new(Poller::new().unwrap());
        let queue = Queue::new(limit, waker, Arc::clone(&poller));
        (Arc::new(queue), poller)
    }

    fn lines(bytes: &[u8], overlong: u64) -> LineBuffer {
        let bytes = bytes.to_vec();
        LineBuffer { bytes, overlong }
    }

    #[test]
    fn a_receiver_that_waits_for_room_is_woken() {
        let (queue, poller) = queue(4, Waker::default());
        assert!(queue.has_room());
        queue.put(&lines(b"ab\ncd\n", 1), None);
        assert!(!queue.has_room());
        let mut held = Held::default();
        queue.take(&mut held);
        assert_eq!(held.lines, lines(b"ab\ncd\n", 1));
        let own = Arc::clone(&queue);
        run_alone(&queue, &poller, async move {
            assert!(own.wait(Vec::new(), None).await.is_empty());
            assert!(own.has_room());
        });
    }

    #[test]
    fn the_reader_is_woken_once_for_lines_it_takes_together() {
        let waker = Waker::default();
        let (queue, _poller) = queue(100, waker.clone());
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

    #[test]
    fn a_receiver_that_drains_waits_for_room_unless_the_queue_is_closed() {
        let (queue, poller) = queue(4, Waker::default());
        let is_room_made = |make: fn(&Queue)| {
            queue.put(&lines(b"ab\ncd\n", 0), None);
            let (found, (own, to)) = (Arc::default(), (Arc::clone(&queue), &poller));
            let found_there: Arc<Mutex<Option<bool>>> = Arc::clone(&found);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    run_alone(&queue, to, async move {
                        *found_there.lock().unwrap() = Some(own.wait_for_room().await);
                    });
                });
                make(&queue);
            });
            let found = *found.lock().unwrap();
            found.unwrap()
        };
        queue.stop();
        assert!(queue.is_stopped());
        assert!(is_room_made(|queue| queue.take(&mut Held::default())));
        assert!(!is_room_made(Queue::close));
    }

    proptest! {
        #[test]
        fn an_offered_line_is_held_or_lost(sizes in proptest::collection::vec((1..30_usize, any::<bool>()), 0..40)) {
            let (queue, _poller) = queue(64, Waker::default());
            let (mut taken, mut taken_bytes, mut sent, mut held) = (0, 0, 0, Held::default());
            for (size, takes) in &sizes {
                let line = [vec![b'x'; *size - 1], vec![b'\n']].concat();
                let bytes = line.len() as u64;
                queue.offer(&lines(&line, 0), Loss { count: 1, bytes });
                sent += bytes;
                prop_assert!(queue.backlog() <= 64);
                if *takes {
                    queue.take(&mut held);
                    taken += held.lines.bytes.split_inclusive(|byte| *byte == b'\n').count();
                    taken_bytes += held.lines.bytes.len() as u64;
                    held = Held::default();
                }
            }
            queue.take(&mut held);
            taken += held.lines.bytes.split_inclusive(|byte| *byte == b'\n').count();
            taken_bytes += held.lines.bytes.len() as u64;
            let lost = queue.take_lost().get(&QUEUE_FULL).copied().unwrap_or_default();
            prop_assert_eq!(taken as u64 + lost.count, sizes.len() as u64);
            prop_assert_eq!(taken_bytes + lost.bytes, sent);
        }
    }
}
