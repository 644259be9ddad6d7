//! Listening sockets.
//!
//! Invariant: a listener that exists is bound, and owns its socket file if it has one.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{RecvFlags, sockopt};
use tokio::net::UnixStream;

use super::address::Address;
use super::linger::Socket as _;
use crate::unix_socket::{self, SocketFile, UnixBindError};

/// Send buffer of a connection, in bytes; Linux doubles it for its own bookkeeping (socket(7)).
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Receive buffer of a connection, in bytes: a request's head has at most 16 KiB.
const RECEIVE_BUFFER_BYTES: usize = 32 * 1024;
/// Connections that may wait to be accepted. Linux lowers it to `net.core.somaxconn`; the standard library asks for
/// 128, beyond which a client's packet is dropped and sent again a second later.
const BACKLOG: i32 = i32::MAX;
/// Connections of clients that have left already, dropped before other tasks run.
const LEFT_AT_ONCE: usize = 256;

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    address: Address,
}

/// The reason for which an address cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address belongs to another listener, of this process or another.
    #[error("cannot listen on {0}: address already in use")]
    InUse(Address),
    /// The path of a unix socket leads to a file of another type.
    #[error("cannot listen on {0}: a file that is not a socket is in the way")]
    NotASocket(Address),
    /// The host name has no address.
    #[error("cannot listen on {address}: the host name cannot be resolved")]
    Unresolved {
        /// Address with the host name.
        address: Address,
        /// Error of the resolver.
        source: io::Error,
    },
    /// Any other failure that the system reports.
    #[error("cannot listen on {address}: {}", reason(.source))]
    Io {
        /// Address that was tried.
        address: Address,
        /// Error of the system.
        source: io::Error,
    },
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Binds a socket. Clients can connect from now on; they are served once [`serve`] runs.
    ///
    /// A unix socket file that no process has bound is replaced.
    ///
    /// [`serve`]: super::serve
    pub fn bind(address: &Address) -> Result<Self, BindError> {
        let tcp = |addresses: &[SocketAddr]| Ok(Self::bind_tcp(addresses)?);
        let bound = match address {
            Address::Ip(ip) => tcp(&[*ip]),
            // `[::]` includes IPv4 unless `net.ipv6.bindv6only` is set.
            Address::AnyInterface(port) => tcp(&[
                (Ipv6Addr::UNSPECIFIED, *port).into(),
                (Ipv4Addr::UNSPECIFIED, *port).into(),
            ]),
            Address::Name { host, port } => match (host.as_str(), *port).to_socket_addrs() {
                Ok(found) => tcp(found.as_slice()),
                Err(source) => {
                    let address = address.clone();
                    return Err(BindError::Unresolved { address, source });
                }
            },
            Address::Unix(path) => Self::bind_unix(path),
        };
        bound.map_err(|error| {
            let address = address.clone();
            match error {
                UnixBindError::NotASocket => BindError::NotASocket(address),
                UnixBindError::InUse => BindError::InUse(address),
                UnixBindError::Io(source) if source.kind() == io::ErrorKind::AddrInUse => {
                    BindError::InUse(address)
                }
                UnixBindError::Io(source) => BindError::Io { address, source },
            }
        })
    }

    /// Binds the first address that this machine has. An address in use ends the search: listening
    /// on another one would hide the conflict.
    fn bind_tcp(addresses: &[SocketAddr]) -> io::Result<Self> {
        let mut bound = Err(io::ErrorKind::AddrNotAvailable.into());
        for address in addresses {
            bound = TcpListener::bind(address);
            match &bound {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {}
                _ => break,
            }
        }
        let socket = bound?;
        // Accepted connections inherit the bounds on what the kernel buffers for a client that does not read, and of
        // one that sends without end. Linux would let it grow to megabytes, which count as the service's memory.
        sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
        sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES)?;
        rustix::net::listen(&socket, BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            address: Address::Ip(socket.local_addr()?),
            socket: Bound::Tcp(socket),
        })
    }

    fn bind_unix(path: &Path) -> Result<Self, UnixBindError> {
        let (socket, file) = unix_socket::bind(path, |path| UnixListener::bind(path))?;
        rustix::net::listen(&socket, BACKLOG).map_err(io::Error::from)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Bound::Unix(socket, file),
            address: Address::Unix(path.to_owned()),
        })
    }

    /// Returns the address as bound: with the port that the system chose for port 0, and the IP
    /// address that a host name resolved to.
    pub fn local_address(&self) -> &Address {
        &self.address
    }

    /// Registers the socket with the current runtime.
    pub(super) fn start(self) -> io::Result<Acceptor> {
        Ok(match self.socket {
            Bound::Tcp(socket) => Acceptor::Tcp {
                events: tokio::net::TcpListener::from_std(socket.try_clone()?)?,
                socket,
            },
            Bound::Unix(socket, file) => Acceptor::Unix {
                socket: tokio::net::UnixListener::from_std(socket)?,
                _file: file,
            },
        })
    }
}

