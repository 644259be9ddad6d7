//! Reads and sets the kernel's limits of sockets, and reads its count of dropped datagrams.
//!
//! Invariant: an unknown number is `None`, never 0.

use std::io;
use std::os::fd::AsFd;

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

/// Requests a receive buffer of `bytes`, and returns how many the kernel grants.
pub(super) fn set_receive_buffer(socket: impl AsFd, bytes: usize) -> io::Result<usize> {
    // Only this one can exceed net.core.rmem_max, and needs privileges.
    if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    // The kernel reports twice the bytes requested, to include its bookkeeping (socket(7)).
    Ok(sockopt::socket_recv_buffer_size(&socket)? / 2)
}

/// Counts the datagrams that the kernel dropped for one UDP socket.
#[derive(Debug)]
pub(super) struct Drops {
    inode: u64,
    /// The kernel's counter at the last call; it has 32 bits and wraps.
    seen: u32,
}

impl Drops {
    /// Counts from 0, for a newly created socket.
    pub(super) fn new(socket: impl AsFd) -> io::Result<Self> {
        let inode = rustix::fs::fstat(socket)?.st_ino;
        Ok(Self { inode, seen: 0 })
    }

    /// Returns the drops since the last call.
    pub(super) fn since_last_call(&mut self) -> Option<u64> {
        let now = UDP_TABLES.iter().find_map(|table| {
            let text = std::fs::read_to_string(table).ok()?;
            drops_of(&text, self.inode)
        })?;
        let drops = now.wrapping_sub(self.seen);
        self.seen = now;
        Some(drops.into())
    }
}

/// Returns the last column of the line that has the inode in its tenth (`udp4_format_sock` in
/// Linux' net/ipv4/udp.c).
fn drops_of(table: &str, inode: u64) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let found: u64 = columns.nth(9)?.parse().ok()?;
        (found == inode).then_some(())?;
        columns.next_back()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn every_datagram_is_received_or_counted_as_dropped() {
        const SENT: u64 = 2_000;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        set_receive_buffer(&socket, 65_536).unwrap();
        let mut drops = Drops::new(&socket).unwrap();
        assert_eq!(drops.since_last_call(), Some(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..SENT {
            let to = socket.local_addr().unwrap();
            sender.send_to(&[b'x'; 200], to).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let received = std::iter::from_fn(|| socket.recv(&mut [0; 300]).ok()).count();
        let dropped = drops.since_last_call().unwrap();
        assert!(dropped > 0);
        assert_eq!(received as u64 + dropped, SENT);
        assert_eq!(drops.since_last_call(), Some(0));
    }

    #[test]
    fn a_socket_that_is_not_listed_has_an_unknown_number_of_drops() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            13: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12\n";
        assert_eq!(drops_of(table, 4711), Some(12));
        assert_eq!(drops_of(table, 4712), None);
        assert_eq!(drops_of("", 4711), None);
    }
}
