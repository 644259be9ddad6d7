//! Receives a stream, and hands its lines over in batches.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use memchr::memrchr;

use super::context::ReceiveContext;
use super::event::StreamEvent;
use super::journal::{self, is_cursor};
use super::queue::{Held, Queue, RETRY_INTERVAL};
use super::settings::Stream;
use super::thread::{Running, StreamThread, Task};
use super::{datagram, listen, pipe};
use crate::clock::{Clock, Waker};
use crate::model::{Batch, GenerationId, Position};
use crate::source::Progress;
use crate::source::frame::READ_BYTES;

/// Capacity of the queue of a stream whose senders wait, in bytes.
const QUEUE_BYTES: usize = 1 << 20;

/// Time that a dropped receiver has to close what it has opened.
const END_WAIT: Duration = Duration::from_millis(500);

/// Memory that an empty queue keeps, in bytes.
const KEPT_BYTES: usize = 1 << 20;

/// A stream being received, and its lines that wait to be counted.
pub struct StreamReceiver {
    stream: Stream,
    line_bytes: usize,
    queue: Arc<Queue>,
    /// `None` once it has begun.
    task: Option<Task>,
    has_ended: bool,
    thread: Arc<Running>,
    clock: Arc<dyn Clock>,
    held: Held,
    /// Bytes of the held lines that were handed over.
    handed: usize,
    position: Position,
    /// Time of the next report of losses; the interval keeps them from flooding the log.
    next_loss_report: Duration,
    /// Position in the journal at which receiving begins.
    from: Arc<OnceLock<String>>,
    /// Position in the journal up to which lines were handed over.
    cursor: Option<String>,
}

impl StreamReceiver {
    /// Prepares to receive on `thread`: nothing is opened before [`Self::begin`]. `waker` is woken when there is something
    /// to [poll](Self::poll); `line_bytes` is the longest line held, longer ones are counted.
    ///
    /// # Errors
    ///
    /// Fails if the system has no thread or descriptor left.
    pub fn prepare(
        stream: Stream,
        line_bytes: usize,
        waker: Waker,
        thread: &StreamThread,
    ) -> io::Result<Self> {
        let limit = match &stream {
            Stream::Syslog(syslog) => syslog.receive_buffer,
            Stream::Journal(_) | Stream::Stdin { .. } | Stream::Fifo(_) => QUEUE_BYTES,
        };
        let clock = Arc::clone(&thread.clock);
        let thread = thread.get()?;
        let queue = Arc::new(Queue::new(limit, waker, thread.poller()));
        let context = ReceiveContext {
            queue: Arc::clone(&queue),
            line_bytes,
            clock: Arc::clone(&clock),
            udp: Arc::clone(&thread.udp),
        };
        let (received, from) = (stream.clone(), Arc::<OnceLock<String>>::default());
        let begins = Arc::clone(&from);
        let receive = async move { receive(&received, begins.get().cloned(), &context).await };
        let task = Task::new(&queue, receive);
        Ok(Self {
            stream,
            line_bytes,
            queue,
            task: Some(task),
            has_ended: false,
            thread,
            clock,
            held: Held::default(),
            handed: 0,
            position: Position {
                generation: GenerationId(0),
                offset: 0,
            },
            next_loss_report: Duration::ZERO,
            from,
            cursor: None,
        })
    }

    /// Opens the stream and receives. A stream that cannot be opened is reported as an event and retried. A journal is read
    /// from behind the entry of this cursor on, if it was reached in the same unit's and is valid.
    pub fn begin(&mut self, from: Option<(&str, &str)>) {
        if let Some(task) = self.task.take() {
            let is_of_unit =
                |unit: &str| matches!(&self.stream, Stream::Journal(own) if own.unit == unit);
            let from = from.filter(|(unit, cursor)| is_of_unit(unit) && is_cursor(cursor));
            self.cursor = from.map(|(_, cursor)| cursor.to_owned());
            if let Some(cursor) = &self.cursor {
                // The task has not begun, so nothing was set.
                let _ = self.from.set(cursor.clone());
            }
            self.thread.begin(task);
        }
    }

    /// Returns whether the receiver already receives this stream with this limit.
    pub fn matches(&self, stream: &Stream, line_bytes: usize) -> bool {
        self.stream == *stream && self.line_bytes == line_bytes
    }

