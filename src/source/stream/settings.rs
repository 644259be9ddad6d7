//! Settings of streams: standard input, FIFOs, syslog and the journal.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::event::{
    BAD_FRAME, DISPLACED_CONNECTION, JOURNAL_GAP, KERNEL_DROP, QUEUE_FULL, REFUSED_CONNECTION,
    SUPPRESSED,
};
use crate::model::GapReason;
use crate::source::Start;
use crate::unix_socket::MAX_PATH_BYTES;

/// A stream of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard input, until its end.
    Stdin {
        /// Bytes that were read already.
        head: Arc<[u8]>,
    },
    /// An existing FIFO.
    Fifo(PathBuf),
    /// A socket to which servers send their log.
    Syslog(Syslog),
    /// The journal of a systemd unit.
    Journal(Journal),
}

/// A socket to which servers send their log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Address to listen on.
    pub address: SyslogAddress,
    /// Receive buffer requested from the kernel, and capacity of the queue, in bytes.
    pub receive_buffer: usize,
    /// Permissions of the socket file.
    pub socket_mode: u32,
    /// Limit of open connections, for addresses with connections.
    pub max_connections: usize,
}

/// An address to listen on for syslog: `udp://IP:PORT`, `tcp://IP:PORT`, `unix:PATH` or `unix-stream:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogAddress {
    /// True if senders connect, rather than send datagrams.
    pub has_connections: bool,
    pub(super) endpoint: Endpoint,
}

/// A syslog address without its transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Ip(SocketAddr),
    Unix(PathBuf),
}

/// The reason for which a text is not a [`SyslogAddress`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyslogAddressError {
    /// The text begins with none of the schemes.
    #[error("write `udp://IP:PORT`, `tcp://IP:PORT`, `unix:PATH` or `unix-stream:PATH`")]
    Scheme,
    /// The text after the scheme is not an IP address with a port.
    #[error("`{0}` is not an IP address with a port, such as `127.0.0.1:5514`")]
    Socket(String),
    /// The path is empty or too long for a socket.
    #[error("the path of a unix socket has 1 to 107 bytes")]
    Path,
    /// The path is too long for a socket after it was joined to another one.
    #[error("relative to the directory of the configuration, its path exceeds 107 bytes")]
    JoinedPath,
}

/// The journal of a systemd unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Full name of the unit, such as `gunicorn.service`.
    pub unit: String,
    /// Start position without a cursor.
    pub start: Start,
}

impl Stream {
    /// Returns the reasons for which lines of this stream can be lost.
    pub fn gap_reasons(&self) -> &'static [GapReason] {
        match self {
            Self::Stdin { .. } | Self::Fifo(_) => &[],
            Self::Syslog(syslog) => match syslog.address.endpoint {
                _ if syslog.address.has_connections => {
                    &[REFUSED_CONNECTION, DISPLACED_CONNECTION, BAD_FRAME]
                }
                Endpoint::Ip(_) => &[KERNEL_DROP, QUEUE_FULL],
                Endpoint::Unix(_) => &[QUEUE_FULL],
            },
            Self::Journal(_) => &[JOURNAL_GAP, SUPPRESSED],
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin { .. } => f.write_str("standard input"),
            Self::Fifo(path) => write!(f, "the FIFO {}", path.to_string_lossy().escape_debug()),
            Self::Syslog(syslog) => write!(f, "{}", syslog.address),
            Self::Journal(journal) => write!(f, "the journal of {}", journal.unit.escape_debug()),
        }
    }
}

impl SyslogAddress {
    /// Joins a relative path of a unix socket to `base`.
    pub fn relative_to(mut self, base: &Path) -> Result<Self, SyslogAddressError> {
        if let Endpoint::Unix(path) = &mut self.endpoint {
            *path = base.join(&path);
        }
        if self.fits() {
            Ok(self)
        } else {
            Err(SyslogAddressError::JoinedPath)
        }
    }

    /// Returns the path of a unix socket.
    pub fn path(&self) -> Option<&Path> {
        match &self.endpoint {
            Endpoint::Unix(path) => Some(path),
            Endpoint::Ip(_) => None,
        }
    }

    /// Returns whether the path, if there is one, is short enough for a socket.
    fn fits(&self) -> bool {
        self.path()
            .is_none_or(|path| (1..=MAX_PATH_BYTES).contains(&path.as_os_str().len()))
    }

    /// Returns whether other machines may reach the address.
    pub fn is_reachable(&self) -> bool {
        match self.endpoint {
            Endpoint::Ip(address) => !address.ip().to_canonical().is_loopback(),
            Endpoint::Unix(_) => false,
        }
    }
}

impl FromStr for SyslogAddress {
    type Err = SyslogAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(SyslogAddressError::Scheme)?;
        let endpoint = match (scheme, rest.strip_prefix("//")) {
            ("udp" | "tcp", Some(address)) => match address.parse() {
                Ok(address) => Endpoint::Ip(address),
                Err(_) => return Err(SyslogAddressError::Socket(address.to_owned())),
            },
            ("unix" | "unix-stream", _) => Endpoint::Unix(rest.into()),
            _ => return Err(SyslogAddressError::Scheme),
        };
        let address = Self {
            has_connections: matches!(scheme, "tcp" | "unix-stream"),
            endpoint,
        };
        if address.fits() {
            Ok(address)
        } else {
            Err(SyslogAddressError::Path)
        }
    }
}

impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.endpoint, self.has_connections) {
            (Endpoint::Ip(address), false) => write!(f, "udp://{address}"),
            (Endpoint::Ip(address), true) => write!(f, "tcp://{address}"),
            (Endpoint::Unix(path), has_connections) => {
                let scheme = if has_connections {
                    "unix-stream"
                } else {
                    "unix"
                };
                write!(f, "{scheme}:{}", path.to_string_lossy().escape_debug())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_displayed_unchanged() {
        for text in [
            "udp://127.0.0.1:5514",
            "udp://[::1]:5514",
            "tcp://192.0.2.7:601",
            "unix:/run/x.sock",
            "unix-stream:x.sock",
        ] {
            let address: SyslogAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.is_reachable(), text.contains("192."));
        }
        let error = |text: &str| text.parse::<SyslogAddress>().unwrap_err();
        assert_eq!(error("127.0.0.1:5514"), SyslogAddressError::Scheme);
        assert_eq!(
            error("udp://localhost:5514"),
            SyslogAddressError::Socket("localhost:5514".into())
        );
        assert_eq!(error("unix:"), SyslogAddressError::Path);
        assert_eq!(
            error(&format!("unix:/{}", "x".repeat(107))),
            SyslogAddressError::Path
        );
    }
}
