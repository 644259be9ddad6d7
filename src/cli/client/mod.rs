//! Requests of commands to an exporter.

mod options;
mod remedy;

use std::path::PathBuf;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::runtime::{self, Runtime};

use super::exit::Failure;
use crate::client::{Client as AsyncClient, ClientError, ClientLimits, Response, Target};

pub(super) use options::ClientOptions;
pub(super) use remedy::failure;

/// Bounds of a request.
const LIMITS: ClientLimits = ClientLimits {
    time: Duration::from_secs(10),
    bytes: 32 << 20,
};

/// A client whose requests block.
pub(super) struct Client {
    runtime: Runtime,
    client: AsyncClient,
}

impl Client {
    /// Creates a client that trusts the certificates of a file.
    fn new(credentials: Option<HeaderValue>, authorities: PathBuf) -> Result<Self, Failure> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(Failure::cannot("start a client"))?,
            client: AsyncClient::new(LIMITS, credentials, authorities),
        })
    }

    /// Requests the document of a target, in one of the formats of `accept`.
    pub(super) fn get(
        &self,
        target: &Target,
        accept: &'static str,
    ) -> Result<Response, ClientError> {
        self.runtime.block_on(self.client.get(target, accept))
    }
}
