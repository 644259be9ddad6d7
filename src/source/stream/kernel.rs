//! What the kernel says of sockets: drops, buffers, the length of queues.
//!
//! Invariant: what it doesn't say is `None`, never 0.

use std::io;
use std::os::fd::AsFd;

use rustix::net::sockopt;

/// The tables of UDP sockets; those of `/proc/self` can be seen under `ProcSubset=pid`.
const UDP_TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// How many datagrams wait in a unix socket at most.
const UNIX_QUEUE: &str = "/proc/sys/net/unix/max_dgram_qlen";

/// Datagrams that wait in a unix socket at most, of sockets made from now on.
pub fn unix_queue_length() -> Option<u64> {
    std::fs::read_to_string(UNIX_QUEUE)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Asks for a receive buffer; says how many bytes of data the kernel grants.
pub(super) fn receive_buffer(socket: impl AsFd, bytes: usize) -> io::Result<usize> {
    // Past net.core.rmem_max only with privileges.
    if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    // It reports what it books, twice what was asked for (socket(7)).
    Ok(sockopt::socket_recv_buffer_size(&socket)? / 2)
}

/// How many datagrams the kernel dropped that came for a UDP socket.
#[derive(Debug)]
pub(super) struct Drops {
    inode: u64,
    /// The kernel's count when last read; it has 32 bits.
    seen: u32,
}

impl Drops {
    /// Of a socket that was just made.
    pub(super) fn of(socket: impl AsFd) -> io::Result<Self> {
        let inode = rustix::fs::fstat(socket)?.st_ino;
        Ok(Self { inode, seen: 0 })
    }

    /// Those since the last call.
    pub(super) fn more(&mut self) -> Option<u64> {
        let now = UDP_TABLES.iter().find_map(|table| {
            let text = std::fs::read_to_string(table).ok()?;
            drops_of(&text, self.inode)
        })?;
        let more = now.wrapping_sub(self.seen);
        self.seen = now;
        Some(more.into())
    }
}

/// The last column of the line whose tenth is the inode (`udp4_format_sock` in Linux'
/// net/ipv4/udp.c).
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
    fn every_datagram_is_received_or_a_drop() {
        const SENT: u64 = 2_000;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        receive_buffer(&socket, 65_536).unwrap();
        let mut drops = Drops::of(&socket).unwrap();
        assert_eq!(drops.more(), Some(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..SENT {
            let to = socket.local_addr().unwrap();
            sender.send_to(&[b'x'; 200], to).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let received = std::iter::from_fn(|| socket.recv(&mut [0; 300]).ok()).count();
        let dropped = drops.more().unwrap();
        assert!(dropped > 0);
        assert_eq!(received as u64 + dropped, SENT);
        assert_eq!(drops.more(), Some(0));
    }

    #[test]
    fn a_socket_that_is_not_listed_has_no_drops_to_tell() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            13: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12\n";
        assert_eq!(drops_of(table, 4711), Some(12));
        assert_eq!(drops_of(table, 4712), None);
        assert_eq!(drops_of("", 4711), None);
    }
}
