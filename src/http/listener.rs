//! Sockets that wait for connections.
//!
//! Invariant: a listener that exists is bound; a unix socket file is removed by whoever made it
//! and only while it is still the same file.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use tokio::net::{TcpStream, UnixStream};

use super::Address;

/// Linux doubles it for its own bookkeeping, socket(7).
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    file: Option<SocketFile>,
    address: Address,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process, or another part of this one, listens there.
    #[error("cannot listen on {0}: address already in use")]
    InUse(Address),
    /// A file that is no socket stands in the way.
    #[error("cannot listen on {0}: a file that is not a socket is in the way")]
    NotASocket(Address),
    /// A host name gave no address.
    #[error("cannot listen on {address}: the host name cannot be resolved")]
    Unresolved {
        /// Where.
        address: Address,
        /// What the resolver said.
        source: io::Error,
    },
    /// Anything else the system says.
    #[error("cannot listen on {address}: {}", reason(.source))]
    Io {
        /// Where.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A socket file this process made; removed when dropped.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Listener {
    /// Opens the socket. From here on clients can connect; they are served once [`serve`] runs.
    ///
    /// A unix socket file that nobody listens on is replaced.
    ///
    /// [`serve`]: super::serve
    pub fn bind(address: &Address) -> Result<Self, BindError> {
        let failed = |source| BindError::from_io(address, source);
        let socket = match address {
            Address::Ip(ip) => Socket::Tcp(TcpListener::bind(ip).map_err(failed)?),
            Address::AnyInterface(port) => Socket::Tcp(bind_any(*port).map_err(failed)?),
            Address::Name { host, port } => {
                let found = resolve(host, *port).map_err(|source| BindError::Unresolved {
                    address: address.clone(),
                    source,
                })?;
                Socket::Tcp(bind_first(&found).map_err(failed)?)
            }
            Address::Unix(path) => {
                let (socket, file) = bind_unix(path, address)?;
                return Self::prepare(Socket::Unix(socket), Some(file), address);
            }
        };
        Self::prepare(socket, None, address)
    }

    /// Where it listens really: with the port the system chose for port 0, and the IP address a
    /// host name led to.
    pub fn local_address(&self) -> &Address {
        &self.address
    }

    /// Hands the socket to the runtime this is called in.
    pub(super) fn start(self) -> io::Result<Accepting> {
        let socket = match self.socket {
            Socket::Tcp(socket) => AsyncSocket::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Socket::Unix(socket) => AsyncSocket::Unix(tokio::net::UnixListener::from_std(socket)?),
        };
        Ok(Accepting {
            socket,
            _file: self.file,
        })
    }

    fn prepare(
        socket: Socket,
        file: Option<SocketFile>,
        address: &Address,
    ) -> Result<Self, BindError> {
        let bound = match &socket {
            Socket::Tcp(socket) => bound_send_buffer(socket)
                .and_then(|()| socket.set_nonblocking(true))
                .and_then(|()| socket.local_addr())
                .map(Address::Ip),
            Socket::Unix(socket) => socket.set_nonblocking(true).map(|()| address.clone()),
        };
        match bound {
            Ok(address) => Ok(Self {
                socket,
                file,
                address,
            }),
            Err(source) => Err(BindError::from_io(address, source)),
        }
    }
}

impl BindError {
    fn from_io(address: &Address, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address.clone()),
            _ => Self::Io {
                address: address.clone(),
                source,
            },
        }
    }
}

/// Bounds what the kernel keeps for a client that does not read; accepted connections inherit it.
/// By itself Linux would grow it to megabytes, which count as the service's memory.
fn bound_send_buffer(socket: &TcpListener) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_send_buffer_size(
        socket,
        SEND_BUFFER_BYTES,
    )?)
}

/// The usual reasons in words; others as the system puts them, which comes as the cause too.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::NotFound => "the directory does not exist".to_owned(),
        _ => error.to_string(),
    }
}

/// `[::]` takes IPv4 too, unless the system says otherwise (`net.ipv6.bindv6only`).
fn bind_any(port: u16) -> io::Result<TcpListener> {
    bind_first(&[
        (Ipv6Addr::UNSPECIFIED, port).into(),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ])
}

/// Binds the first address this machine has. One that is in use ends the search: to listen on
/// another would hide the conflict.
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

fn bind_unix(path: &Path, address: &Address) -> Result<(UnixListener, SocketFile), BindError> {
    let failed = |source| BindError::from_io(address, source);
    let socket = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path, address)?;
            UnixListener::bind(path)
        }
        outcome => outcome,
    }
    .map_err(failed)?;
    let made = std::fs::symlink_metadata(path).map_err(failed)?;
    let file = SocketFile {
        path: path.to_owned(),
        device: made.dev(),
        inode: made.ino(),
    };
    Ok((socket, file))
}

/// Removes a socket file that no process has open.
fn remove_stale(path: &Path, address: &Address) -> Result<(), BindError> {
    let failed = |source| BindError::from_io(address, source);
    let found = std::fs::symlink_metadata(path).map_err(failed)?;
    if !found.file_type().is_socket() {
        return Err(BindError::NotASocket(address.clone()));
    }
    // A datagram socket never waits for a backlog: it is refused if nobody has the file bound,
    // and told EPROTOTYPE if a stream socket has (unix_find_bsd in Linux' net/unix/af_unix.c).
    let probe = UnixDatagram::unbound().map_err(failed)?;
    match probe.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)
        }
        _ => Err(BindError::InUse(address.clone())),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if same {
            // At worst a stale file stays, which the next start replaces.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A listener in a runtime.
#[derive(Debug)]
pub(super) struct Accepting {
    socket: AsyncSocket,
    /// Held to be removed at the end.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum AsyncSocket {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// A connection as it comes from a listener.
#[derive(Debug)]
pub(super) enum Accepted {
    /// From a TCP socket.
    Tcp(TcpStream),
    /// From a unix socket.
    Unix(UnixStream),
}

impl Accepting {
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match &self.socket {
            AsyncSocket::Tcp(socket) => socket.poll_accept(cx).map_ok(|(stream, _)| {
                // Without it the last segment of an answer may wait for an acknowledgement; a
                // connection that does not take it is served all the same.
                let _ = stream.set_nodelay(true);
                Accepted::Tcp(stream)
            }),
            AsyncSocket::Unix(socket) => socket
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
    fn a_busy_port_says_so() {
        let first = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_address().clone();
        let error = Listener::bind(&address).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot listen on {address}: address already in use")
        );
    }

    #[test]
    fn port_zero_reports_the_real_one() {
        for text in ["127.0.0.1:0", "localhost:0", ":0"] {
            let listener = Listener::bind(&text.parse().unwrap()).unwrap();
            match listener.local_address() {
                Address::Ip(address) => assert_ne!(address.port(), 0),
                other => panic!("{other} is no IP address"),
            }
        }
    }

    #[test]
    fn an_address_of_another_machine_says_so() {
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
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Listener::bind(&unix(&path)).unwrap();
    }

    #[test]
    fn a_socket_in_use_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let first = Listener::bind(&unix(&path)).unwrap();
        let second = Listener::bind(&unix(&path));
        assert!(matches!(second, Err(BindError::InUse(_))));
        assert!(path.exists());
        drop(first);
    }

    #[test]
    fn a_plain_file_is_never_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        std::fs::write(&path, "precious").unwrap();
        let outcome = Listener::bind(&unix(&path));
        assert!(matches!(outcome, Err(BindError::NotASocket(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_successors_socket_file_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let first = Listener::bind(&unix(&path)).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = Listener::bind(&unix(&path)).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }
}
