//! Receives syslog over connections, TCP and unix streams (RFC 6587).
//!
//! Invariant: one thread reads all connections in turn, a bounded number of bytes each, so that a
//! slow or hostile peer cannot delay the others by more than its share.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};

use super::context::ReceiveContext;
use super::deframe::{Deframer, LineBuffer};
use super::event::{BAD_FRAME, REFUSED_CONNECTION, StreamEvent};
use super::queue::RETRY_INTERVAL;
use super::settings::{Endpoint, Syslog};
use crate::unix_socket::{self, SocketFile};

/// Bytes read from one connection before the next one is read.
const READ_AT_ONCE: usize = 64 * 1024;

/// Connections accepted before the open ones are read again.
const ACCEPTED_AT_ONCE: usize = 64;

/// A listening socket, and its file if it has one.
struct SyslogListener {
    socket: OwnedFd,
    file: Option<SocketFile>,
}

/// A connection of a sender.
struct Peer {
    socket: OwnedFd,
    deframer: Deframer,
}

/// All connections, and the buffers that they share.
struct Peers<'c> {
    open: Vec<Peer>,
    max_connections: usize,
    buffer: Vec<u8>,
    lines: LineBuffer,
    context: &'c ReceiveContext,
}

/// Receives until the thread is stopped, then what has arrived until then.
pub(super) fn receive(syslog: &Syslog, context: &ReceiveContext) {
    let queue = &context.queue;
    let bind = || SyslogListener::bind(syslog);
    let Some(mut listener) = context.open(&syslog.address, bind) else {
        return;
    };
    let (what, buffer) = (syslog.address.to_string(), None);
    queue.report(StreamEvent::Opened { what, buffer });
    let mut peers = Peers {
        open: Vec::new(),
        max_connections: syslog.max_connections,
        buffer: vec![0; READ_AT_ONCE],
        lines: LineBuffer::default(),
        context,
    };
    // While accepting fails for lack of descriptors, the socket stays readable.
    let mut paused_until = Duration::ZERO;
    while !queue.is_stopped() {
        queue.set_open(1 + peers.open.len());
        if !queue.has_room() {
            queue.wait(&[], None);
            continue;
        }
        let now = context.clock.monotonic();
        let is_paused = now < paused_until;
        let mut fds: Vec<BorrowedFd<'_>> = peers.fds().collect();
        if !is_paused {
            fds.push(listener.socket.as_fd());
        }
        let timeout = (is_paused || listener.file.is_some()).then_some(RETRY_INTERVAL);
        let ready = queue.wait(&fds, timeout);
        let is_listener_ready = !is_paused && ready.last() == Some(&true);
        peers.read(&ready);
        if is_listener_ready && peers.accept(&listener.socket).is_err() {
            paused_until = now + RETRY_INTERVAL;
        }
        if listener.file.as_ref().is_some_and(|file| !file.exists()) {
            // The file was removed or replaced: new peers cannot reach this socket.
            match SyslogListener::bind(syslog) {
                Ok(bound) => listener = bound,
                Err(_) => paused_until = now + RETRY_INTERVAL,
            }
        }
    }
    // Peers in the backlog may have sent lines, too.
    let _ = peers.accept(&listener.socket);
    peers.read_rest();
}

impl SyslogListener {
    fn bind(syslog: &Syslog) -> std::io::Result<Self> {
        let (socket, file): (OwnedFd, _) = match &syslog.address.endpoint {
            Endpoint::Ip(address) => (TcpListener::bind(address)?.into(), None),
            Endpoint::Unix(path) => {
                let (socket, file) = unix_socket::bind(path, |path| UnixListener::bind(path))?;
                file.set_mode(syslog.socket_mode)?;
                (socket.into(), Some(file))
            }
        };
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Self { socket, file })
    }
}

impl Peers<'_> {
    fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.iter().map(|peer| peer.socket.as_fd())
    }

    /// Reads each peer that is ready once, as long as the queue has room.
    fn read(&mut self, ready: &[bool]) {
        let mut ready = ready.iter();
        let mut open = std::mem::take(&mut self.open);
        open.retain_mut(|peer| {
            ready.next() != Some(&true) || !self.context.queue.has_room() || self.read_peer(peer)
        });
        self.open = open;
    }

    /// Reads a peer once, and returns whether it stays open.
    fn read_peer(&mut self, peer: &mut Peer) -> bool {
        let read = rustix::net::recv(&peer.socket, &mut self.buffer[..], RecvFlags::DONTWAIT);
        let stays_open = match read {
            Ok((_, length)) if length > 0 => {
                let bytes = &self.buffer[..length];
                let is_valid = peer.deframer.push(bytes, &mut self.lines).is_ok();
                if !is_valid {
                    self.context.queue.count_lost(BAD_FRAME, 1);
                }
                is_valid
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            // The connection ended or was reset: an unfinished line is counted as it was sent.
            Ok(_) | Err(_) => {
                peer.deframer.finish(&mut self.lines);
                false
            }
        };
        self.hand_over();
        stays_open
    }

    fn hand_over(&mut self) {
        self.context.queue.put(&self.lines, None);
        self.lines.clear();
    }

    /// Accepts waiting connections; those over the limit are closed at once and counted.
    fn accept(&mut self, listener: &OwnedFd) -> Result<(), Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        for _ in 0..ACCEPTED_AT_ONCE {
            match rustix::net::accept_with(listener, flags) {
                Ok(_) if self.open.len() >= self.max_connections => {
                    self.context.queue.count_lost(REFUSED_CONNECTION, 1);
                }
                Ok(socket) => self.open.push(Peer {
                    socket,
                    deframer: Deframer::syslog(self.context.line_bytes),
                }),
                Err(Errno::AGAIN) => return Ok(()),
                // The peer closed the connection while it was in the backlog.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has arrived already, as far as the queue has room.
    fn read_rest(&mut self) {
        let queue = &self.context.queue;
        while queue.has_room() {
            let fds: Vec<BorrowedFd<'_>> = self.fds().collect();
            let ready = queue.wait(&fds, Some(Duration::ZERO));
            if !ready.contains(&true) {
                break;
            }
            self.read(&ready);
        }
        for mut peer in std::mem::take(&mut self.open) {
            peer.deframer.finish(&mut self.lines);
        }
        self.hand_over();
    }
}
