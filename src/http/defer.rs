//! Holds connections back until their clients have sent something.
//!
//! A client that connects and leaves then takes no place of another one, and a silent one takes it later.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;

use libc::{IPPROTO_TCP, TCP_DEFER_ACCEPT, c_int, setsockopt, socklen_t};

/// Time for which a connection is held back, in seconds. Linux counts it in retransmissions of its answer to the client,
/// the first of which comes after a second (tcp(7)).
static SECONDS: c_int = 1;
/// Length of the option's value, in bytes.
const LENGTH: socklen_t = 4;
const _: () = assert!(size_of::<c_int>() == LENGTH as usize);

/// Makes the kernel hand over a connection of this listener once its client has sent something or left, or after
/// [`SECONDS`]. The client sees an open connection from the start.
pub(super) fn until_data(socket: &TcpListener) -> io::Result<()> {
    #[expect(unsafe_code, reason = "no safe function sets this option")]
    // SAFETY: the descriptor is open while `socket` is borrowed; the value is static, and has the length passed with it.
    let outcome = unsafe {
        setsockopt(
            socket.as_raw_fd(),
            IPPROTO_TCP,
            TCP_DEFER_ACCEPT,
            (&raw const SECONDS).cast(),
            LENGTH,
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpStream;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    /// Returns whether a connection can be accepted, waiting for it if need be.
    fn is_ready(socket: &TcpListener, patience: Duration) -> bool {
        let mut polled = [PollFd::new(socket, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::try_from(patience).unwrap())).unwrap() == 1
    }

    #[test]
    fn a_connection_is_handed_over_once_it_has_sent_something_or_left_or_been_silent_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        until_data(&listener).unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let patience = Duration::from_secs(30);
        let mut sender = connect();
        sender.write_all(b"G").unwrap();
        assert!(is_ready(&listener, patience));
        listener.accept().unwrap();
        drop(connect());
        assert!(is_ready(&listener, patience));
        listener.accept().unwrap();
        let clock = SystemClock::new();
        let begun = clock.monotonic();
        let _silent = connect();
        // Unless the test was held up for so long itself.
        let is_at_once = is_ready(&listener, Duration::ZERO)
            && clock.monotonic() < begun + Duration::from_millis(500);
        assert!(!is_at_once);
        assert!(is_ready(&listener, patience));
    }
}
