//! The origins of pages: servers and files.
//!
//! Invariant: what looks like a URL is never taken for the name of a file.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyper::StatusCode;

use crate::cli::client::{Client, failure};
use crate::cli::exit::{Exit, Failure};
use crate::client::{Target, TargetError};
use crate::compare::Side;
use crate::text_file::{Accept, read_file};

/// Path of a page of metrics, unless another one is named.
const PATH: &str = "/metrics";
/// Format that is asked for.
const FORMAT: &str = "text/plain;version=0.0.4";

/// The origin of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Server(Target),
    File(PathBuf),
}

impl FromStr for Input {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.starts_with("unix:") || text.contains("://") {
            text.parse().map(Self::Server)
        } else {
            Ok(Self::File(text.into()))
        }
    }
}

impl Input {
    /// Names the page of metrics of a server that was named without a path.
    pub(super) fn with_path(self) -> Self {
        match self {
            Self::Server(target) if target.path() == "/" => Self::Server(target.with_path(PATH)),
            other => other,
        }
    }

    /// Reads the page of a side.
    pub(super) fn read(&self, client: &Client, side: Side) -> Result<Vec<u8>, Failure> {
        let target = match self {
            Self::File(path) => {
                let read = read_file(path, Accept::RegularOrPipe).map_err(Failure::from);
                let is_address = !path.exists() && path.to_string_lossy().contains(':');
                return read.map_err(|failure| {
                    failure.help_if(is_address, "write http:// in front of an address")
                });
            }
            Self::Server(target) => target,
        };
        let response = client.get(target, FORMAT).map_err(|error| {
            let failure = failure(error);
            match side {
                Side::Ours => failure,
                Side::Theirs => {
                    failure.help("is the site running, and is that the address of its metrics?")
                }
            }
        })?;
        if response.status == StatusCode::OK {
            return Ok(response.body);
        }
        let help = match (response.status, side) {
            (StatusCode::UNAUTHORIZED, Side::Ours) => {
                "its web configuration has users: name one with --user, and its password with --password-file".to_owned()
            }
            (status, _) if status.is_redirection() && !response.location.is_empty() => {
                format!("it refers to {}: name that if you trust it", response.location)
            }
            (_, Side::Theirs) => {
                "save the page as you can reach it, with curl for example, and name the file".to_owned()
            }
            (_, Side::Ours) => "is this an exporter of this version? --ours names it".to_owned(),
        };
        let message = format!("{self} responds with {}", response.status);
        Err(Failure::message(Exit::Io, message).help(help))
    }
}

/// Displays the server and the path, or the name of the file.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(target) => write!(f, "{target}{}", target.path()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
