//! Events of a page, for the log.

use std::error::Error as _;
use std::fmt;

use hyper::StatusCode;

use super::address::StubAddress;
use crate::client::{ClientError, Endpoint};

/// The reason for which a page has no numbers.
#[derive(Debug, thiserror::Error)]
pub enum StubError {
    /// No response, or one that is too long.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The response is a refusal or a redirection.
    #[error("it responds with {0}")]
    Status(StatusCode),
    /// The response is another document.
    #[error("it is not a stub status page")]
    Other,
}

/// A change of a page's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StubEvent {
    /// It has no numbers any more, or never had.
    Down {
        /// The page.
        address: StubAddress,
        /// Reason with its causes.
        reason: String,
        /// Remedy.
        remedy: &'static str,
    },
    /// It has numbers again.
    Up {
        /// The page.
        address: StubAddress,
    },
}

impl StubError {
    /// Returns the reason with its causes.
    pub fn reason(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// Returns the remedy.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Client(ClientError::Connect { target, .. })
                if matches!(target.endpoint, Endpoint::Unix(_)) =>
            {
                "let nginx listen there (listen unix:PATH;), and let the exporter's user enter the socket's directory"
            }
            Self::Client(ClientError::Connect { .. }) => {
                "start nginx, or correct the address: `sudo nginx -T | grep -B 9 stub_status` shows where it serves the page"
            }
            Self::Client(ClientError::Tls { .. } | ClientError::Authorities { .. }) => {
                "name the server as its certificate does, or serve the page on 127.0.0.1 without TLS"
            }
            Self::Client(ClientError::Late { .. }) => {
                "look for an overloaded machine, or a firewall; serve the page on this machine"
            }
            Self::Status(status) if *status == StatusCode::FORBIDDEN => {
                "admit the exporter in the location of the page: allow 127.0.0.1;"
            }
            Self::Status(status) if status.is_redirection() => {
                "name the address that the page has without a redirection, such as a server of its own on 127.0.0.1"
            }
            _ => "name a location of nginx that has `stub_status;`",
        }
    }
}

impl fmt::Display for StubEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down {
                address,
                reason,
                remedy,
            } => write!(f, "no metrics from nginx's {address}: {reason}; {remedy}"),
            Self::Up { address } => write!(f, "metrics from nginx's {address} again"),
        }
    }
}
