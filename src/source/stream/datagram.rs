//! Receives datagrams, over UDP and unix sockets.
//!
//! Invariant: a receiver does nothing but receive, a bounded number of bytes at a time, so that the kernel's queues, which
//! hold ten datagrams for a unix socket, are emptied as fast as possible; another thread counts.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::context::ReceiveContext;
use super::deframe::LineBuffer;
use super::event::{KERNEL_DROP, Loss, ReceiveBuffer, StreamEvent};
use super::kernel::{self, Drops};
use super::queue::{Queue, RETRY_INTERVAL};
use super::settings::{Endpoint, Syslog};
use super::wait::Descriptor;
use crate::source::frame::READ_BYTES;
use crate::unix_socket::{self, SocketFile};

/// Largest datagram, in bytes, except over unix sockets with large send buffers.
const DATAGRAM_BYTES: usize = 65_536;

/// Length of a unix socket's queue, in datagrams, below which senders drop lines in a burst.
pub const SHORT_QUEUE: u64 = 512;

/// Bytes that even an empty datagram counts for, as it takes that much time.
const LEAST_BYTES: usize = 256;

/// Bytes received in a flood of datagrams before other streams have their turns.
const DRAINED_AT_ONCE: usize = 2 * READ_BYTES;

/// Most turns in which the kernel's queue is emptied at the end.
const LAST_TURNS: u32 = 32;

/// Greatest age of the kernel's counts of drops while receiving.
const DROPS_AGE: Duration = Duration::from_millis(500);

/// A bound socket.
struct DatagramSocket {
    socket: Descriptor,
    kind: Kind,
}

enum Kind {
    Udp(Drops),
    Unix(SocketFile),
}

/// Receives until the receiver is stopped, then what the kernel still holds.
pub(super) async fn receive(syslog: &Syslog, context: &ReceiveContext) {
    let queue = &context.queue;
    let bind = || DatagramSocket::bind(syslog, queue);
    let Some(mut socket) = context.open(&syslog.address, bind).await else {
        return;
    };
    queue.set_open(1);
    let most = DATAGRAM_BYTES.max(context.line_bytes);
    let mut reader = DatagramReader {
        // The additional byte reveals a datagram that was truncated.
        buffer: vec![0; most + 1],
        lines: LineBuffer::default(),
        datagrams: Loss::default(),
    };
    let mut next_drop_count = Duration::ZERO;
    loop {
        let is_last = queue.is_stopped();
        let mut turns = if is_last { LAST_TURNS } else { 1 };
        while reader.drain(&socket.socket, queue) && turns > 1 {
            turns -= 1;
            queue.wait(Vec::new(), Some(Duration::ZERO)).await;
        }
        let now = context.clock.monotonic();
        if is_last {
            // After the turns of all streams that end now, one reading of the kernel's counts serves them all.
            queue.wait(Vec::new(), Some(Duration::ZERO)).await;
            socket.count_drops(context, now);
            return;
        }
        if now >= next_drop_count {
            next_drop_count = now + RETRY_INTERVAL;
            socket.count_drops(context, now.saturating_sub(DROPS_AGE));
        }
        if !socket.is_reachable() {
            // The file was removed or replaced: senders cannot reach this socket.
            match DatagramSocket::bind(syslog, queue) {
                Ok(bound) => socket = bound,
                Err(_) => drop(queue.wait(Vec::new(), Some(RETRY_INTERVAL)).await),
            }
            continue;
        }
        let fds = vec![Arc::clone(&socket.socket)];
        queue.wait(fds, Some(RETRY_INTERVAL)).await;
    }
}

/// Collects the lines of datagrams until they are handed over.
struct DatagramReader {
    buffer: Vec<u8>,
    lines: LineBuffer,
    /// Datagrams of `lines`, with the bytes that they had.
    datagrams: Loss,
}

impl DatagramReader {
    /// Receives what the kernel holds, up to [`DRAINED_AT_ONCE`]. Returns whether it may hold more.
    fn drain(&mut self, socket: &OwnedFd, queue: &Queue) -> bool {
        let mut drained = 0;
        // Counts what was received and not what is held: over-long and empty datagrams come without an end, too.
        while drained < DRAINED_AT_ONCE {
            let (_, length) = match rustix::net::recv(
                socket,
                &mut self.buffer[..],
                RecvFlags::DONTWAIT | RecvFlags::TRUNC,
            ) {
                Ok(received) => received,
                Err(Errno::INTR) => continue,
                // Nothing is left, or an earlier sender's error is pending, which can be ignored.
                Err(_) => break,
            };
            self.datagrams.add(Loss {
                count: 1,
                bytes: length as u64,
            });
            drained += length.clamp(LEAST_BYTES, self.buffer.len());
            match self.buffer.get(..length) {
                Some(message) if length < self.buffer.len() => self.lines.push_message(message),
                _ => self.lines.overlong += 1,
            }
            if self.lines.bytes.len() >= READ_BYTES {
                self.hand_over(queue);
            }
        }
        self.hand_over(queue);
        drained >= DRAINED_AT_ONCE
    }

    fn hand_over(&mut self, queue: &Queue) {
        queue.offer(&self.lines, self.datagrams);
        self.lines.clear();
        self.datagrams = Loss::default();
    }
}

impl DatagramSocket {
    fn bind(syslog: &Syslog, queue: &Queue) -> std::io::Result<Self> {
        let what = syslog.address.to_string();
        match &syslog.address.endpoint {
            Endpoint::Ip(address) => {
                let socket = UdpSocket::bind(address)?;
                let requested = syslog.receive_buffer;
                let granted = kernel::set_receive_buffer(&socket, requested)?;
                let drops = Drops::new(&socket)?;
                let buffer = Some(ReceiveBuffer { requested, granted });
                queue.report(StreamEvent::Opened { what, buffer });
                Ok(Self {
                    socket: Arc::new(socket.into()),
                    kind: Kind::Udp(drops),
                })
            }
            Endpoint::Unix(path) => {
                let (socket, file) = unix_socket::bind(path, |path| UnixDatagram::bind(path))?;
                file.set_mode(syslog.socket_mode)?;
                queue.report(StreamEvent::Opened { what, buffer: None });
                if let Some(length) = kernel::unix_queue_length().filter(|it| *it < SHORT_QUEUE) {
                    queue.report(StreamEvent::ShortQueue { length });
                }
                Ok(Self {
                    socket: Arc::new(socket.into()),
                    kind: Kind::Unix(file),
                })
            }
        }
    }

    fn count_drops(&mut self, context: &ReceiveContext, since: Duration) {
        let queue = &context.queue;
        if let Kind::Udp(drops) = &mut self.kind {
            match drops.since_last_call(&context.udp, context.clock.monotonic(), since) {
                Some(count) => queue.count_lost(KERNEL_DROP, count),
                None if drops.became_unknown() => queue.report(StreamEvent::DropsUnknown),
                None => {}
            }
        }
    }

    /// Returns whether senders can still find the socket.
    fn is_reachable(&self) -> bool {
        match &self.kind {
            Kind::Udp(_) => true,
            Kind::Unix(file) => file.exists(),
        }
    }
}
