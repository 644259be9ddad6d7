//! The server of a request, as a URL or the path of a unix socket names it.
//!
//! Invariant: parsing resolves and opens nothing; a password is never part of a target, which appears in messages.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::Scheme;

use crate::http::Address;

/// A server, and a path of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Socket of the server.
    pub endpoint: Endpoint,
    /// Path and query.
    path: String,
}

/// The socket of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host and a port.
    Tcp {
        /// Name or address, an IPv6 address without brackets.
        host: String,
        /// Port.
        port: u16,
        /// True with TLS.
        is_encrypted: bool,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// The reason for which a text does not name a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is neither a URL nor an address.
    #[error(
        "`{0}` is not a URL; write for example `http://127.0.0.1:9914` or `unix:/run/httplog-exporter/metrics.sock`"
    )]
    NotUrl(String),
    /// The scheme is another one.
    #[error("`{0}:` is not supported; use `http:`, `https:` or `unix:`")]
    Scheme(String),
    /// A password in a URL is visible to all users of the machine.
    #[error("a URL with a user is visible to other users of this machine; use --user")]
    Credentials,
    /// The path of a unix socket is not usable.
    #[error("{0}")]
    Unix(String),
}

/// Names an exporter of this machine with the usual address.
impl Default for Target {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::Tcp {
                host: "127.0.0.1".to_owned(),
                port: 9914,
                is_encrypted: false,
            },
            path: "/".to_owned(),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.starts_with("unix:") {
            return match text.parse::<Address>() {
                Ok(Address::Unix(path)) => Ok(Self {
                    endpoint: Endpoint::Unix(path),
                    path: "/".to_owned(),
                }),
                Ok(_) => Err(TargetError::NotUrl(text.to_owned())),
                Err(error) => Err(TargetError::Unix(error.to_string())),
            };
        }
        // An address without a scheme, as `web.listen` has it.
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let not_url = || TargetError::NotUrl(text.to_owned());
        let uri: Uri = full.parse().map_err(|_| not_url())?;
        let is_encrypted = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) => return Err(TargetError::Scheme(scheme.as_str().to_owned())),
            None => return Err(not_url()),
        };
        let authority = uri.authority().ok_or_else(not_url)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Credentials);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        // `port` is `None` too if what stands there is not one.
        let has_port = !authority.as_str().ends_with(authority.host());
        let port = match authority.port_u16() {
            Some(port) => port,
            None if has_port => return Err(not_url()),
            None if is_encrypted => 443,
            None => 80,
        };
        if host.is_empty() {
            return Err(not_url());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            endpoint: Endpoint::Tcp {
                host: host.to_owned(),
                port,
                is_encrypted,
            },
            path: path.to_owned(),
        })
    }
}

impl Target {
    /// Returns the server of an address to listen on, as this machine reaches it; `None` for those that systemd passes.
    pub fn listening(address: &Address) -> Option<Self> {
        let (host, port) = match address {
            Address::Ip(address) if address.ip().is_unspecified() => {
                let loopback = if address.is_ipv6() {
                    "::1"
                } else {
                    "127.0.0.1"
                };
                (loopback.to_owned(), address.port())
            }
            Address::Ip(address) => (address.ip().to_string(), address.port()),
            Address::AnyInterface(port) => ("127.0.0.1".to_owned(), *port),
            Address::Name { host, port } => (host.clone(), *port),
            Address::Unix(path) => {
                return Some(Self {
                    endpoint: Endpoint::Unix(path.clone()),
                    path: "/".to_owned(),
                });
            }
            Address::Systemd => return None,
        };
        Some(Self {
            endpoint: Endpoint::Tcp {
                host,
                port,
                is_encrypted: false,
            },
            path: "/".to_owned(),
        })
    }

    /// Returns the path and query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Requests another path of the same server.
    #[must_use]
    pub fn with_path(self, path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..self
        }
    }

    /// Returns whether the request goes to another machine without encryption.
    pub fn is_exposed(&self) -> bool {
        match &self.endpoint {
            Endpoint::Tcp {
                host,
                port,
                is_encrypted: false,
            } => {
                let bracketed = if host.contains(':') {
                    format!("[{host}]")
                } else {
                    host.clone()
                };
                let address = format!("{bracketed}:{port}").parse::<Address>();
                address.map_or(true, |address| address.is_reachable())
            }
            _ => false,
        }
    }

    /// Returns the value of the header field Host.
    pub fn host_field(&self) -> String {
        match &self.endpoint {
            Endpoint::Tcp {
                host,
                port,
                is_encrypted,
            } => {
                let host = if host.contains(':') {
                    format!("[{host}]")
                } else {
                    host.clone()
                };
                let usual = if *is_encrypted { 443 } else { 80 };
                if *port == usual {
                    host
                } else {
                    format!("{host}:{port}")
                }
            }
            Endpoint::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// Displays the server, without the path.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Endpoint::Tcp { is_encrypted, .. } => {
                let scheme = if *is_encrypted { "https" } else { "http" };
                write!(f, "{scheme}://{}", self.host_field())
            }
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_addresses_and_sockets_name_a_server() {
        let check = |text: &str, server: &str, path: &str| {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), target.path()), (server, path));
            let again: Target = server.parse().unwrap();
            assert_eq!(again.endpoint, target.endpoint, "{text}");
        };
        check("http://127.0.0.1:9914", "http://127.0.0.1:9914", "/");
        check("127.0.0.1:9914", "http://127.0.0.1:9914", "/");
        check("http://[::1]:9914/x?y=z", "http://[::1]:9914", "/x?y=z");
        check(
            "https://logs.example.org/a/",
            "https://logs.example.org",
            "/a/",
        );
        check("http://logs.example.org:80", "http://logs.example.org", "/");
        check("unix:/run/x.sock", "unix:/run/x.sock", "/");
    }

    #[test]
    fn what_names_no_server_is_refused_with_an_example() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("", "`` is not a URL");
        check("http://", "is not a URL");
        check("http://host:port/", "is not a URL");
        check("http://host:99999/", "is not a URL");
        check("http://:9914/", "is not a URL");
        check("ftp://host/", "`ftp:` is not supported");
        check("https://me:secret@host/", "use --user");
        check("unix:x.sock", "absolute path");
        for text in ["https://me:secret@host/", "http://me:secret@host/"] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_address_to_listen_on_is_reached_from_this_machine() {
        let check = |address: &str, expected: Option<&str>| {
            let target = Target::listening(&address.parse().unwrap());
            assert_eq!(target.map(|target| target.to_string()).as_deref(), expected);
        };
        check("127.0.0.1:9914", Some("http://127.0.0.1:9914"));
        check("0.0.0.0:9914", Some("http://127.0.0.1:9914"));
        check("[::]:9914", Some("http://[::1]:9914"));
        check(":9914", Some("http://127.0.0.1:9914"));
        check("unix:/run/x.sock", Some("unix:/run/x.sock"));
        check("systemd", None);
        let default = Target::listening(&crate::config::DEFAULT_LISTEN.parse().unwrap());
        assert_eq!(default, Some(Target::default()));
    }

    #[test]
    fn only_other_machines_without_encryption_are_exposed() {
        let check = |text: &str, expected| {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.is_exposed(), expected, "{text}");
        };
        check("http://127.0.0.1:1", false);
        check("http://[::1]:1", false);
        check("http://localhost", false);
        check("http://192.0.2.1", true);
        check("https://192.0.2.1", false);
        check("unix:/run/x.sock", false);
    }
}
