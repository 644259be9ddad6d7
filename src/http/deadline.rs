//! Applies deadlines to a connection's reads and writes.
//!
//! Invariant: at any time a deadline runs, unless a response is being produced: for the head of a request, for the next
//! request, for the client to read its response, or for it to read the rest of the last one.
//!
//! hyper's own `header_read_timeout` starts when hyper begins to wait for a request, so it covers the
//! idle time between two requests, too. It is set to the sum of both bounds, and only backs them up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::connections::{Phase, Registration};
use super::limits::Limits;
use super::linger::{Linger, Socket};

/// A stream with deadlines, which records its connection's progress.
pub(super) struct DeadlineStream<S> {
    stream: S,
    registration: Arc<Registration>,
    deadline: Pin<Box<Sleep>>,
    /// True until the first response: the first head's time begins with the connection.
    is_first: bool,
    sending: Option<Sending>,
    linger: Linger,
    limits: Limits,
}

/// A response whose client did not read as fast as it was written.
#[derive(Clone, Copy, Debug)]
struct Sending {
    /// Time at which the client first fell behind.
    since: Instant,
    /// Start of the current period of [`Limits::write`].
    period: Instant,
    /// Bytes written in the current period.
    written: u64,
}

impl<S: Socket> DeadlineStream<S> {
    /// Wraps a stream, and starts the deadline for the first request's head.
    pub(super) fn new(stream: S, registration: Arc<Registration>, limits: &Limits) -> Self {
        Self {
            stream,
            registration,
            deadline: Box::pin(sleep(limits.head)),
            is_first: true,
            sending: None,
            linger: Linger::new(limits.head),
            limits: *limits,
        }
    }

    /// Sets the deadline of the first head again, which the writes of a handshake may have moved.
    pub(super) fn resume_head(&mut self, until: Instant) {
        self.sending = None;
        self.deadline.as_mut().reset(until);
    }

    /// Records the outcome of a write, and ends the connection of a client that reads too slowly.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Ready(Ok(count)) => {
                let count = *count as u64;
                self.registration.record_written(count);
                if let Some(sending) = &mut self.sending {
                    sending.written += count;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.registration.record_stalled();
                ready!(self.poll_too_slow(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        outcome
    }

    /// Completes once the client has read too little for [`Limits::write`], or has not read all within
    /// [`Limits::response`].
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let limits = self.limits;
        let sending = self.sending.get_or_insert(Sending {
            since: now,
            period: now,
            written: 0,
        });
        let end = sending.since + limits.response;
        if now >= sending.period + limits.write && sending.written >= limits.write_bytes {
            sending.period = now;
            sending.written = 0;
        }
        let due = end.min(sending.period + limits.write);
        self.deadline.as_mut().reset(due);
        self.deadline.as_mut().poll(cx)
    }
}

impl<S: Socket> AsyncRead for DeadlineStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let phase = self.registration.phase();
        if polled.is_pending() {
            if !matches!(phase, Phase::Idle { .. } | Phase::Head { .. }) {
                return Poll::Pending;
            }
            ready!(self.deadline.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let has_received = buffer.filled().len() > before;
        if let (Phase::Idle { .. }, true) = (phase, has_received) {
            self.registration.set_head();
            if !self.is_first {
                let within = self.limits.head;
                self.deadline.as_mut().reset(Instant::now() + within);
            }
        }
        if !has_received && matches!(polled, Poll::Ready(Ok(()))) {
            self.linger.has_ended = true;
        }
        polled
    }
}

impl<S: Socket> AsyncWrite for DeadlineStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        // hyper flushes after the last byte of a response.
        if let Phase::Responding(_) = self.registration.phase() {
            // A client that reads slowly still reads what the system has buffered.
            let tail = self
                .sending
                .take()
                .map_or(Duration::ZERO, |_| self.limits.stall);
            self.registration.set_idle(tail);
            self.is_first = false;
            let within = self.limits.idle;
            self.deadline.as_mut().reset(Instant::now() + within);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        let this = &mut *self;
        let is_stopping = this.registration.is_stopping();
        this.linger.poll_read(&mut this.stream, is_stopping, cx)
    }
}
