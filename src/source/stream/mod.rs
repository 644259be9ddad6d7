//! Receives lines from pipes, sockets and the journal.
//!
//! Invariant: one thread receives into a bounded queue and does nothing else; whoever counts
//! takes from it. What can wait at its sender waits, what can't is counted when it is lost.

mod bell;
mod datagram;
mod deframe;
mod event;
mod journal;
mod kernel;
mod listen;
mod pipe;
mod queue;
mod settings;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use memchr::memrchr;

use super::{Progress, READ_BYTES};
use crate::clock::{Clock, Waker};
use crate::model::{Batch, GenerationId, Position};

pub use datagram::SHORT_QUEUE;
pub use event::{STREAM_GAP_REASONS, StreamEvent};
pub use journal::{JOURNAL_PROGRAM, Messages, is_export};
pub use kernel::unix_queue_length;
pub use settings::{Journal, Stream, Syslog, SyslogAddress, SyslogAddressError};

use journal::Place;
use queue::{Held, Queue};

/// How often what failed is tried again, and what can't be waited for is looked at.
const RETRY: Duration = Duration::from_secs(1);

/// Bytes that wait to be counted, of streams whose writers wait.
const QUEUE_BYTES: usize = 1 << 20;

/// Memory of a queue kept when it is empty.
const KEPT_BYTES: usize = 1 << 20;

/// A stream being received, and what waits to be counted of it.
pub struct Receiver {
    stream: Stream,
    line_bytes: usize,
    queue: Arc<Queue>,
    /// None once it was joined.
    thread: Option<JoinHandle<()>>,
    clock: Arc<dyn Clock>,
    held: Held,
    position: Position,
    /// When losses are told next: not more often than a log can bear.
    tell_lost: Duration,
    place: Option<Place>,
    is_unsaved_told: bool,
}

/// What a receiving thread knows of its owner.
struct Ties {
    queue: Arc<Queue>,
    line_bytes: usize,
    clock: Arc<dyn Clock>,
}

impl Receiver {
    /// Starts to receive; `waker` is woken when there is something to [poll](Self::poll).
    /// `line_bytes` is the longest line held; longer ones are counted. Fails when the system has
    /// no thread or descriptor left. What can't be opened is an event, and is tried again.
    pub fn start(
        stream: Stream,
        line_bytes: usize,
        waker: Waker,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let limit = match &stream {
            Stream::Syslog(syslog) => syslog.receive_buffer,
            Stream::Stdin { .. } | Stream::Fifo(_) | Stream::Journal(_) => QUEUE_BYTES,
        };
        let place = match &stream {
            Stream::Journal(Journal { unit, place, .. }) => {
                place.clone().map(|path| Place::new(path, unit))
            }
            _ => None,
        };
        let queue = Arc::new(Queue::new(limit, waker)?);
        let ties = Ties {
            queue: Arc::clone(&queue),
            line_bytes,
            clock: Arc::clone(&clock),
        };
        let (what, from) = (stream.clone(), place.as_ref().and_then(Place::load));
        let thread = thread::Builder::new()
            .name("receive".to_owned())
            .spawn(move || receive(&what, from, &ties))?;
        Ok(Self {
            stream,
            line_bytes,
            queue,
            thread: Some(thread),
            clock,
            held: Held::default(),
            position: Position {
                generation: GenerationId(0),
                offset: 0,
            },
            tell_lost: Duration::ZERO,
            place,
            is_unsaved_told: false,
        })
    }

    /// Whether it does all that is wanted, so that it can go on as it is.
    pub fn is(&self, stream: &Stream, line_bytes: usize) -> bool {
        self.stream == *stream && self.line_bytes == line_bytes
    }

