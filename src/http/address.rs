//! Addresses to listen on, as written in the configuration and on the command line.
//!
//! Invariant: an [`Address`] names one socket to try, or those that systemd passes; parsing resolves and opens nothing.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::policy::Policy;
use crate::unix_socket::MAX_PATH_BYTES;

const UNIX_PREFIX: &str = "unix:";
const SYSTEMD: &str = "systemd";

/// An address to listen on, or several of them.
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
    /// `:9914`: every interface, over IPv6 and IPv4, or IPv4 alone on a machine without IPv6.
    AnyInterface(u16),
    /// `localhost:9914`: the first address the name resolves to that this machine has.
    Name {
        /// Host name.
        host: String,
        /// Port.
        port: u16,
    },
    /// `unix:/run/httplog-exporter/metrics.sock`.
    Unix(PathBuf),
    /// `systemd`: the sockets of a `.socket` unit.
    Systemd,
}

/// The reason for which a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is empty.
    #[error("the address is empty; write for example `127.0.0.1:9914`")]
    Empty,
    /// The text does not end with a colon and a port.
    #[error("`{0}` has no port; write for example `{0}:9914`")]
    NoPort(String),
    /// The text is a port without a host.
    #[error(
        "`{0}` is only a port; write `127.0.0.1:{0}` for this machine, `:{0}` for all interfaces"
    )]
    OnlyPort(u16),
    /// The port is not a number up to 65535.
    #[error(
        "`{port}` in `{address}` is not a port from 0 to 65535; write for example `127.0.0.1:9914`"
    )]
    BadPort {
        /// Whole text.
        address: String,
        /// Text after the last colon.
        port: String,
    },
    /// An IPv6 address lacks its brackets, or has wrong ones.
    #[error("an IPv6 address needs brackets before its port, for example `[::1]:9914`, not `{0}`")]
    BadIpv6(String),
    /// The host is not a valid host name.
    #[error(
        "`{host}` in `{address}` is neither an IP address nor a host name; write for example `127.0.0.1:9914`"
    )]
    BadHost {
        /// Whole text.
        address: String,
        /// Text before the last colon.
        host: String,
    },
    /// The text is a URL.
    #[error("`{0}` is a URL; write host and port only, for example `127.0.0.1:9914`")]
    Url(String),
    /// The path of a unix socket is not absolute.
    #[error(
        "a unix socket needs an absolute path, for example `unix:/run/httplog-exporter/metrics.sock`, not `{0}`"
    )]
    RelativePath(String),
    /// The path of a unix socket is longer than the system allows.
    #[error("the path of a unix socket has at most 107 bytes, `{0}` has more")]
    LongPath(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text == SYSTEMD {
            return Ok(Self::Systemd);
        }
        if let Some(path) = text.strip_prefix(UNIX_PREFIX) {
            return parse_unix(path);
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
        // `parse` alone would accept a plus sign.
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

impl Address {
    /// Returns whether other machines may reach the address.
    pub fn is_reachable(&self) -> bool {
        match self {
            Self::Ip(address) => !address.ip().to_canonical().is_loopback(),
            Self::AnyInterface(_) => true,
            Self::Name { host, .. } => {
                let host = host.to_ascii_lowercase();
                host != "localhost" && !host.ends_with(".localhost")
            }
            // Those that systemd passes are known once they are bound.
            Self::Unix(_) | Self::Systemd => false,
        }
    }

    /// Returns what an operator has to know about an address that other machines may reach, and the remedy.
    pub fn exposure(&self) -> Option<(String, &'static str)> {
        let message = format!(
            "any host that can reach {self} can read the metrics: there is neither TLS nor a password"
        );
        let help = "set web.config_file, or listen on 127.0.0.1 or a unix socket, or let only Prometheus through the firewall";
        self.is_reachable().then_some((message, help))
    }

    /// Returns the same as [`Self::exposure`] for an address with a web configuration.
    pub fn exposure_under(&self, policy: &Policy) -> Option<(String, &'static str)> {
        match (&policy.tls, policy.users.is_empty()) {
            (None, true) => self.exposure(),
            (None, false) if self.is_reachable() => Some((
                format!("passwords are sent to {self} in clear text, without TLS"),
                "set tls_server_config in the web configuration",
            )),
            _ => None,
        }
    }
}

fn parse_unix(path: &str) -> Result<Address, AddressError> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(AddressError::RelativePath(format!("{UNIX_PREFIX}{path}")));
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(AddressError::LongPath(path.to_owned()));
    }
    Ok(Address::Unix(path.into()))
}

/// Returns whether `host` consists of letters, digits, hyphens and dots (RFC 1123) or underscores,
/// which occur in practice. A name of digits and dots alone is a malformed IPv4 address.
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
            Self::Systemd => f.write_str(SYSTEMD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_parsed_and_displayed_unchanged() {
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
        check("systemd", Address::Systemd);
    }

    #[test]
    fn an_address_that_other_machines_may_reach_is_exposed() {
        let is_reachable = |text: &str| {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.exposure().is_some(), address.is_reachable());
            address.is_reachable()
        };
        for text in [
            ":9914",
            "0.0.0.0:1",
            "[::]:1",
            "192.0.2.1:1",
            "monitor.example:1",
        ] {
            assert!(is_reachable(text), "{text}");
        }
        let loopback = "[::ffff:127.0.0.1]:1";
        for text in [
            "127.0.0.1:1",
            "127.1.2.3:1",
            "[::1]:1",
            loopback,
            "LocalHost:1",
            "unix:/s",
        ] {
            assert!(!is_reachable(text), "{text}");
        }
    }

    #[test]
    fn errors_show_a_correct_address() {
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
            "an IPv6 address needs brackets before its port, for example `[::1]:9914`, not `::1:9914`",
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
    fn a_path_longer_than_the_system_allows_is_refused() {
        let longest = format!("unix:/{}", "x".repeat(MAX_PATH_BYTES - 1));
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