    /// Hands over what was received since the last call, without waiting.
    pub fn poll(
        &mut self,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(StreamEvent),
    ) -> Progress {
        if self.held.is_empty() {
            self.queue.take(&mut self.held);
        }
        for event in std::mem::take(&mut self.held.events) {
            events(event);
        }
        let now = self.clock.monotonic();
        if now >= self.next_loss_report || self.has_ended {
            for (reason, loss) in self.queue.take_lost() {
                self.next_loss_report = now + RETRY_INTERVAL;
                events(StreamEvent::Lost { reason, loss });
            }
        }
        let was_read = !self.held.is_empty();
        self.hand_over(sink);
        // A position in the journal is known once all lines up to it are counted.
        while self.held.cursor.is_some() && !self.held.lines.is_empty() {
            self.hand_over(sink);
        }
        if self.held.lines.is_empty()
            && let Some(reached) = self.held.cursor.take()
        {
            self.cursor = Some(reached);
        }
        self.has_ended = self.queue.has_ended();
        if was_read {
            Progress::More
        } else {
            Progress::Idle
        }
    }

    /// Requests the end of receiving, without waiting: what has arrived is handed over first, as [`Self::poll`] makes room
    /// for it.
    pub fn stop(&mut self) {
        self.queue.stop();
    }

    /// Requests the end of receiving at once, without waiting: what has arrived is left. What was received can still be
    /// polled.
    pub fn close(&mut self) {
        self.queue.close();
    }

    /// Returns whether a poll has found that receiving has ended. One more poll then takes what is left.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns the bytes received that were not handed over yet.
    pub fn lag_bytes(&self) -> u64 {
        (self.queue.backlog() + self.held.lines.bytes.len() - self.handed) as u64
    }

    /// Returns the number of open pipes, sockets and connections.
    pub fn open(&self) -> usize {
        self.queue.open()
    }

    /// Returns whether an attempt to open the stream was made, successful or not.
    pub fn open_was_tried(&self) -> bool {
        self.queue.open_was_tried()
    }

    /// Hands over one batch of the held lines, so that neither a scrape nor a stop need wait for all lines of a burst.
    fn hand_over(&mut self, sink: &mut dyn FnMut(&Batch<'_>)) {
        let rest = &self.held.lines.bytes[self.handed..];
        let overlong = std::mem::take(&mut self.held.lines.overlong);
        let head = &rest[..rest.len().min(READ_BYTES)];
        let end = match memrchr(b'\n', head) {
            Some(newline) => newline + 1,
            // The line is longer than a batch.
            None => memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1),
        };
        self.handed += end;
        self.position.offset += end as u64;
        if end > 0 || overlong > 0 {
            sink(&Batch::new(&rest[..end], overlong, self.position));
        }
        if self.handed == self.held.lines.bytes.len() {
            self.handed = 0;
            self.held.lines.bytes.clear();
            self.held.lines.bytes.shrink_to(KEPT_BYTES);
        }
    }

    /// Returns the unit and the cursor of the last journal entry that was handed over.
    pub fn journal_position(&self) -> Option<(&str, &str)> {
        match &self.stream {
            Stream::Journal(journal) => Some((&journal.unit, self.cursor.as_deref()?)),
            _ => None,
        }
    }
}

impl Drop for StreamReceiver {
    /// Ends receiving, and waits until everything is closed. If a system call holds the thread, such as on a file system that
    /// does not respond, the rest is left to the thread, since the owner must not wait with it.
    fn drop(&mut self) {
        self.task = None;
        self.queue.close();
        if !self.has_ended {
            self.queue.wait_for_end(END_WAIT);
        }
    }
}

/// Receives a stream until its end, or until the receiver is stopped.
async fn receive(stream: &Stream, from: Option<String>, context: &ReceiveContext) {
    match stream {
        Stream::Stdin { head } => pipe::read_stdin(head, context).await,
        Stream::Fifo(path) => pipe::read_fifo(path, context).await,
        Stream::Syslog(syslog) if syslog.address.has_connections => {
            listen::receive(syslog, context).await;
        }
        Stream::Syslog(syslog) => datagram::receive(syslog, context).await,
        Stream::Journal(journal) => journal::follow(journal, from, context).await,
    }
    // It may have been stopped before it could open anything.
    context.queue.set_open(0);
}
