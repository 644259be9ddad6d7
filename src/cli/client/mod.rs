//! An HTTP client: requests one document of a server, over TCP, TLS or a unix socket.
//!
//! Invariant: a request ends by its deadline, and keeps at most [`MOST_BYTES`] of a response. A response is never followed
//! elsewhere. A password is in no message.

mod error;
mod options;
mod target;
mod tls;

use std::cell::OnceCell;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{self, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::exit::Failure;

pub(super) use error::ClientError;
pub(super) use options::ClientOptions;
pub(super) use target::{Target, TargetError};

use target::Endpoint;

/// Longest time of a request.
const LIMIT: Duration = Duration::from_secs(10);
/// Most bytes of a response's body.
const MOST_BYTES: usize = 32 << 20;
const AGENT: &str = concat!("httplog-exporter/", env!("CARGO_PKG_VERSION"));

/// A client.
pub(super) struct Client {
    runtime: Option<Runtime>,
    limit: Duration,
    /// Value of the header field Authorization.
    credentials: Option<HeaderValue>,
    /// File of the certificates to trust.
    authorities: PathBuf,
    tls: OnceCell<TlsConnector>,
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    /// Value of the header field Content-Type; empty without it.
    pub(super) content_type: String,
    /// Value of the header field Location; empty without it.
    pub(super) location: String,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// Creates a client that trusts the certificates of a file.
    fn new(credentials: Option<HeaderValue>, authorities: PathBuf) -> Result<Self, Failure> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: Some(runtime.map_err(Failure::cannot("start a client"))?),
            limit: LIMIT,
            credentials,
            authorities,
            tls: OnceCell::new(),
        })
    }

    /// Requests the document of a target, in one of the formats of `accept`.
    pub(super) fn get(
        &self,
        target: &Target,
        accept: &'static str,
    ) -> Result<Response, ClientError> {
        let Some(runtime) = &self.runtime else {
            // Only a client that is dropped has none.
            return Err(self.late(target));
        };
        runtime.block_on(async {
            let request = timeout(self.limit, self.request(target, accept));
            request.await.unwrap_or_else(|_| Err(self.late(target)))
        })
    }

    fn late(&self, target: &Target) -> ClientError {
        ClientError::Late {
            target: target.clone(),
            limit: self.limit,
        }
    }

    async fn request(
        &self,
        target: &Target,
        accept: &'static str,
    ) -> Result<Response, ClientError> {
        let failed = |source| ClientError::Connect {
            target: target.clone(),
            source,
        };
        match &target.endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(failed)?;
                self.exchange(target, accept, stream).await
            }
            Endpoint::Tcp {
                host,
                port,
                is_encrypted,
            } => {
                let stream = TcpStream::connect((host.as_str(), *port));
                let stream = stream.await.map_err(failed)?;
                if !is_encrypted {
                    return self.exchange(target, accept, stream).await;
                }
                let name = ServerName::try_from(host.clone()).map_err(|error| {
                    failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
                })?;
                let stream = self.connector()?.connect(name, stream).await;
                let stream = stream.map_err(|source| ClientError::Tls {
                    target: target.clone(),
                    source,
                })?;
                self.exchange(target, accept, stream).await
            }
        }
    }

    fn connector(&self) -> Result<TlsConnector, ClientError> {
        if let Some(known) = self.tls.get() {
            return Ok(known.clone());
        }
        let config = tls::config(&self.authorities).map_err(|source| ClientError::Authorities {
            path: self.authorities.clone(),
            source,
        })?;
        Ok(self.tls.get_or_init(|| Arc::new(config).into()).clone())
    }

    async fn exchange(
        &self,
        target: &Target,
        accept: &'static str,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Response, ClientError> {
        let failed = |source| ClientError::Exchange {
            target: target.clone(),
            source,
        };
        let mut request = Request::get(target.path())
            .header(HOST, target.host_field())
            .header(ACCEPT, accept)
            .header(USER_AGENT, AGENT)
            .header(CONNECTION, "close");
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials);
        }
        let request = request.body(String::new()).map_err(|_| ClientError::Path {
            path: target.path().to_owned(),
        })?;
        let handshake = http1::handshake::<_, String>(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(failed)?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(failed)?;
        let status = response.status();
        let field = |name| {
            let value = response.headers().get(name);
            let value = value.map_or(&b""[..], HeaderValue::as_bytes);
            String::from_utf8_lossy(value).into_owned()
        };
        let (content_type, location) = (field(CONTENT_TYPE), field(LOCATION));
        let body = collect(response.into_body()).await.map_err(failed)?;
        connection.abort();
        let body = body.ok_or_else(|| ClientError::Long {
            target: target.clone(),
            limit: MOST_BYTES,
        })?;
        Ok(Response {
            status,
            content_type,
            location,
            body,
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A look-up of a host's name that takes too long is left to itself.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Reads a body; `None` if it has more than [`MOST_BYTES`].
async fn collect(mut body: Incoming) -> hyper::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            if bytes.len() + data.len() > MOST_BYTES {
                return Ok(None);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Some(bytes))
}
