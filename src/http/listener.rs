//! Listening sockets.
//!
//! Invariant: a listener that exists is bound, and owns its socket file if it has one.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::task::{Context, Poll};

use tokio::net::{TcpStream, UnixStream};

use super::address::Address;
use crate::unix_socket::{self, SocketFile, UnixBindError};

/// Send buffer of a connection, in bytes; Linux doubles it for its own bookkeeping (socket(7)).
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: Address,
}

/// Why an address cannot be bound.
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
enum Socket {
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
        let bound = match address {
            Address::Ip(ip) => TcpListener::bind(ip),
            Address::AnyInterface(port) => bind_any(*port),
            Address::Name { host, port } => match resolve(host, *port) {
                Ok(found) => bind_first(&found),
                Err(source) => {
                    let address = address.clone();
                    return Err(BindError::Unresolved { address, source });
                }
            },
            Address::Unix(path) => return Self::bind_unix(path, address),
        };
        let local = |socket: &TcpListener| {
            bound_send_buffer(socket)?;
            socket.set_nonblocking(true)?;
            socket.local_addr()
        };
        match bound.and_then(|socket| Ok((local(&socket)?, socket))) {
            Ok((local, socket)) => Ok(Self {
                socket: Socket::Tcp(socket),
                address: Address::Ip(local),
            }),
            Err(source) => Err(BindError::from_io(address, source)),
        }
    }

    fn bind_unix(path: &Path, address: &Address) -> Result<Self, BindError> {
        let bound = unix_socket::bind(path, |path| {
            let socket = UnixListener::bind(path)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        let address = address.clone();
        match bound {
            Ok((socket, file)) => Ok(Self {
                socket: Socket::Unix(socket, file),
                address,
            }),
            Err(UnixBindError::InUse) => Err(BindError::InUse(address)),
            Err(UnixBindError::NotASocket) => Err(BindError::NotASocket(address)),
            Err(UnixBindError::Io(source)) => Err(BindError::from_io(&address, source)),
        }
    }

    /// Returns the address as bound: with the port that the system chose for port 0, and the IP
    /// address that a host name resolved to.
    pub fn local_address(&self) -> &Address {
        &self.address
    }

    /// Registers the socket with the current runtime.
    pub(super) fn start(self) -> io::Result<Acceptor> {
        Ok(match self.socket {
            Socket::Tcp(socket) => Acceptor::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Socket::Unix(socket, file) => Acceptor::Unix {
                socket: tokio::net::UnixListener::from_std(socket)?,
                _file: file,
            },
        })
    }
}

impl BindError {
    fn from_io(address: &Address, source: io::Error) -> Self {
        let address = address.clone();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            _ => Self::Io { address, source },
        }
    }
}

/// Bounds what the kernel buffers for a client that does not read; accepted connections inherit
/// the bound. Linux would let it grow to megabytes, which count as the service's memory.
fn bound_send_buffer(socket: &TcpListener) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_send_buffer_size(
        socket,
        SEND_BUFFER_BYTES,
    )?)
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

/// Binds every interface: `[::]` includes IPv4 unless `net.ipv6.bindv6only` is set.
fn bind_any(port: u16) -> io::Result<TcpListener> {
    bind_first(&[
        (Ipv6Addr::UNSPECIFIED, port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ])
}

/// Binds the first address that this machine has. An address in use ends the search: listening on
/// another one would hide the conflict.
fn bind_first(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut outcome = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for address in addresses {
        outcome = TcpListener::bind(address);
        match &outcome {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {}
            _ => break,
        }
    }
    outcome
}

fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    std::net::ToSocketAddrs::to_socket_addrs(&(host, port)).map(Iterator::collect)
}

/// A listener in a runtime.
#[derive(Debug)]
pub(super) enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Unix {
        socket: tokio::net::UnixListener,
        /// Held only for its removal on drop.
        _file: SocketFile,
    },
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Acceptor {
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(socket) => socket.poll_accept(cx).map_ok(|(stream, _)| {
                // Without it the last segment of a response may wait for an acknowledgement. A
                // connection that refuses the option is served all the same.
                let _ = stream.set_nodelay(true);
                Accepted::Tcp(stream)
            }),
            Self::Unix { socket, .. } => socket
                .poll_accept(cx)
                .map_ok(|(stream, _)| Accepted::Unix(stream)),
        }
    }
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
