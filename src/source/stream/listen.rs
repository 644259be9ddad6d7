//! Receives syslog over connections, TCP and unix streams (RFC 6587).
//!
//! Invariant: the socket listens whenever its address or path can be bound; its connections are those of `peers`.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use super::context::ReceiveContext;
use super::event::StreamEvent;
use super::peers::Peers;
use super::queue::RETRY_INTERVAL;
use super::settings::{Endpoint, Syslog};
use super::wait::Descriptor;
use crate::unix_socket::{self, SocketFile};

/// Connections that wait to be accepted; the kernel allows no more than `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A listening socket, and its file if it has one.
struct SyslogListener {
    socket: Descriptor,
    file: Option<SocketFile>,
}

/// Receives until the receiver is stopped, then what has arrived until then.
pub(super) async fn receive(syslog: &Syslog, context: &ReceiveContext) {
    let queue = &context.queue;
    let bind = || SyslogListener::bind(syslog);
    let Some(mut listener) = context.open(&syslog.address, bind).await else {
        return;
    };
    let (what, buffer) = (syslog.address.to_string(), None);
    queue.report(StreamEvent::Opened { what, buffer });
    let are_tcp = matches!(syslog.address.endpoint, Endpoint::Ip(_));
    let mut peers = Peers::new(syslog.max_connections, are_tcp, context);
    // While accepting fails for lack of descriptors, the socket stays readable.
    let mut paused_until = Duration::ZERO;
    while !queue.is_stopped() {
        queue.set_open(1 + peers.len());
        if !queue.has_room() {
            queue.wait(Vec::new(), None).await;
            continue;
        }
        let now = context.clock.monotonic();
        let is_paused = now < paused_until;
        let mut fds: Vec<Descriptor> = peers.fds().collect();
        if !is_paused {
            fds.push(Arc::clone(&listener.socket));
        }
        let timeout = (is_paused || listener.file.is_some()).then_some(RETRY_INTERVAL);
        let ready = queue.wait(fds, timeout).await;
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
    drop(listener);
    peers.read_rest().await;
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
        // The standard library requests 128.
        rustix::net::listen(&socket, BACKLOG)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Self {
            socket: Arc::new(socket),
            file,
        })
    }
}
