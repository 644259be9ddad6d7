//! Connections of syslog senders.
//!
//! Invariant: all connections are read in turn, a bounded number of bytes each, so that a slow or hostile peer cannot delay
//! the others by more than its share; a connection that sends no lines keeps its place only while no other
//! one needs it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};

use super::context::ReceiveContext;
use super::deframe::{Deframer, LineBuffer};
use super::event::{BAD_FRAME, DISPLACED_CONNECTION, REFUSED_CONNECTION};
use super::kernel;
use super::queue::REST_BYTES;
use super::wait::Descriptor;

/// Bytes read from one connection before the next one is read.
const READ_AT_ONCE: usize = 64 * 1024;

/// Bytes read from all connections together before other streams have their turns.
const TURN_BYTES: usize = 1 << 20;

/// Bytes that are still read from all connections together once the receiver was stopped, if they are few enough for
/// [`READ_AT_ONCE`] each.
const REST_BYTES_OF_ALL: usize = 16 << 20;

/// Connections accepted before the open ones are read again.
const ACCEPTED_AT_ONCE: usize = 64;

/// Time in which a new connection is not displaced.
const FIRST_LINE_WAIT: Duration = Duration::from_secs(1);

/// Time after its last line in which a connection is not displaced.
const NEXT_LINE_WAIT: Duration = Duration::from_secs(10);

/// A connection of a sender.
struct Peer {
    socket: Descriptor,
    deframer: Deframer,
    is_open: bool,
    has_sent_line: bool,
    /// Time of the last whole line, or of the start of the connection. Bytes that complete no line do not count.
    active: Duration,
}

/// All connections, and the buffers that they share.
pub(super) struct Peers<'c> {
    open: Vec<Peer>,
    max_connections: usize,
    are_tcp: bool,
    buffer: Vec<u8>,
    lines: LineBuffer,
    context: &'c ReceiveContext,
}

impl<'c> Peers<'c> {
    /// Accepts up to `max_connections` connections, which are of TCP or of unix sockets.
    pub(super) fn new(max_connections: usize, are_tcp: bool, context: &'c ReceiveContext) -> Self {
        Self {
            open: Vec::new(),
            max_connections,
            are_tcp,
            buffer: vec![0; READ_AT_ONCE],
            lines: LineBuffer::default(),
            context,
        }
    }

    /// Returns the number of open connections.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns the descriptors of the open connections.
    pub(super) fn fds(&self) -> impl Iterator<Item = Descriptor> {
        self.open.iter().map(|peer| Arc::clone(&peer.socket))
    }

    /// Reads each peer that is ready once, as long as the queue has room, up to [`TURN_BYTES`]. `ready` is in the sequence of [`Self::fds`].
    pub(super) fn read(&mut self, ready: &[bool]) {
        let now = self.context.clock.monotonic();
        let mut open = std::mem::take(&mut self.open);
        let mut left = TURN_BYTES;
        let skipped = open.iter_mut().zip(ready).position(|(peer, is_ready)| {
            if *is_ready && (left == 0 || !self.context.queue.has_room()) {
                return true;
            }
            if *is_ready {
                let read = self.read_peer(peer, now, READ_AT_ONCE);
                left = left.saturating_sub(read);
            }
            false
        });
        // The first one that was left out is the first one to be read next.
        open.rotate_left(skipped.unwrap_or(0));
        open.retain(|peer| peer.is_open);
        self.open = open;
    }

    /// Reads a peer once, at most `most` bytes, and returns how many bytes came.
    fn read_peer(&mut self, peer: &mut Peer, now: Duration, most: usize) -> usize {
        let most = most.min(self.buffer.len());
        let buffer = &mut self.buffer[..most];
        let length = match rustix::net::recv(&peer.socket, buffer, RecvFlags::DONTWAIT) {
            Ok((_, length)) if length > 0 => {
                let bytes = &self.buffer[..length];
                if peer.deframer.push(bytes, &mut self.lines).is_err() {
                    self.context.queue.count_lost(BAD_FRAME, 1);
                    peer.is_open = false;
                }
                if !self.lines.is_empty() {
                    peer.has_sent_line = true;
                    peer.active = now;
                }
                length
            }
            Err(Errno::AGAIN | Errno::INTR) => 0,
            // The connection ended, was reset, or its peer has vanished: an unfinished line is counted as it was sent.
            Ok(_) | Err(_) => {
                peer.deframer.finish(&mut self.lines);
                peer.is_open = false;
                0
            }
        };
        self.hand_over();
        length
    }

    fn hand_over(&mut self) {
        self.context.queue.put(&self.lines, None);
        self.lines.clear();
    }

