//! A stream that encrypts.
//!
//! Invariant: at most [`BUFFER_BYTES`] of what is sent are kept while the client does not read.

use std::io::{self, Read as _, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Encrypted bytes that wait to be sent: a short record.
pub(super) const BUFFER_BYTES: usize = 8 * 1024;
/// Bytes that a client may send in a row without data: alerts, updates of keys, empty records.
const SILENT_BYTES: usize = 64 * 1024;

/// An encrypted stream over another one.
pub(in crate::http) struct TlsStream<S> {
    stream: S,
    session: Box<ServerConnection>,
    /// Bytes received since the last data.
    silent: usize,
    is_closed: bool,
}

/// Reads from and writes to a stream within a task.
struct Blocking<'s, 'c, 'w, S>(&'s mut S, &'c mut Context<'w>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Encrypts a stream after the handshake.
    pub(super) fn new(stream: S, mut session: Box<ServerConnection>) -> Self {
        session.set_buffer_limit(Some(BUFFER_BYTES));
        Self {
            stream,
            session,
            silent: 0,
            is_closed: false,
        }
    }

    /// Sends what is encrypted.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_send(&mut self.session, &mut self.stream, cx)
    }

    /// Receives and decrypts. Returns the number of bytes received.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut from = Blocking(&mut self.stream, cx);
        let received = match self.session.read_tls(&mut from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            received => received?,
        };
        if let Err(error) = self.session.process_new_packets() {
            // The alert tells the client why, if it can be sent.
            let _ = self.poll_send(cx);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        if self.session.wants_write() {
            // Responses to the client's updates. If they have to wait, they go out with the next data.
            if let Poll::Ready(sent) = self.poll_send(cx) {
                sent?;
            }
        }
        Poll::Ready(Ok(received))
    }

    /// Encrypts with `write`, and sends.
    fn poll_encrypt(
        &mut self,
        cx: &mut Context<'_>,
        is_empty: bool,
        mut write: impl FnMut(&mut rustls::Writer<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let encrypted = write(&mut self.session.writer())?;
            let sent = self.poll_send(cx)?;
            if encrypted > 0 || is_empty {
                return Poll::Ready(Ok(encrypted));
            }
            // The buffer was full. There is room once all of it is sent.
            ready!(sent);
        }
    }
}

/// Sends what a session has encrypted.
pub(super) fn poll_send<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut ServerConnection,
    stream: &mut S,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while session.wants_write() {
        match session.write_tls(&mut Blocking(stream, cx)) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.session.reader().read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    self.silent = 0;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Many clients end without announcing it. What is cut off is not a whole request.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.silent += ready!(self.poll_receive(cx))?;
            if self.silent > SILENT_BYTES {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_encrypt(cx, bytes.is_empty(), |to| to.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let is_empty = pieces.iter().all(|piece| piece.is_empty());
        self.poll_encrypt(cx, is_empty, |to| to.write_vectored(pieces))
    }

    /// Returns true: otherwise hyper would copy the whole response to send it in one piece.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_closed {
            self.is_closed = true;
            self.session.send_close_notify();
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> io::Read for Blocking<'_, '_, '_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        match Pin::new(&mut *self.0).poll_read(self.1, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncWrite + Unpin> io::Write for Blocking<'_, '_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.finish(|stream, cx| stream.poll_write(cx, bytes))
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.finish(|stream, cx| stream.poll_write_vectored(cx, pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Unpin> Blocking<'_, '_, '_, S> {
    fn finish(
        &mut self,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> io::Result<usize> {
        match poll(Pin::new(&mut *self.0), self.1) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}
