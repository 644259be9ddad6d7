//! Listening sockets.
//!
//! Invariant: a listener that exists is bound, and owns its socket file if it has one.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags, sockopt};

use super::activation::{Passed, passed_sockets};
use super::address::Address;
use super::defer;
use crate::unix_socket::{self, SocketFile, UnixBindError};

/// Send buffer of a connection, in bytes; Linux doubles it for its own bookkeeping (socket(7)).
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Receive buffer of a connection, in bytes: a request's head has at most 16 KiB.
const RECEIVE_BUFFER_BYTES: usize = 32 * 1024;
/// Connections that may wait to be accepted. Linux lowers it to `net.core.somaxconn`; the standard library asks for
/// 128, beyond which a client's packet is dropped and sent again a second later.
const BACKLOG: i32 = i32::MAX;

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
    /// Systemd has passed no socket.
    #[error("cannot listen on systemd's sockets: systemd has passed none to this process")]
    NotActivated,
    /// A socket that systemd has passed is of another kind.
    #[error("cannot listen on a socket of systemd: it is not a listening stream socket")]
    NotListening(#[source] io::Error),
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
    Unix {
        socket: UnixListener,
        /// Held only for its removal on drop; `None` for a socket of systemd.
        _file: Option<SocketFile>,
    },
}

impl Listener {
    /// Binds the sockets of all addresses. Socket files get the permissions `socket_mode`; without it, the umask decides.
    pub fn bind_all(
        addresses: &[Address],
        socket_mode: Option<u32>,
    ) -> Result<Vec<Self>, BindError> {
        let mut listeners = Vec::new();
        for address in addresses {
            match address {
                Address::Systemd => {
                    let passed = passed_sockets().map_err(BindError::NotListening)?;
                    if passed.is_empty() {
                        return Err(BindError::NotActivated);
                    }
                    for socket in passed {
                        let listener = Self::of_systemd(socket);
                        listeners.push(listener.map_err(BindError::NotListening)?);
                    }
                }
                address => listeners.push(Self::bind(address, socket_mode)?),
            }
        }
        Ok(listeners)
    }

    /// Binds a socket. Clients can connect from now on; they are served once [`serve`] runs.
    ///
    /// A unix socket file that no process has bound is replaced.
    ///
    /// [`serve`]: super::serve
    pub(super) fn bind(address: &Address, socket_mode: Option<u32>) -> Result<Self, BindError> {
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
            Address::Unix(path) => Self::bind_unix(path, socket_mode),
            Address::Systemd => return Err(BindError::NotActivated),
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
        set_options(&socket)?;
        rustix::net::listen(&socket, BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            address: Address::Ip(socket.local_addr()?),
            socket: Bound::Tcp(socket),
        })
    }

    /// Listens on a socket of systemd, whose unit decides on its permissions and its backlog.
    fn of_systemd(passed: Passed) -> io::Result<Self> {
        match passed {
            Passed::Tcp(socket) => {
                set_options(&socket)?;
                socket.set_nonblocking(true)?;
                Ok(Self {
                    address: Address::Ip(socket.local_addr()?),
                    socket: Bound::Tcp(socket),
                })
            }
            Passed::Unix(socket) => {
                socket.set_nonblocking(true)?;
                let address = socket.local_addr()?;
                let path = address.as_pathname().unwrap_or(Path::new("@"));
                Ok(Self {
                    address: Address::Unix(path.to_owned()),
                    socket: Bound::Unix {
                        socket,
                        _file: None,
                    },
                })
            }
        }
    }

    fn bind_unix(path: &Path, mode: Option<u32>) -> Result<Self, UnixBindError> {
        let (socket, file) = unix_socket::bind(path, |path| UnixListener::bind(path))?;
        if let Some(mode) = mode {
            file.set_mode(mode)?;
        }
        rustix::net::listen(&socket, BACKLOG).map_err(io::Error::from)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Bound::Unix {
                socket,
                _file: Some(file),
            },
            address: Address::Unix(path.to_owned()),
        })
    }

    /// Returns the address as bound: with the port that the system chose for port 0, and the IP
    /// address that a host name resolved to.
    pub fn local_address(&self) -> &Address {
        &self.address
    }

    /// Accepts the next connection, without waiting for one.
    pub(super) fn accept(&self) -> Result<Accepted, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let stream = rustix::net::accept_with(self, flags)?;
        Ok(match self.socket {
            Bound::Tcp(_) => Accepted::Tcp(stream.into()),
            Bound::Unix { .. } => Accepted::Unix(stream.into()),
        })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Bound::Tcp(socket) => socket.as_fd(),
            Bound::Unix { socket, .. } => socket.as_fd(),
        }
    }
}