    /// Accepts waiting connections. Over the limit, each takes the place of one that sends no lines; if there is none, the
    /// new one is closed at once and counted.
    pub(super) fn accept(&mut self, listener: &OwnedFd) -> Result<(), Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let now = self.context.clock.monotonic();
        for _ in 0..ACCEPTED_AT_ONCE {
            match rustix::net::accept_with(listener, flags) {
                Ok(socket) => self.admit(socket, now),
                Err(Errno::AGAIN) => return Ok(()),
                // The peer closed the connection while it was in the backlog.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => {
                    // A closed connection frees a descriptor, which may be what is missing.
                    self.displace(now);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn admit(&mut self, socket: OwnedFd, now: Duration) {
        if self.open.len() >= self.max_connections && !self.displace(now) {
            self.context.queue.count_lost(REFUSED_CONNECTION, 1);
            return;
        }
        if self.are_tcp {
            // Fails only if the connection has ended, which reading it shows.
            let _ = kernel::keep_alive(&socket);
        }
        self.open.push(Peer {
            socket: Arc::new(socket),
            deframer: Deframer::syslog(self.context.line_bytes),
            is_open: true,
            has_sent_line: false,
            active: now,
        });
    }

    /// Closes the connection that has sent no line for longest, first of those that never sent one. Returns false if every
    /// connection is new or has sent a line a moment ago.
    fn displace(&mut self, now: Duration) -> bool {
        loop {
            let idle = self.open.iter().enumerate();
            let idle = idle.filter(|(_, peer)| peer.is_idle(now));
            let longest = idle.min_by_key(|(_, peer)| (peer.has_sent_line, peer.active));
            let Some(at) = longest.map(|(at, _)| at) else {
                return false;
            };
            let mut peer = self.open.swap_remove(at);
            // What has arrived since the last read may complete a line.
            self.read_peer(&mut peer, now, READ_AT_ONCE);
            if peer.is_open && !peer.is_idle(now) {
                self.open.push(peer);
                continue;
            }
            if peer.is_open {
                self.context.queue.count_lost(DISPLACED_CONNECTION, 1);
                self.end(peer);
            }
            return true;
        }
    }

    /// Closes a connection; its unfinished line is counted as it was sent.
    fn end(&mut self, mut peer: Peer) {
        peer.deframer.finish(&mut self.lines);
        self.hand_over();
    }

    /// Reads what has arrived over each connection, at most [`REST_BYTES`], and closes all. So peers that send without an
    /// end cannot delay the stop.
    pub(super) async fn read_rest(&mut self) {
        let now = self.context.clock.monotonic();
        let share = REST_BYTES_OF_ALL / self.open.len().max(1);
        for mut peer in std::mem::take(&mut self.open) {
            let mut left = share.clamp(READ_AT_ONCE, REST_BYTES);
            while left > 0 && self.context.queue.wait_for_room().await {
                // Other streams have their turns.
                let timeout = Some(Duration::ZERO);
                self.context.queue.wait(Vec::new(), timeout).await;
                let read = self.read_peer(&mut peer, now, left);
                left = if read == 0 { 0 } else { left - read };
            }
            if peer.is_open {
                self.end(peer);
            }
        }
    }
}

impl Peer {
    /// Returns whether another connection may take the place of this one.
    fn is_idle(&self, now: Duration) -> bool {
        let wait = if self.has_sent_line {
            NEXT_LINE_WAIT
        } else {
            FIRST_LINE_WAIT
        };
        now.saturating_sub(self.active) >= wait
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::clock::{ManualClock, Waker};
    use crate::source::stream::poller::Poller;
    use crate::source::stream::queue::{Held, Queue};

    const LIMIT: usize = 3;

    struct Bench {
        clock: Arc<ManualClock>,
        context: ReceiveContext,
    }

    impl Bench {
        fn new(queue_bytes: usize) -> Self {
            let clock = Arc::new(ManualClock::default());
            let poller = Arc::new(Poller::new().unwrap());
            let context = ReceiveContext {
                queue: Arc::new(Queue::new(queue_bytes, Waker::default(), poller)),
                line_bytes: 100,
                clock: Arc::clone(&clock) as _,
                udp: Arc::default(),
            };
            Self { clock, context }
        }

        fn peers(&self) -> Peers<'_> {
            Peers::new(LIMIT, false, &self.context)
        }

        fn now(&self) -> Duration {
            self.context.clock.monotonic()
        }

        /// Connects a peer that sends `text`, and returns its end.
        fn connect(&self, peers: &mut Peers<'_>, text: &str) -> UnixStream {
            let (mut sender, socket) = UnixStream::pair().unwrap();
            peers.admit(socket.into(), self.now());
            sender.write_all(text.as_bytes()).unwrap();
            sender
        }

        fn taken(&self) -> String {
            let mut held = Held::default();
            self.context.queue.take(&mut held);
            String::from_utf8(held.lines.bytes).unwrap()
        }

        /// Returns the number of displaced and of refused connections.
        fn lost(&self) -> (u64, u64) {
            let lost = self.context.queue.take_lost();
            let of = |reason| lost.get(&reason).map_or(0, |loss| loss.count);
            (of(DISPLACED_CONNECTION), of(REFUSED_CONNECTION))
        }
    }

    #[test]
    fn a_connection_without_lines_gives_its_place_up() {
        let bench = Bench::new(1_000);
        let mut peers = bench.peers();
        let _sends = bench.connect(&mut peers, "line\n");
        let mut trickles = bench.connect(&mut peers, "tri");
        let _silent = bench.connect(&mut peers, "");
        peers.read(&[true; LIMIT]);
        assert_eq!(bench.taken(), "line\n");
        // All are new.
        let _refused = bench.connect(&mut peers, "");
        assert_eq!((bench.lost(), peers.len()), ((0, 1), LIMIT));
        bench.clock.advance(FIRST_LINE_WAIT);
        trickles.write_all(b"ckle").unwrap();
        let _first = bench.connect(&mut peers, "first\n");
        let _second = bench.connect(&mut peers, "second\n");
        assert_eq!((bench.lost(), peers.len()), ((2, 0), LIMIT));
        // The unfinished line is counted as it was sent.
        assert_eq!(bench.taken(), "trickle\n");
        assert!(trickles.write_all(b"!").is_err());
        peers.read(&[true; LIMIT]);
        assert_eq!(bench.taken(), "first\nsecond\n");
        // Only the sender of the first line has been quiet for long.
        bench
            .clock
            .advance(NEXT_LINE_WAIT.saturating_sub(FIRST_LINE_WAIT));
        let _third = bench.connect(&mut peers, "");
        let _refused = bench.connect(&mut peers, "");
        assert_eq!((bench.lost(), peers.len()), ((1, 1), LIMIT));
    }

    #[test]
    fn a_line_that_arrived_meanwhile_saves_the_place_of_its_connection() {
        let bench = Bench::new(1_000);
        let mut peers = bench.peers();
        let mut senders: Vec<_> = (0..LIMIT).map(|_| bench.connect(&mut peers, "")).collect();
        bench.clock.advance(FIRST_LINE_WAIT);
        for sender in &mut senders {
            sender.write_all(b"line\n").unwrap();
        }
        let _refused = bench.connect(&mut peers, "");
        assert_eq!((bench.lost(), peers.len()), ((0, 1), LIMIT));
        assert_eq!(bench.taken(), "line\n".repeat(LIMIT));
    }

    #[test]
    fn peers_that_send_much_are_read_in_turns() {
        const PEERS: usize = TURN_BYTES / READ_AT_ONCE + 4;
        let bench = Bench::new(2 * TURN_BYTES);
        let mut peers = Peers::new(PEERS, false, &bench.context);
        let text = "x".repeat(99) + "\n";
        let text = text.repeat(READ_AT_ONCE / text.len() + 1);
        let senders = (0..PEERS).map(|_| bench.connect(&mut peers, &text));
        let senders: Vec<_> = senders.collect();
        peers.read(&[true; PEERS]);
        let first = bench.taken().len();
        assert!(first <= TURN_BYTES, "{first}");
        // The other four come first.
        let ready: Vec<bool> = (0..PEERS).map(|nth| nth < 4).collect();
        peers.read(&ready);
        assert_eq!(bench.taken().len(), first / (PEERS - 4) * 4);
        drop(senders);
        peers.read(&[true; PEERS]);
        peers.read(&[true; PEERS]);
        peers.read(&[true; PEERS]);
        assert_eq!(peers.len(), 0);
    }

    #[test]
    fn a_peer_that_fills_the_queue_does_not_keep_the_others_from_being_read() {
        let bench = Bench::new(4);
        let mut peers = bench.peers();
        let mut senders: Vec<_> = ["a", "b", "c"]
            .map(|name| bench.connect(&mut peers, &format!("{name}{name}{name}{name}\n")))
            .into();
        let mut taken = String::new();
        for _ in 0..LIMIT {
            peers.read(&[true; LIMIT]);
            taken += &bench.taken();
            for sender in &mut senders {
                sender.write_all(b"more\n").unwrap();
            }
        }
        assert_eq!(taken, "aaaa\nbbbb\nmore\ncccc\nmore\nmore\n");
    }
}
