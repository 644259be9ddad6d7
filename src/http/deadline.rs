//! Applies deadlines to a connection's reads and writes.
//!
//! Invariant: at any time one deadline runs: for the head of a request, for the next request, or
//! for the client to read its response.
//!
//! hyper's own `header_read_timeout` starts when hyper begins to wait for a request, so it covers the
//! idle time between two requests, too. It is set to the sum of both bounds, and only backs them up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_io_timeout::TimeoutStream;

use super::connections::{Phase, Registration};
use super::limits::Limits;

/// Bytes read and discarded at the end, so that the client gets the whole response: closing a
/// socket with unread bytes resets the connection (RFC 9112, 9.6).
const LINGER_BYTES: usize = 64 * 1024;
const LINGER_CHUNK: usize = 4 * 1024;

/// A stream with deadlines, which records its connection's progress.
pub(super) struct DeadlineStream<S> {
    stream: Pin<Box<TimeoutStream<S>>>,
    registration: Arc<Registration>,
    awaited: Awaited,
    deadline: Pin<Box<Sleep>>,
    limits: Limits,
}

/// Input that the read deadline applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The rest of a request's head.
    Head,
    /// The first byte of another request.
    Request,
}

impl<S: AsyncRead + AsyncWrite> DeadlineStream<S> {
    /// Wraps a stream, and starts the deadline for the first request's head.
    pub(super) fn new(stream: S, registration: Arc<Registration>, limits: &Limits) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write));
        Self {
            stream: Box::pin(stream),
            registration,
            awaited: Awaited::Head,
            deadline: Box::pin(sleep(limits.head)),
            limits: *limits,
        }
    }

    /// Restarts the read deadline.
    fn expect(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        let within = match awaited {
            Awaited::Head => self.limits.head,
            Awaited::Request => self.limits.idle,
        };
        self.deadline.as_mut().reset(Instant::now() + within);
    }

    fn record_write<T>(&self, outcome: &Poll<io::Result<T>>) {
        match outcome {
            Poll::Pending => self.registration.set_stalled(),
            Poll::Ready(_) if self.registration.is_responding() => {
                self.registration.set(Phase::Responding);
            }
            Poll::Ready(_) => {}
        }
    }

    /// Discards what has arrived, without waiting for more.
    fn discard(&mut self, cx: &mut Context<'_>) {
        let mut chunk = [0; LINGER_CHUNK];
        for _ in 0..LINGER_BYTES / LINGER_CHUNK {
            let mut buffer = ReadBuf::new(&mut chunk);
            match self.stream.as_mut().poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                _ => break,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncRead for DeadlineStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match self.stream.as_mut().poll_read(cx, buffer) {
            Poll::Ready(outcome) => {
                let received = buffer.filled().len() > before;
                if received && self.awaited == Awaited::Request && self.registration.is_waiting() {
                    self.expect(Awaited::Head);
                }
                Poll::Ready(outcome)
            }
            Poll::Pending if self.registration.is_waiting() => {
                ready!(self.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncWrite for DeadlineStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.stream.as_mut().poll_write(cx, bytes);
        self.record_write(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.stream.as_mut().poll_write_vectored(cx, pieces);
        self.record_write(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.as_mut().poll_flush(cx))?;
        // hyper flushes after the last byte of a response.
        if self.registration.is_responding() {
            self.registration.set(Phase::Waiting);
            self.expect(Awaited::Request);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.as_mut().poll_shutdown(cx))?;
        self.discard(cx);
        Poll::Ready(Ok(()))
    }
}
