//! Sockets that systemd has opened (`sd_listen_fds(3)`).
//!
//! Invariant: every socket that systemd passes is listened on, or the start fails.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use rustix::net::sockopt;

/// A socket of either kind.
#[derive(Debug)]
pub(super) enum Passed {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Takes the sockets that systemd has passed to this process; none are left for a second call.
pub(super) fn passed_sockets() -> io::Result<Vec<Passed>> {
    let mut passed = ListenFd::from_env();
    (0..passed.len()).map(|at| take(&mut passed, at)).collect()
}

fn take(passed: &mut ListenFd, at: usize) -> io::Result<Passed> {
    let socket = match passed.take_tcp_listener(at) {
        Ok(tcp) => tcp.map(Passed::Tcp),
        Err(_) => passed.take_unix_listener(at)?.map(Passed::Unix),
    };
    let is_listening = match &socket {
        Some(Passed::Tcp(tcp)) => sockopt::socket_acceptconn(tcp)?,
        Some(Passed::Unix(unix)) => sockopt::socket_acceptconn(unix)?,
        None => false,
    };
    let socket = socket.filter(|_| is_listening);
    socket.ok_or_else(|| io::Error::other("it does not accept connections"))
}