/// Explains the usual errors in plain words; others keep the system's text.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::NotFound => "the directory does not exist".to_owned(),
        _ => error.to_string(),
    }
}

/// A listener in a runtime.
#[derive(Debug)]
pub(super) enum Acceptor {
    Tcp {
        socket: TcpListener,
        /// A duplicate, for wake-ups: connections that it accepts are registered with the runtime, which costs more
        /// than to accept them.
        events: tokio::net::TcpListener,
    },
    Unix {
        socket: tokio::net::UnixListener,
        /// Held only for its removal on drop.
        _file: SocketFile,
    },
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Accepted {
    /// Not registered with the runtime yet.
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Acceptor {
    /// Accepts the next connection. TCP connections whose client has left already are dropped: clients that connect
    /// and leave in a loop would otherwise keep those behind them waiting.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let (socket, events) = match self {
            Self::Tcp { socket, events } => (socket, events),
            Self::Unix { socket, .. } => {
                let accepted = socket.poll_accept(cx);
                return accepted.map_ok(|(stream, _)| Accepted::Unix(stream));
            }
        };
        for _ in 0..LEFT_AT_ONCE {
            let stream = match socket.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Registers the wake-up, unless a client has come meanwhile.
                    ready!(events.poll_accept(cx))?.0.into_std()?
                }
                Err(error) => return Poll::Ready(Err(error)),
            };
            if !has_left(&stream) {
                return Poll::Ready(Ok(Accepted::Tcp(stream)));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Returns whether a client has closed its side without a request.
fn has_left(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match rustix::net::recv(stream, &mut [0], flags) {
        Ok((_, length)) => length == 0,
        Err(error) => error != Errno::AGAIN && error != Errno::INTR,
    }
}

/// Registers a connection with the current runtime.
pub(super) fn register(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    stream.set_nonblocking(true)?;
    // Without it the last segment of a response may wait for an acknowledgement. A
    // connection that refuses the option is served all the same.
    let _ = stream.set_nodelay(true);
    let stream = tokio::net::TcpStream::from_std(stream)?;
    stream.reset_when_dropped();
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(path: &Path) -> Address {
        Address::Unix(path.to_owned())
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let first = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_address().clone();
        let error = Listener::bind(&address).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot listen on {address}: address already in use")
        );
    }

    #[test]
    fn local_address_has_the_port_that_the_system_chose() {
        for text in ["127.0.0.1:0", "localhost:0", ":0"] {
            let listener = Listener::bind(&text.parse().unwrap()).unwrap();
            match listener.local_address() {
                Address::Ip(address) => assert_ne!(address.port(), 0),
                other => panic!("{other} is not an IP address"),
            }
        }
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        // TEST-NET-1, RFC 5737.
        let error = Listener::bind(&"192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot listen on 192.0.2.1:0: this machine does not have that address"
        );
    }

    #[test]
    fn a_socket_file_lives_as_long_as_its_listener() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = Listener::bind(&unix(&path)).unwrap();
        assert!(path.exists());
        let second = Listener::bind(&unix(&path));
        assert!(matches!(second, Err(BindError::InUse(_))));
        assert!(path.exists());
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        let outcome = Listener::bind(&unix(&path));
        assert!(matches!(outcome, Err(BindError::NotASocket(_))));
    }
}