/// Sets the options that accepted connections inherit.
fn set_options(socket: &TcpListener) -> io::Result<()> {
    // Accepted connections inherit these options, which saves calls for those whose clients have left already. A
    // connection is reset when it is dropped: that takes one packet, and frees what the client has not read.
    sockopt::set_socket_linger(socket, Some(Duration::ZERO))?;
    // Without it the last segment of a response may wait for an acknowledgement.
    sockopt::set_tcp_nodelay(socket, true)?;
    // They inherit the bounds on what the kernel buffers for a client that does not read, and of
    // one that sends without end. Linux would let it grow to megabytes, which count as the service's memory.
    sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER_BYTES)?;
    sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER_BYTES)?;
    // A listener that refuses the option serves all the same.
    let _ = defer::until_data(socket);
    Ok(())
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

/// An accepted connection, which is not registered with a runtime yet. Its reads and writes do not wait.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The first move of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstMove {
    /// It has sent nothing yet.
    None,
    /// It has sent something.
    Bytes,
    /// It has closed its side without a request.
    Left,
}

impl Accepted {
    pub(super) fn first_move(&self) -> FirstMove {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match rustix::net::recv(self, &mut [0], flags) {
            Ok((_, 0)) => FirstMove::Left,
            Ok(_) => FirstMove::Bytes,
            Err(Errno::AGAIN | Errno::INTR) => FirstMove::None,
            Err(_) => FirstMove::Left,
        }
    }
}

impl AsFd for Accepted {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(tcp) => tcp.as_fd(),
            Self::Unix(unix) => unix.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    fn unix(path: &Path) -> Address {
        Address::Unix(path.to_owned())
    }

    #[test]
    fn an_accepted_connection_inherits_its_options() {
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap(), None).unwrap();
        let Address::Ip(address) = *listener.local_address() else {
            panic!("not an IP address");
        };
        drop(TcpStream::connect(address).unwrap());
        let mut polled = [PollFd::new(&listener, PollFlags::IN)];
        assert_eq!(poll(&mut polled, None), Ok(1));
        let accepted = listener.accept().unwrap();
        assert_eq!(accepted.first_move(), FirstMove::Left);
        let Accepted::Tcp(accepted) = accepted else {
            panic!("not a TCP connection");
        };
        assert!(sockopt::tcp_nodelay(&accepted).unwrap());
        let linger = sockopt::socket_linger(&accepted).unwrap();
        assert_eq!(linger, Some(Duration::ZERO));
        let buffer = sockopt::socket_send_buffer_size(&accepted).unwrap();
        assert_eq!(buffer, 2 * SEND_BUFFER_BYTES);
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let first = Listener::bind(&"127.0.0.1:0".parse().unwrap(), None).unwrap();
        let address = first.local_address().clone();
        let error = Listener::bind(&address, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot listen on {address}: address already in use")
        );
    }

    #[test]
    fn local_address_has_the_port_that_the_system_chose() {
        for text in ["127.0.0.1:0", "localhost:0", ":0"] {
            let listener = Listener::bind(&text.parse().unwrap(), None).unwrap();
            match listener.local_address() {
                Address::Ip(address) => assert_ne!(address.port(), 0),
                other => panic!("{other} is not an IP address"),
            }
        }
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        // TEST-NET-1, RFC 5737.
        let error = Listener::bind(&"192.0.2.1:0".parse().unwrap(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot listen on 192.0.2.1:0: this machine does not have that address"
        );
    }

    #[test]
    fn a_socket_file_lives_as_long_as_its_listener() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = Listener::bind(&unix(&path), None).unwrap();
        assert!(path.exists());
        let second = Listener::bind(&unix(&path), None);
        assert!(matches!(second, Err(BindError::InUse(_))));
        assert!(path.exists());
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        let outcome = Listener::bind(&unix(&path), None);
        assert!(matches!(outcome, Err(BindError::NotASocket(_))));
    }
}
