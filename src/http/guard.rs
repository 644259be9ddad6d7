//! A connection's bytes, under deadlines.
//!
//! Invariant: whatever the client does or leaves undone, some deadline runs: for the head of a
//! request, for the next request, or for bytes of the answer to be taken.
//!
//! hyper's own `header_read_timeout` runs from the moment a request is waited for: between two
//! requests of one connection it is the idle time as well. With one bound for both, either a
//! head may take as long as a connection may idle, or a scraper that comes every fifteen seconds
//! finds its connection closed each time. So it is set to the sum and only backs up the
//! two bounds kept here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_io_timeout::TimeoutStream;

use super::Limits;
use super::progress::Seat;

/// What is read and thrown away at the end, so that the last answer is not lost: a socket closed
/// with unread bytes resets the connection (RFC 9112, 9.6).
const LINGER_BYTES: usize = 64 * 1024;
const LINGER_CHUNK: usize = 4 * 1024;

/// A stream under deadlines, which keeps its seat's progress.
pub(super) struct Guard<S> {
    stream: Pin<Box<TimeoutStream<S>>>,
    seat: Arc<Seat>,
    awaits: Awaits,
    deadline: Pin<Box<Sleep>>,
    head: Duration,
    idle: Duration,
}

/// What the read deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// The rest of a request's head.
    Head,
    /// The first byte of another request.
    Request,
}

impl<S: AsyncRead + AsyncWrite> Guard<S> {
    /// Starts with the deadline for the first request's head.
    pub(super) fn new(stream: S, seat: Arc<Seat>, limits: &Limits) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write));
        Self {
            stream: Box::pin(stream),
            seat,
            awaits: Awaits::Head,
            deadline: Box::pin(sleep(limits.head)),
            head: limits.head,
            idle: limits.idle,
        }
    }

    fn expect(&mut self, awaits: Awaits) {
        self.awaits = awaits;
        let within = match awaits {
            Awaits::Head => self.head,
            Awaits::Request => self.idle,
        };
        self.deadline.as_mut().reset(Instant::now() + within);
    }

    fn note_write<T>(&self, outcome: &Poll<io::Result<T>>) {
        match outcome {
            Poll::Pending => self.seat.stall(),
            Poll::Ready(_) if self.seat.is_answering() => self.seat.answer(),
            Poll::Ready(_) => {}
        }
    }

    /// Throws away what has arrived; does not wait for more.
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

impl<S: AsyncRead + AsyncWrite> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match self.stream.as_mut().poll_read(cx, buffer) {
            Poll::Ready(outcome) => {
                let came = buffer.filled().len() > before;
                if came && self.awaits == Awaits::Request && self.seat.is_waiting() {
                    self.expect(Awaits::Head);
                }
                Poll::Ready(outcome)
            }
            Poll::Pending if self.seat.is_waiting() => {
                ready!(self.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.stream.as_mut().poll_write(cx, bytes);
        self.note_write(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.stream.as_mut().poll_write_vectored(cx, pieces);
        self.note_write(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.as_mut().poll_flush(cx))?;
        // hyper flushes after the last byte of an answer.
        if self.seat.is_answering() {
            self.seat.wait();
            self.expect(Awaits::Request);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.as_mut().poll_shutdown(cx))?;
        self.discard(cx);
        Poll::Ready(Ok(()))
    }
}