    /// Hands over what was received since the last call. Never waits.
    pub fn poll(
        &mut self,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(StreamEvent),
    ) -> Progress {
        self.queue.take(&mut self.held);
        for event in std::mem::take(&mut self.held.events) {
            events(event);
        }
        let now = self.clock.monotonic();
        if now >= self.tell_lost || self.thread.is_none() {
            for (reason, count) in self.queue.take_lost() {
                self.tell_lost = now + RETRY;
                events(StreamEvent::Lost { reason, count });
            }
        }
        let was_read = !self.held.is_empty();
        self.hand_over(sink);
        if let (Some(place), Some(cursor)) = (&mut self.place, self.held.mark.take()) {
            place.reach(cursor);
        }
        self.save_place(now, events);
        self.give_up_if_it_panicked();
        if was_read {
            Progress::More
        } else {
            Progress::Idle
        }
    }

    /// Stops receiving, and waits until that is done; what the kernel held until then can be
    /// polled as usual.
    pub fn stop(&mut self) {
        self.queue.stop();
        self.join();
    }

    /// Bytes received that were not handed over yet.
    pub fn lag_bytes(&self) -> u64 {
        self.queue.backlog() as u64
    }

    /// Pipes, sockets and connections that are open.
    pub fn open(&self) -> usize {
        self.queue.open()
    }

    /// Whether it was tried to open the stream, with success or not.
    pub fn has_looked(&self) -> bool {
        self.queue.has_looked()
    }

    /// In batches, so that a scrape doesn't wait for all that a burst left.
    fn hand_over(&mut self, sink: &mut dyn FnMut(&Batch<'_>)) {
        let mut overlong = std::mem::take(&mut self.held.overlong);
        let mut rest = &self.held.lines[..];
        while !rest.is_empty() || overlong > 0 {
            let head = &rest[..rest.len().min(READ_BYTES)];
            let end = match memrchr(b'\n', head) {
                Some(newline) => newline + 1,
                // A line that is longer than a batch.
                None => memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1),
            };
            let (lines, after) = rest.split_at(end);
            rest = after;
            self.position.offset += lines.len() as u64;
            sink(&Batch::new(lines, overlong, self.position));
            overlong = 0;
        }
        self.held.lines.clear();
        self.held.lines.shrink_to(KEPT_BYTES);
    }

    fn save_place(&mut self, now: Duration, events: &mut dyn FnMut(StreamEvent)) {
        let Some(place) = &mut self.place else {
            return;
        };
        match place.save(now, self.thread.is_none()) {
            Ok(()) => self.is_unsaved_told = false,
            Err(_) if self.is_unsaved_told => {}
            Err(error) => {
                self.is_unsaved_told = true;
                let path = place.path().clone();
                events(StreamEvent::Unsaved { path, error });
            }
        }
    }

    /// A thread that panicked takes its owner with it, and that one the process.
    fn give_up_if_it_panicked(&mut self) {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            self.join();
        }
    }

    fn join(&mut self) {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the thread does.
fn receive(stream: &Stream, from: Option<String>, ties: &Ties) {
    match stream {
        Stream::Stdin { head } => pipe::read_stdin(head, ties),
        Stream::Fifo(path) => pipe::read_fifo(path, ties),
        Stream::Syslog(syslog) if syslog.address.has_connections() => listen::receive(syslog, ties),
        Stream::Syslog(syslog) => datagram::receive(syslog, ties),
        Stream::Journal(journal) => journal::follow(journal, from, ties),
    }
    // Even if it was stopped before it could open anything.
    ties.queue.set_open(0);
}

impl Ties {
    /// Opens something, however often it takes; `None` when it's time to stop.
    fn open<T>(&self, what: &impl Display, open: impl Fn() -> io::Result<T>) -> Option<T> {
        let mut told = String::new();
        while !self.queue.is_stopped() {
            match open() {
                Ok(opened) => return Some(opened),
                Err(error) => {
                    self.queue.set_open(0);
                    let error = error.to_string();
                    if error != told {
                        told.clone_from(&error);
                        let what = what.to_string();
                        self.queue.tell(StreamEvent::Unavailable { what, error });
                    }
                    self.queue.wait(&[], Some(RETRY));
                }
            }
        }
        None
    }
}
