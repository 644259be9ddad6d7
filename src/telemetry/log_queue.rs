//! Writes the log on a thread of its own.
//!
//! Invariant: no thread that logs waits for the destination, however long that blocks; the queue holds at most
//! [`MOST_BYTES`] until the process ends, and what it has no room for is counted. Messages are written whole and in sequence.
//! Nothing that is done under its lock can panic, so a panicking thread can log.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::model::{counted, plural};

/// Most bytes of messages that wait to be written, and that are being written.
const MOST_BYTES: usize = 256 * 1024;

/// A queue of messages, and the thread that writes them. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when messages are queued, and when they were written.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Messages that wait, one after the other.
    waiting: Vec<u8>,
    /// True while the thread writes.
    is_writing: bool,
    /// Messages dropped since the last one was written.
    dropped: u64,
    /// True once the last message of the process may exceed [`MOST_BYTES`].
    has_no_limit: bool,
}

impl LogQueue {
    /// Starts the thread. It is never joined, because `write` may block forever: [`LogQueue::flush`] waits for what is
    /// queued. `write` writes some bytes; an error drops the messages that are being written.
    pub(super) fn start(
        mut write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self::default();
        let own = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                let mut writing = Vec::new();
                loop {
                    let dropped = own.take(&mut writing);
                    if write(&writing).is_err() {
                        let messages = memchr::memchr_iter(b'\n', &writing).count();
                        own.count_dropped(messages as u64);
                    }
                    if dropped > 0 {
                        tracing::warn!(
                            "{} of this log {} dropped: standard error was not read",
                            counted(dropped, "message"),
                            plural(dropped, "was", "were")
                        );
                    }
                    own.written();
                }
            })?;
        Ok(queue)
    }

    /// Queues a message, or drops and counts it without room.
    pub(super) fn push(&self, message: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + message.len() > MOST_BYTES && !state.has_no_limit {
            state.dropped += 1;
            drop(state);
            self.count_dropped(1);
        } else {
            state.waiting.extend_from_slice(message);
            drop(state);
            self.0.changed.notify_all();
        }
    }

    /// Lets the messages that end the process exceed the limit.
    pub(super) fn lift_limit(&self) {
        self.lock().has_no_limit = true;
    }

    /// Takes the messages that wait.
    pub(super) fn take_waiting(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().waiting)
    }

    /// Waits until everything that is queued was written, at most `timeout`; returns whether it was.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let is_busy = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        let waited = (self.0.changed).wait_timeout_while(self.lock(), timeout, is_busy);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.is_writing && state.waiting.is_empty()
    }

    /// Returns the number of messages that were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits for messages, and moves them to `writing`. Returns the number of messages dropped after them.
    fn take(&self, writing: &mut Vec<u8>) -> u64 {
        writing.clear();
        let is_idle = |state: &mut State| state.waiting.is_empty();
        let waited = self.0.changed.wait_while(self.lock(), is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.waiting, writing);
        state.is_writing = true;
        std::mem::take(&mut state.dropped)
    }

    fn written(&self) {
        self.lock().is_writing = false;
        self.0.changed.notify_all();
    }

    fn count_dropped(&self, messages: u64) {
        self.0.dropped.fetch_add(messages, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A writer of one message.
impl io::Write for LogQueue {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        self.push(message);
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogQueue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(20);

    /// A destination that writes when it is allowed to.
    struct Gate {
        queue: LogQueue,
        allow: Sender<io::Result<()>>,
        begun: Receiver<Vec<u8>>,
    }

    impl Gate {
        fn new() -> Self {
            let (allow, allowed) = channel();
            let (seen_by, begun) = channel();
            let write = move |bytes: &[u8]| {
                // The thread outlives the test.
                let _ = seen_by.send(bytes.to_vec());
                allowed.recv().unwrap_or(Ok(()))
            };
            let queue = LogQueue::start(write).unwrap();
            Self {
                queue,
                allow,
                begun,
            }
        }

        fn begun(&self) -> Vec<u8> {
            self.begun.recv_timeout(LONG).unwrap()
        }
    }

    #[test]
    fn a_destination_that_blocks_stops_nobody_and_what_was_dropped_is_counted() {
        let gate = Gate::new();
        gate.queue.push(b"first\n");
        assert_eq!(gate.begun(), b"first\n");
        let message = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..1_000 {
            gate.queue.push(&message);
        }
        let room = MOST_BYTES / message.len();
        assert_eq!(gate.queue.dropped(), 1_000 - room as u64);
        assert!(!gate.queue.flush(Duration::ZERO));
        gate.allow.send(Ok(())).unwrap();
        assert_eq!(gate.begun(), message.repeat(room));
        gate.allow.send(Ok(())).unwrap();
        assert!(gate.queue.flush(LONG));
    }

    #[test]
    fn the_last_message_has_room_and_can_be_taken() {
        let gate = Gate::new();
        gate.queue.push(b"first\n");
        assert_eq!(gate.begun(), b"first\n");
        let full = vec![b'x'; MOST_BYTES];
        gate.queue.push(&full);
        gate.queue.push(b"dropped\n");
        gate.queue.lift_limit();
        gate.queue.push(b"last\n");
        assert_eq!(gate.queue.take_waiting(), [&full[..], b"last\n"].concat());
    }

    #[test]
    fn messages_that_cannot_be_written_are_counted_and_later_ones_are_written() {
        let gate = Gate::new();
        gate.queue.push(b"one\n");
        assert_eq!(gate.begun(), b"one\n");
        gate.queue.push(b"two\n");
        gate.queue.push(b"three\n");
        gate.allow.send(Ok(())).unwrap();
        assert_eq!(gate.begun(), b"two\nthree\n");
        gate.allow
            .send(Err(io::ErrorKind::BrokenPipe.into()))
            .unwrap();
        assert!(gate.queue.flush(LONG));
        assert_eq!(gate.queue.dropped(), 2);
        gate.queue.push(b"four\n");
        assert_eq!(gate.begun(), b"four\n");
    }
}
