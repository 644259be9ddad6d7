//! Addresses of stub status pages.
//!
//! Invariant: an address is shown as it was written, and has neither a password nor a query; parsing resolves and opens nothing.

use std::fmt;
use std::str::FromStr;

use hyper::http::uri::PathAndQuery;

use crate::client::{Target, TargetError};

/// The address of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StubAddress {
    /// As it was written.
    text: String,
    target: Target,
}

/// The reason for which a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StubAddressError {
    /// The scheme is absent or another one.
    #[error("`{0}` is not the address of a page")]
    NotAddress(String),
    /// nginx's stub status has no need of it, and it would be a label.
    #[error("a user or a password cannot be part of the address, which is shown")]
    Credentials,
    /// nginx's stub status has no need of one, it may hold a token, and it would be a label.
    #[error("the address cannot have a query (`?…`): it is shown")]
    Query,
    /// The path of the socket is not usable.
    #[error("{0}")]
    Socket(String),
}

const SCHEMES: [&str; 3] = ["http://", "https://", "unix:"];

impl FromStr for StubAddress {
    type Err = StubAddressError;

    fn from_str(text: &str) -> Result<Self, StubAddressError> {
        let not_address = || StubAddressError::NotAddress(text.to_owned());
        let begins_with = |scheme: &&str| {
            let start = text.get(..scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        // RFC 3986, 3.1: a scheme has no case.
        let Some(scheme) = SCHEMES.into_iter().find(begins_with) else {
            return Err(not_address());
        };
        let text = format!("{scheme}{}", &text[scheme.len()..]);
        let text = text.as_str();
        if text.contains('?') {
            return Err(StubAddressError::Query);
        }
        let (server, path) = match text.strip_prefix("unix:") {
            Some(rest) => match rest.split_once(":/") {
                Some((socket, path)) => (
                    &text[.."unix:".len() + socket.len()],
                    Some(format!("/{path}")),
                ),
                None => (text, None),
            },
            None => (text, None),
        };
        let target: Target = server.parse().map_err(|error| match error {
            TargetError::Credentials => StubAddressError::Credentials,
            TargetError::Unix(reason) => StubAddressError::Socket(reason),
            TargetError::NotUrl(_) | TargetError::Scheme(_) => not_address(),
        })?;
        let target = match path {
            Some(path) => {
                path.parse::<PathAndQuery>().map_err(|_| not_address())?;
                target.with_path(path)
            }
            None => target,
        };
        Ok(Self {
            text: text.to_owned(),
            target,
        })
    }
}

impl StubAddress {
    /// Returns the server and the path.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the address as it was written: the value of the label `addr`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Displays the address as it was written.
impl fmt::Display for StubAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_server_and_a_path() {
        let check = |text: &str, server: &str, path: &str| {
            let address: StubAddress = text.parse().unwrap();
            let target = address.target();
            assert_eq!((target.to_string().as_str(), target.path()), (server, path));
            assert_eq!(address.to_string(), text);
        };
        check(
            "http://127.0.0.1/stub_status",
            "http://127.0.0.1",
            "/stub_status",
        );
        check("http://[::1]:8080/s", "http://[::1]:8080", "/s");
        check("https://www.example.org/s", "https://www.example.org", "/s");
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080", "/");
        check(
            "unix:/run/nginx/status.sock:/stub_status",
            "unix:/run/nginx/status.sock",
            "/stub_status",
        );
        check("unix:/run/status.sock", "unix:/run/status.sock", "/");
    }

    #[test]
    fn a_scheme_has_no_case() {
        let address: StubAddress = "HTTP://127.0.0.1/s".parse().unwrap();
        assert_eq!(address.as_str(), "http://127.0.0.1/s");
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<StubAddress>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("", "is not the address of a page");
        check("127.0.0.1/stub_status", "is not the address of a page");
        check("ftp://127.0.0.1/", "is not the address of a page");
        check("http:///stub_status", "is not the address of a page");
        check("unix:/run/s.sock:/a b", "is not the address of a page");
        check("http://me:secret@127.0.0.1/", "a user or a password");
        check("http://127.0.0.1/s?token=x", "cannot have a query");
        check("unix:/run/s.sock:/s?token=x", "cannot have a query");
        check("unix:run/s.sock:/s", "absolute path");
        let shown = "http://me:secret@h/"
            .parse::<StubAddress>()
            .unwrap_err()
            .to_string();
        assert!(!shown.contains("secret"));
    }
}
