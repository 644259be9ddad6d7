//! Where to listen, as people write it.
//!
//! Invariant: an [`Address`] names exactly one socket to try; nothing is resolved or opened yet.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

const UNIX_PREFIX: &str = "unix:";
/// `sun_path` holds 108 bytes with its final NUL, unix(7).
const UNIX_PATH_BYTES: usize = 107;

/// An address to listen on.
///
/// ```
/// use httplog_exporter::http::Address;
/// let address: Address = "127.0.0.1:9914".parse()?;
/// assert_eq!(address.to_string(), "127.0.0.1:9914");
/// # Ok::<(), httplog_exporter::http::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `127.0.0.1:9914`, `[::1]:9914`.
    Ip(SocketAddr),
    /// `:9914`, every interface: IPv6 and IPv4, or IPv4 alone where there is no IPv6.
    AnyInterface(u16),
    /// `localhost:9914`; the first address it resolves to and that this machine has.
    Name {
        /// The host name.
        host: String,
        /// The port.
        port: u16,
    },
    /// `unix:/run/httplog-exporter/metrics.sock`.
    Unix(PathBuf),
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("the address is empty; write for example `127.0.0.1:9914`")]
    Empty,
    /// No colon and port at the end.
    #[error("`{0}` has no port; write for example `{0}:9914`")]
    NoPort(String),
    /// Only a port.
    #[error(
        "`{0}` is only a port; write `127.0.0.1:{0}` for this machine, `:{0}` for all interfaces"
    )]
    OnlyPort(u16),
    /// The port is not a number up to 65535.
    #[error(
        "`{port}` in `{address}` is not a port from 0 to 65535; write for example `127.0.0.1:9914`"
    )]
    BadPort {
        /// The whole text.
        address: String,
        /// What stands in the port's place.
        port: String,
    },
    /// An IPv6 address without brackets, or with wrong ones.
    #[error(
        "an IPv6 address stands in brackets before its port, for example `[::1]:9914`, not `{0}`"
    )]
    BadIpv6(String),
    /// Something that is no host name.
    #[error(
        "`{host}` in `{address}` is neither an IP address nor a host name; write for example `127.0.0.1:9914`"
    )]
    BadHost {
        /// The whole text.
        address: String,
        /// What stands in the host's place.
        host: String,
    },
    /// A URL.
    #[error("`{0}` is a URL; write host and port only, for example `127.0.0.1:9914`")]
    Url(String),
    /// A unix socket whose path is not absolute.
    #[error(
        "a unix socket needs an absolute path, for example `unix:/run/httplog-exporter/metrics.sock`, not `{0}`"
    )]
    RelativePath(String),
    /// A unix socket whose path the system cannot hold.
    #[error("the path of a unix socket has at most 107 bytes, `{0}` has more")]
    LongPath(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if let Some(path) = text.strip_prefix(UNIX_PREFIX) {
            return unix(path);
        }
        if text.contains("://") {
            return Err(AddressError::Url(text.to_owned()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        if let Ok(port) = text.parse() {
            return Err(AddressError::OnlyPort(port));
        }
        if text.starts_with('[') || text.matches(':').count() > 1 {
            return Err(AddressError::BadIpv6(text.to_owned()));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(AddressError::NoPort(text.to_owned()));
        };
        // `parse` alone would take a plus sign.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port
            .parse()
            .ok()
            .filter(|_| digits)
            .ok_or_else(|| AddressError::BadPort {
                address: text.to_owned(),
                port: port.to_owned(),
            })?;
        if host.is_empty() {
            return Ok(Self::AnyInterface(port));
        }
        if !is_host_name(host) {
            return Err(AddressError::BadHost {
                address: text.to_owned(),
                host: host.to_owned(),
            });
        }
        Ok(Self::Name {
            host: host.to_owned(),
            port,
        })
    }
}

fn unix(path: &str) -> Result<Address, AddressError> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(AddressError::RelativePath(format!("{UNIX_PREFIX}{path}")));
    }
    if path.len() > UNIX_PATH_BYTES {
        return Err(AddressError::LongPath(path.to_owned()));
    }
    Ok(Address::Unix(path.into()))
}

/// RFC 1123 letters, digits, hyphens and dots, and the underscore found in practice; a name of
/// digits and dots only is a broken IPv4 address.
fn is_host_name(host: &str) -> bool {
    host.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && !host
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::AnyInterface(port) => write!(f, ":{port}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{UNIX_PREFIX}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_read_and_written_back() {
        let check = |text: &str, expected: Address| {
            let address: Address = text.parse().unwrap();
            assert_eq!(address, expected);
            assert_eq!(address.to_string(), text);
        };
        check("127.0.0.1:9914", Address::Ip(([127, 0, 0, 1], 9914).into()));
        check("[::1]:0", Address::Ip("[::1]:0".parse().unwrap()));
        check(":9914", Address::AnyInterface(9914));
        check(
            "localhost:9914",
            Address::Name {
                host: "localhost".into(),
                port: 9914,
            },
        );
        check("unix:/run/x.sock", Address::Unix("/run/x.sock".into()));
    }

    #[test]
    fn a_wrong_address_is_answered_with_a_right_one() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            "",
            "the address is empty; write for example `127.0.0.1:9914`",
        );
        check(
            "localhost",
            "`localhost` has no port; write for example `localhost:9914`",
        );
        check(
            "9914",
            "`9914` is only a port; write `127.0.0.1:9914` for this machine, `:9914` for all interfaces",
        );
        check(
            "localhost:http",
            "`http` in `localhost:http` is not a port from 0 to 65535; write for example `127.0.0.1:9914`",
        );
        check(
            "127.0.0.1:99140",
            "`99140` in `127.0.0.1:99140` is not a port from 0 to 65535; write for example `127.0.0.1:9914`",
        );
        check(
            "::1:9914",
            "an IPv6 address stands in brackets before its port, for example `[::1]:9914`, not `::1:9914`",
        );
        check(
            "256.0.0.1:80",
            "`256.0.0.1` in `256.0.0.1:80` is neither an IP address nor a host name; write for example `127.0.0.1:9914`",
        );
        check(
            "http://localhost:9914/metrics",
            "`http://localhost:9914/metrics` is a URL; write host and port only, for example `127.0.0.1:9914`",
        );
        check(
            "unix:run/x.sock",
            "a unix socket needs an absolute path, for example `unix:/run/httplog-exporter/metrics.sock`, not `unix:run/x.sock`",
        );
    }

    #[test]
    fn a_path_the_system_cannot_hold_is_refused() {
        let longest = format!("unix:/{}", "x".repeat(UNIX_PATH_BYTES - 1));
        assert!(longest.parse::<Address>().is_ok());
        assert!(matches!(
            format!("{longest}x").parse::<Address>(),
            Err(AddressError::LongPath(_))
        ));
    }

    proptest! {
        #[test]
        fn any_text_gives_an_address_or_an_error(text: String) {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
            }
        }
    }
}
