//! Closes a connection once its client has read the last response.
//!
//! Without it, a client could leave what the system buffers for it behind, connection after connection: the memory of
//! a closed socket counts as the service's until the client has read it. A socket that is dropped without lingering
//! is reset, which frees the memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};

/// Bytes read and discarded while the client reads its response (RFC 9112, 9.6). Closing a socket with unread bytes
/// resets the connection.
const DISCARDED_BYTES: usize = 256 * 1024;
const CHUNK: usize = 4 * 1024;
/// Interval at which a connection that the client has half closed is checked: nothing reports that it has ended.
const CHECK: Duration = Duration::from_millis(20);

/// An accepted socket.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// True if a browser can be made to connect.
    const IS_OPEN_TO_BROWSERS: bool;

    /// Leaves the rest of the transmission to the system.
    fn finish_when_dropped(&self);

    /// Returns whether the connection has ended on both sides, and everything was received.
    fn is_finished(&self) -> bool;
}

impl Socket for TcpStream {
    const IS_OPEN_TO_BROWSERS: bool = true;

    fn finish_when_dropped(&self) {
        let _ = sockopt::set_socket_linger(self, None);
    }

    fn is_finished(&self) -> bool {
        // Linux has a peer's address until then (`inet_getname` in net/ipv4/af_inet.c).
        self.peer_addr().is_err()
    }
}

impl Socket for UnixStream {
    const IS_OPEN_TO_BROWSERS: bool = false;

    fn finish_when_dropped(&self) {}

    /// Returns true: all bytes sent are in the client's own buffer.
    fn is_finished(&self) -> bool {
        true
    }
}

/// The state of a connection's end.
#[derive(Debug)]
pub(super) struct Linger {
    /// Time that the client has to read the rest.
    within: Duration,
    /// True if the client closed its side before the response was sent: its end is then not an event.
    pub(super) has_ended: bool,
    discarded: usize,
    deadline: Option<Pin<Box<Sleep>>>,
    check: Option<Pin<Box<Sleep>>>,
}

impl Linger {
    pub(super) fn new(within: Duration) -> Self {
        Self {
            within,
            has_ended: false,
            discarded: 0,
            deadline: None,
            check: None,
        }
    }

    /// Completes once the client has read everything or closed its side, or has taken too long; at once if the
    /// server is stopping. Our side is shut down already.
    pub(super) fn poll_read<S: Socket>(
        &mut self,
        socket: &mut S,
        is_stopping: bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if is_stopping {
            self.discard(socket, cx);
            socket.finish_when_dropped();
            return Poll::Ready(Ok(()));
        }
        let within = self.within;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(within)));
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        loop {
            if self.discard(socket, cx) || socket.is_finished() {
                return Poll::Ready(Ok(()));
            }
            let check = self.check.get_or_insert_with(|| Box::pin(sleep(CHECK)));
            if check.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.check = None;
        }
    }

    /// Discards what has arrived. Returns whether the client has closed its side since ours was, or sends too much.
    fn discard<S: Socket>(&mut self, socket: &mut S, cx: &mut Context<'_>) -> bool {
        let mut chunk = [0; CHUNK];
        while !self.has_ended && self.discarded < DISCARDED_BYTES {
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *socket).poll_read(cx, &mut buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.discarded += buffer.filled().len();
                }
                Poll::Ready(_) => return true,
            }
        }
        !self.has_ended
    }
}
