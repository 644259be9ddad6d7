//! Lines between the thread that receives them and the one that counts them.
//!
//! Invariant: it holds at most its limit and one read of the receiver; what doesn't fit is either
//! left where it comes from or counted as lost.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RETRY;
use super::bell::Bell;
use super::event::{QUEUE_FULL, StreamEvent};
use crate::clock::Waker;

/// Events held at most; each receiver tells few, and repeats none.
const MOST_EVENTS: usize = 64;

/// What was received and not yet taken.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Whole lines, each with its newline.
    pub(super) lines: Vec<u8>,
    /// Lines that were too long to be held.
    pub(super) overlong: u64,
    /// Where in the journal the last of the lines stood.
    pub(super) mark: Option<String>,
    /// What happened.
    pub(super) events: Vec<StreamEvent>,
    /// How often lines were lost, by gap reason.
    pub(super) lost: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct State {
    held: Held,
    has_looked: bool,
    stop: bool,
    /// The receiver waits for room.
    starved: bool,
    /// Descriptors that lines can come from.
    open: usize,
}

/// One writer, one reader.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    limit: usize,
    waker: Waker,
    /// Interrupts the receiver.
    bell: Bell,
}

impl Queue {
    /// Holds `limit` bytes of lines; wakes `waker` when there is something to take.
    pub(super) fn new(limit: usize, waker: Waker) -> std::io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            limit,
            waker,
            bell: Bell::new()?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of either side ends the process; until then what is held stays true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a stream may be read on. If not, the bell rings once there is room.
    pub(super) fn has_room(&self) -> bool {
        let mut state = self.lock();
        let has_room = state.held.lines.len() < self.limit;
        state.starved = !has_room;
        has_room
    }

    /// Takes in lines of a stream, which asked for room before it was read.
    pub(super) fn put(&self, lines: &[u8], overlong: u64, mark: Option<&str>) {
        if lines.is_empty() && overlong == 0 && mark.is_none() {
            return;
        }
        let mut state = self.lock();
        let is_first = state.held.is_empty();
        state.held.lines.extend_from_slice(lines);
        state.held.overlong += overlong;
        if let Some(mark) = mark {
            let held = state.held.mark.get_or_insert_default();
            held.clear();
            held.push_str(mark);
        }
        drop(state);
        if is_first {
            self.waker.wake();
        }
    }

    /// Takes in the lines of `datagrams` datagrams, or counts these as lost if there is no room.
    pub(super) fn offer(&self, lines: &[u8], overlong: u64, datagrams: u64) {
        if self.lock().held.lines.len() + lines.len() <= self.limit {
            self.put(lines, overlong, None);
        } else {
            self.lose(QUEUE_FULL, datagrams);
        }
    }

    /// Counts losses.
    pub(super) fn lose(&self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.lock().held.lost.entry(reason).or_default() += count;
            self.waker.wake();
        }
    }

    /// Passes an event on.
    pub(super) fn tell(&self, event: StreamEvent) {
        let mut state = self.lock();
        if state.held.events.len() < MOST_EVENTS {
            state.held.events.push(event);
        }
        drop(state);
        self.waker.wake();
    }

    /// Says how many descriptors are open, and with it that the first attempt was made.
    pub(super) fn set_open(&self, open: usize) {
        let mut state = self.lock();
        state.open = open;
        let is_first = !std::mem::replace(&mut state.has_looked, true);
        drop(state);
        if is_first {
            self.waker.wake();
        }
    }

    /// Whether the receiver has tried to open what it receives from.
    pub(super) fn has_looked(&self) -> bool {
        self.lock().has_looked
    }

    /// Descriptors that lines can come from.
    pub(super) fn open(&self) -> usize {
        self.lock().open
    }

    /// Bytes of lines that wait to be taken.
    pub(super) fn backlog(&self) -> usize {
        self.lock().held.lines.len()
    }

    /// Takes everything but the losses; `held` must be empty, and lends its memory.
    pub(super) fn take(&self, held: &mut Held) {
        let mut state = self.lock();
        std::mem::swap(&mut state.held.lost, &mut held.lost);
        std::mem::swap(&mut state.held, held);
        if std::mem::take(&mut state.starved) {
            self.bell.ring();
        }
    }

    /// Takes the losses.
    pub(super) fn take_lost(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.lock().held.lost)
    }

    /// Waits, as the receiver, for one of `fds`, for room that was asked for, or to be stopped, at
    /// most `timeout`; says which of `fds` to read.
    pub(super) fn wait(&self, fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Vec<bool> {
        self.bell.wait(fds, timeout).unwrap_or_else(|_| {
            // The kernel has no memory for it. Reading tells what there is to read.
            Waker::default().wait(timeout.unwrap_or(RETRY).min(RETRY));
            vec![false; fds.len()]
        })
    }

    /// Tells the receiver to stop.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.bell.ring();
    }

    /// Whether the receiver is to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stop
    }
}

impl Held {
    /// Whether there is no line, counted or held.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.overlong == 0 && self.mark.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_starved_receiver_is_woken_when_there_is_room() {
        let queue = Queue::new(4, Waker::default()).unwrap();
        assert!(queue.has_room());
        queue.put(b"ab\ncd\n", 1, None);
        assert!(!queue.has_room());
        let mut held = Held::default();
        queue.take(&mut held);
        assert_eq!((&held.lines[..], held.overlong), (&b"ab\ncd\n"[..], 1));
        assert!(queue.wait(&[], None).is_empty());
        assert!(queue.has_room());
    }

    #[test]
    fn the_counting_thread_is_woken_once_for_what_it_takes_at_once() {
        let waker = Waker::default();
        let queue = Queue::new(100, waker.clone()).unwrap();
        queue.put(b"", 0, None);
        assert!(!waker.wait(Duration::ZERO));
        queue.put(b"a\n", 0, None);
        assert!(waker.wait(Duration::ZERO));
        queue.put(b"b\n", 0, Some("c"));
        assert!(
            !waker.wait(Duration::ZERO),
            "it has not taken the first yet"
        );
    }

    proptest! {
        #[test]
        fn what_is_offered_is_held_or_lost(sizes in proptest::collection::vec((1..30_usize, any::<bool>()), 0..40)) {
            let queue = Queue::new(64, Waker::default()).unwrap();
            let (mut taken, mut held) = (0, Held::default());
            for (size, takes) in &sizes {
                queue.offer(&[vec![b'x'; *size - 1], vec![b'\n']].concat(), 0, 1);
                prop_assert!(queue.backlog() <= 64);
                if *takes {
                    queue.take(&mut held);
                    taken += held.lines.split_inclusive(|byte| *byte == b'\n').count();
                    held = Held::default();
                }
            }
            queue.take(&mut held);
            taken += held.lines.split_inclusive(|byte| *byte == b'\n').count();
            let lost: u64 = queue.take_lost().values().sum();
            prop_assert_eq!(taken as u64 + lost, sizes.len() as u64);
        }
    }
}
