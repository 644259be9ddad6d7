//! Receives datagrams: UDP and unix.
//!
//! Invariant: this thread only receives, so that the kernel's queue, which is ten datagrams deep
//! for a unix socket, is emptied as fast as a thread can; counting is another one's work.

use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::deframe::Lines;
use super::event::{KERNEL_DROP, StreamEvent};
use super::kernel::{self, Drops};
use super::queue::Queue;
use super::settings::{Syslog, SyslogAddress};
use super::socket::{self, SocketFile};
use super::{RETRY, Ties};
use crate::source::READ_BYTES;

/// The largest datagram there is, but for unix sockets with large send buffers.
const DATAGRAM_BYTES: usize = 65_536;

/// Fewer datagrams than this may wait in a unix socket: writers will drop lines in a burst.
pub const SHORT_QUEUE: u64 = 512;

/// A bound socket.
enum Socket {
    Udp(UdpSocket, Drops),
    Unix(UnixDatagram, SocketFile),
}

/// Receives until it is told to stop, then what has come until then.
pub(super) fn receive(syslog: &Syslog, ties: &Ties) {
    let queue = &ties.queue;
    let Some(mut socket) = ties.open(&syslog.address, || Socket::bind(syslog, queue)) else {
        return;
    };
    queue.set_open(1);
    let most = DATAGRAM_BYTES.max(ties.line_bytes);
    let mut receiver = Receiver {
        // One byte more than can be kept tells a longer datagram.
        buffer: vec![0; most + 1],
        lines: Lines::default(),
        datagrams: 0,
    };
    let mut due = Duration::ZERO;
    loop {
        let is_last = queue.is_stopped();
        receiver.drain(socket.as_fd(), queue);
        let now = ties.clock.monotonic();
        if now >= due || is_last {
            due = now + RETRY;
            socket.count_drops(queue);
        }
        if is_last {
            return;
        }
        if !socket.is_there() {
            // Somebody removed the file: writers reach nobody until there is another one.
            match Socket::bind(syslog, queue) {
                Ok(again) => socket = again,
                Err(_) => drop(queue.wait(&[], Some(RETRY))),
            }
            continue;
        }
        queue.wait(&[socket.as_fd()], Some(RETRY));
    }
}

/// Receives into one buffer after another.
struct Receiver {
    buffer: Vec<u8>,
    lines: Lines,
    datagrams: u64,
}

impl Receiver {
    /// Takes all that the kernel holds, or as much as one look may take.
    fn drain(&mut self, socket: BorrowedFd<'_>, queue: &Queue) {
        let mut rounds = 0;
        loop {
            let (_, length) = match rustix::net::recv(
                socket,
                &mut self.buffer[..],
                RecvFlags::DONTWAIT | RecvFlags::TRUNC,
            ) {
                Ok(received) => received,
                Err(Errno::INTR) => continue,
                // Nothing is left, or an error of an earlier sender's, which is no affair of ours.
                Err(_) => break,
            };
            self.datagrams += 1;
            match self.buffer.get(..length) {
                Some(message) if length < self.buffer.len() => self.lines.push_message(message),
                _ => self.lines.overlong += 1,
            }
            if self.lines.bytes.len() >= READ_BYTES {
                self.hand_over(queue);
                rounds += 1;
                // So that a flood doesn't keep the thread from its other duties.
                if rounds == 64 {
                    break;
                }
            }
        }
        self.hand_over(queue);
    }

    fn hand_over(&mut self, queue: &Queue) {
        queue.offer(&self.lines.bytes, self.lines.overlong, self.datagrams);
        self.lines.clear();
        self.datagrams = 0;
    }
}

impl Socket {
    fn bind(syslog: &Syslog, queue: &Arc<Queue>) -> std::io::Result<Self> {
        let what = syslog.address.to_string();
        match &syslog.address {
            SyslogAddress::Udp(address) | SyslogAddress::Tcp(address) => {
                let socket = UdpSocket::bind(address)?;
                let got = kernel::receive_buffer(&socket, syslog.receive_buffer)?;
                let drops = Drops::of(&socket)?;
                let buffer = Some((syslog.receive_buffer, got));
                queue.tell(StreamEvent::Opened { what, buffer });
                Ok(Self::Udp(socket, drops))
            }
            SyslogAddress::Unix(path) | SyslogAddress::UnixStream(path) => {
                let (socket, file) =
                    socket::bind(path, syslog.socket_mode, |path| UnixDatagram::bind(path))?;
                queue.tell(StreamEvent::Opened { what, buffer: None });
                if let Some(length) = kernel::unix_queue_length().filter(|it| *it < SHORT_QUEUE) {
                    queue.tell(StreamEvent::ShortQueue { length });
                }
                Ok(Self::Unix(socket, file))
            }
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Udp(socket, _) => socket.as_fd(),
            Self::Unix(socket, _) => socket.as_fd(),
        }
    }

    fn count_drops(&mut self, queue: &Queue) {
        if let Self::Udp(_, drops) = self {
            queue.lose(KERNEL_DROP, drops.more().unwrap_or_default());
        }
    }

    /// Whether writers can still find it.
    fn is_there(&self) -> bool {
        match self {
            Self::Udp(..) => true,
            Self::Unix(_, file) => file.is_there(),
        }
    }
}
