//! Failures of requests.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::target::Target;

/// The reason for which a response is missing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server cannot be reached.
    #[error("cannot connect to {target}")]
    Connect {
        /// Server.
        target: Target,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The connection cannot be encrypted.
    #[error("no TLS connection to {target}")]
    Tls {
        /// Server.
        target: Target,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read the trusted certificates of {}", path.display())]
    Authorities {
        /// File of the certificates.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The request or the response failed.
    #[error("no complete response from {target}")]
    Exchange {
        /// Server.
        target: Target,
        /// Cause.
        #[source]
        source: hyper::Error,
    },
    /// The server takes too long.
    #[error("no complete response from {target} within {limit:?}")]
    Late {
        /// Server.
        target: Target,
        /// Longest time of a request.
        limit: Duration,
    },
    /// The response is longer than any that is expected.
    #[error("the response of {target} has more than {limit} bytes")]
    Long {
        /// Server.
        target: Target,
        /// Most bytes of a body.
        limit: usize,
    },
    /// The path is not one of HTTP.
    #[error("`{path}` is not a path")]
    Path {
        /// Path as it was given.
        path: String,
    },
}
