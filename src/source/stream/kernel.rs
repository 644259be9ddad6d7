//! Reads and sets the kernel's limits of sockets, reads its count of dropped datagrams, and has it
//! check idle connections.
//!
//! Invariant: an unknown number is `None`, never 0.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt;

/// Tables of UDP sockets, below `/proc/self` because `ProcSubset=pid` hides those of `/proc`.
const UDP_TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// File with the longest queue of a unix datagram socket.
const UNIX_QUEUE: &str = "/proc/sys/net/unix/max_dgram_qlen";

/// Returns how many datagrams a unix socket created from now on can queue.
pub fn unix_queue_length() -> Option<u64> {
    std::fs::read_to_string(UNIX_QUEUE)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Quiet time after which the kernel asks whether the peer of a TCP connection still exists.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
/// Time between two such questions without an answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Questions without an answer after which the connection fails.
const KEEPALIVE_COUNT: u32 = 6;

/// Makes a TCP connection fail two minutes after its peer has vanished.
pub(super) fn keep_alive(connection: impl AsFd) -> io::Result<()> {
    sockopt::set_socket_keepalive(&connection, true)?;
    sockopt::set_tcp_keepidle(&connection, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&connection, KEEPALIVE_INTERVAL)?;
    Ok(sockopt::set_tcp_keepcnt(&connection, KEEPALIVE_COUNT)?)
}

/// Requests a receive buffer of `bytes`, and returns how many the kernel grants.
pub(super) fn set_receive_buffer(socket: impl AsFd, bytes: usize) -> io::Result<usize> {
    // Only this one can exceed net.core.rmem_max, and needs privileges.
    if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    // The kernel reports twice the bytes requested, to include its bookkeeping (socket(7)).
    Ok(sockopt::socket_recv_buffer_size(&socket)? / 2)
}

/// Failures in a row after which the kernel's count is taken to be unreadable: a table that changes while it is read can
/// lack a socket.
const FAILURES: u32 = 3;

/// The kernel's counts of dropped datagrams, of which one reading serves several sockets: it lists those of all processes.
#[derive(Debug, Default)]
pub(super) struct UdpTable(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    at: Duration,
    /// Drops by inode.
    drops: HashMap<u64, u32>,
}

/// Counts the datagrams that the kernel dropped for one UDP socket.
#[derive(Debug)]
pub(super) struct Drops {
    inode: u64,
    /// The kernel's counter at the last call; it has 32 bits and wraps.
    seen: u32,
    /// Calls in a row that found no counter.
    failures: u32,
}

impl Drops {
    /// Counts from 0, for a newly created socket.
    pub(super) fn new(socket: impl AsFd) -> io::Result<Self> {
        let inode = rustix::fs::fstat(socket)?.st_ino;
        Ok(Self {
            inode,
            seen: 0,
            failures: 0,
        })
    }

    /// Returns the drops since the last call that found a counter, from a reading of the table after the time `since`, or
    /// from one at the time `now`.
    pub(super) fn since_last_call(
        &mut self,
        table: &UdpTable,
        now: Duration,
        since: Duration,
    ) -> Option<u64> {
        let Some(now) = table.drops_of(self.inode, now, since) else {
            self.failures = self.failures.saturating_add(1);
            return None;
        };
        self.failures = 0;
        let drops = now.wrapping_sub(self.seen);
        self.seen = now;
        Some(drops.into())
    }

    /// Returns true at the call of [`Self::since_last_call`] from which on the drops are unknown.
    pub(super) fn became_unknown(&self) -> bool {
        self.failures == FAILURES
    }
}

impl UdpTable {
    fn drops_of(&self, inode: u64, now: Duration, since: Duration) -> Option<u32> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A socket that was bound after it is not in it.
        if reading.at <= since || !reading.drops.contains_key(&inode) {
            let tables = UDP_TABLES.map(|table| std::fs::read_to_string(table).unwrap_or_default());
            let drops = tables.iter().flat_map(|table| drops_by_inode(table));
            *reading = Reading {
                at: now,
                drops: drops.collect(),
            };
        }
        reading.drops.get(&inode).copied()
    }
}

/// Returns the tenth column of each line, the inode, and its last one (`udp4_format_sock` in Linux' net/ipv4/udp.c).
fn drops_by_inode(table: &str) -> impl Iterator<Item = (u64, u32)> {
    table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let inode = columns.nth(9)?.parse().ok()?;
        Some((inode, columns.next_back()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn the_kernel_checks_idle_connections() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        keep_alive(&peer).unwrap();
        assert!(sockopt::socket_keepalive(&peer).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&peer).unwrap(), KEEPALIVE_IDLE);
        assert_eq!(sockopt::tcp_keepintvl(&peer).unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(sockopt::tcp_keepcnt(&peer).unwrap(), KEEPALIVE_COUNT);
    }

    #[test]
    fn every_datagram_is_received_or_counted_as_dropped() {
        const SENT: u64 = 2_000;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        set_receive_buffer(&socket, 65_536).unwrap();
        let mut drops = Drops::new(&socket).unwrap();
        let table = UdpTable::default();
        let now = Duration::from_secs(1);
        let mut dropped = |since| drops.since_last_call(&table, now, since);
        assert_eq!(dropped(now), Some(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..SENT {
            let to = socket.local_addr().unwrap();
            sender.send_to(&[b'x'; 200], to).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let received = std::iter::from_fn(|| socket.recv(&mut [0; 300]).ok()).count();
        assert_eq!(dropped(Duration::ZERO), Some(0), "an old reading");
        let lost = dropped(now).unwrap();
        assert!(lost > 0);
        assert_eq!(received as u64 + lost, SENT);
        assert_eq!(dropped(now), Some(0));
    }

    #[test]
    fn drops_that_stay_unknown_are_noted_once() {
        let mut drops = Drops {
            inode: u64::MAX,
            seen: 0,
            failures: 0,
        };
        let (mut notes, table) = (0, UdpTable::default());
        for _ in 0..10 {
            let found = drops.since_last_call(&table, Duration::ZERO, Duration::ZERO);
            assert_eq!(found, None);
            notes += u32::from(drops.became_unknown());
        }
        assert_eq!(notes, 1);
    }

    #[test]
    fn a_socket_that_is_not_listed_has_an_unknown_number_of_drops() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            13: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12\n";
        let found = |table| drops_by_inode(table).collect::<Vec<_>>();
        assert_eq!(found(table), [(4711, 12)]);
        assert_eq!(found(&table[..table.len() - 30]), []);
        assert_eq!(found(""), []);
    }
}
