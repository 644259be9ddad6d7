//! Receives syslog over connections: TCP and unix streams (RFC 6587).
//!
//! Invariant: one thread reads all connections in turn, a bounded stretch each, so that a slow or
//! hostile peer costs the others nothing but its share.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};

use super::deframe::{Deframer, Lines};
use super::event::{BAD_FRAME, REFUSED_CONNECTION, StreamEvent};
use super::queue::Queue;
use super::settings::{Syslog, SyslogAddress};
use super::socket::{self, SocketFile};
use super::{RETRY, Ties};

/// Bytes read of a connection before it is the next one's turn.
const TURN_BYTES: usize = 64 * 1024;

/// Connections taken in before those that are open get their turn.
const ACCEPTED_AT_ONCE: usize = 64;

/// A listening socket, and its file if it has one.
struct Listener {
    socket: OwnedFd,
    file: Option<SocketFile>,
}

/// A peer.
struct Connection {
    socket: OwnedFd,
    deframer: Deframer,
}

/// All peers, and what is shared between them.
struct Peers<'t> {
    connections: Vec<Connection>,
    most: usize,
    buffer: Vec<u8>,
    lines: Lines,
    ties: &'t Ties,
}

/// Receives until it is told to stop, then what has come until then.
pub(super) fn receive(syslog: &Syslog, ties: &Ties) {
    let queue = &ties.queue;
    let bind = || Listener::bind(syslog);
    let Some(mut listener) = ties.open(&syslog.address, bind) else {
        return;
    };
    let (what, buffer) = (syslog.address.to_string(), None);
    queue.tell(StreamEvent::Opened { what, buffer });
    let mut peers = Peers {
        connections: Vec::new(),
        most: syslog.max_connections,
        buffer: vec![0; TURN_BYTES],
        lines: Lines::default(),
        ties,
    };
    // Without descriptors to accept with, the socket would stay readable.
    let mut pause_until = Duration::ZERO;
    while !queue.is_stopped() {
        queue.set_open(1 + peers.connections.len());
        if !queue.has_room() {
            queue.wait(&[], None);
            continue;
        }
        let now = ties.clock.monotonic();
        let is_paused = now < pause_until;
        let mut fds: Vec<BorrowedFd<'_>> = peers.fds().collect();
        if !is_paused {
            fds.push(listener.socket.as_fd());
        }
        let timeout = (is_paused || listener.file.is_some()).then_some(RETRY);
        let ready = queue.wait(&fds, timeout);
        let is_called = !is_paused && ready.last() == Some(&true);
        peers.read(&ready);
        if is_called && peers.accept(&listener.socket).is_err() {
            pause_until = now + RETRY;
        }
        if listener.file.as_ref().is_some_and(|file| !file.is_there()) {
            // Somebody removed the file: new peers reach nobody until there is another one.
            match Listener::bind(syslog) {
                Ok(again) => listener = again,
                Err(_) => pause_until = now + RETRY,
            }
        }
    }
    // Whoever was let wait has sent something too, perhaps.
    let _ = peers.accept(&listener.socket);
    peers.read_rest();
}

impl Listener {
    fn bind(syslog: &Syslog) -> std::io::Result<Self> {
        match &syslog.address {
            SyslogAddress::Tcp(address) | SyslogAddress::Udp(address) => {
                let socket = TcpListener::bind(address)?;
                socket.set_nonblocking(true)?;
                Ok(Self {
                    socket: socket.into(),
                    file: None,
                })
            }
            SyslogAddress::UnixStream(path) | SyslogAddress::Unix(path) => {
                let (socket, file) =
                    socket::bind(path, syslog.socket_mode, |path| UnixListener::bind(path))?;
                socket.set_nonblocking(true)?;
                Ok(Self {
                    socket: socket.into(),
                    file: Some(file),
                })
            }
        }
    }
}

impl Peers<'_> {
    fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.connections
            .iter()
            .map(|connection| connection.socket.as_fd())
    }

    /// Gives each connection that is ready its turn, as long as there is room.
    fn read(&mut self, ready: &[bool]) {
        let mut ready = ready.iter();
        let mut connections = std::mem::take(&mut self.connections);
        connections.retain_mut(|connection| {
            ready.next() != Some(&true) || !self.ties.queue.has_room() || self.turn(connection)
        });
        self.connections = connections;
    }

    /// Reads once; says whether the connection stays open.
    fn turn(&mut self, connection: &mut Connection) -> bool {
        let flags = RecvFlags::DONTWAIT;
        let read = rustix::net::recv(&connection.socket, &mut self.buffer[..], flags);
        let stays = match read {
            Ok((_, 0)) => {
                connection.deframer.finish(&mut self.lines);
                false
            }
            Ok((_, length)) => {
                let bytes = &self.buffer[..length];
                let is_good = connection.deframer.push(bytes, &mut self.lines).is_ok();
                if !is_good {
                    self.ties.queue.lose(BAD_FRAME, 1);
                }
                is_good
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            Err(_) => {
                // It was reset. What it had begun is not whole, but it was sent.
                connection.deframer.finish(&mut self.lines);
                false
            }
        };
        self.hand_over(&self.ties.queue);
        self.lines.clear();
        stays
    }

    fn hand_over(&self, queue: &Queue) {
        queue.put(&self.lines.bytes, self.lines.overlong, None);
    }

    /// Takes in those who wait; those for whom there is no room are turned away and counted.
    fn accept(&mut self, listener: &OwnedFd) -> Result<(), Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        for _ in 0..ACCEPTED_AT_ONCE {
            match rustix::net::accept_with(listener, flags) {
                Ok(_) if self.connections.len() >= self.most => {
                    self.ties.queue.lose(REFUSED_CONNECTION, 1);
                }
                Ok(socket) => self.connections.push(Connection {
                    socket,
                    deframer: Deframer::syslog(self.ties.line_bytes),
                }),
                Err(Errno::AGAIN) => return Ok(()),
                // The peer was gone before its turn came.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has come already, as far as there is room.
    fn read_rest(&mut self) {
        let queue = &self.ties.queue;
        while queue.has_room() {
            let fds: Vec<BorrowedFd<'_>> = self.fds().collect();
            let ready = queue.wait(&fds, Some(Duration::ZERO));
            if !ready.contains(&true) {
                break;
            }
            self.read(&ready);
        }
        for mut connection in std::mem::take(&mut self.connections) {
            connection.deframer.finish(&mut self.lines);
        }
        self.hand_over(queue);
    }
}
