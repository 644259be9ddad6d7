//! An HTTP client: requests one document of a server, over TCP, TLS or a unix socket.
//!
//! Invariant: a request ends by its deadline, and keeps a bounded number of bytes of a response. A response is never followed
//! elsewhere. A password is in no message. A request that was given up leaves at most one look-up of a host's name behind.

mod error;
mod target;
mod tls;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::thread;
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
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub use error::ClientError;
pub use target::{Endpoint, Target, TargetError};
pub use tls::SYSTEM_AUTHORITIES;

const AGENT: &str = concat!("httplog-exporter/", env!("CARGO_PKG_VERSION"));

/// Bounds of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Longest time of a request.
    pub time: Duration,
    /// Most bytes of a response's body.
    pub bytes: usize,
}

/// A client.
pub struct Client {
    limits: ClientLimits,
    /// Value of the header field Authorization.
    credentials: Option<HeaderValue>,
    /// File of the certificates to trust.
    authorities: PathBuf,
    tls: OnceLock<TlsConnector>,
    /// Held while a host's name is looked up.
    lookup: Arc<Mutex<()>>,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    /// Value of the header field Content-Type; empty without it.
    pub content_type: String,
    /// Value of the header field Location; empty without it.
    pub location: String,
    /// Body; only its beginning if the status is not 200 and it is longer than [`ClientLimits::bytes`].
    pub body: Vec<u8>,
}

impl Client {
    /// Creates a client that trusts the certificates of a file.
    pub fn new(
        limits: ClientLimits,
        credentials: Option<HeaderValue>,
        authorities: PathBuf,
    ) -> Self {
        Self {
            limits,
            credentials,
            authorities,
            tls: OnceLock::new(),
            lookup: Arc::default(),
        }
    }

    /// Requests the document of a target, in one of the formats of `accept`. Needs a runtime.
    pub async fn get(
        &self,
        target: &Target,
        accept: &'static str,
    ) -> Result<Response, ClientError> {
        let request = timeout(self.limits.time, self.request(target, accept));
        request.await.unwrap_or_else(|_| Err(self.late(target)))
    }

    /// Returns the failure of a request whose time is over.
    pub fn late(&self, target: &Target) -> ClientError {
        ClientError::Late {
            target: target.clone(),
            limit: self.limits.time,
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
                let addresses = self.addresses(host, *port).await.map_err(failed)?;
                let stream = TcpStream::connect(&*addresses).await.map_err(failed)?;
                if !is_encrypted {
                    return self.exchange(target, accept, stream).await;
                }
                let name = ServerName::try_from(host.clone())
                    .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
                let stream = self.connector()?.connect(name, stream).await;
                let stream = stream.map_err(|source| ClientError::Tls {
                    target: target.clone(),
                    source,
                })?;
                self.exchange(target, accept, stream).await
            }
        }
    }

    /// Returns the addresses of a host. A look-up cannot be interrupted: it has a thread of its own, and the next one waits for
    /// its end.
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let guard = Arc::clone(&self.lookup).lock_owned().await;
        let (sender, found) = oneshot::channel();
        let host = host.to_owned();
        let look_up = move || {
            let found = (host.as_str(), port).to_socket_addrs();
            // Fails if the time of the request is over.
            let _ = sender.send(found.map(Iterator::collect));
            drop(guard);
        };
        thread::Builder::new()
            .name("look-up".to_owned())
            .spawn(look_up)?;
        found.await.unwrap_or_else(|_| {
            Err(io::Error::other(
                "the look-up of the host's name has failed",
            ))
        })
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

    /// Sends the request, and reads the response. The connection ends with this future.
    async fn exchange(
        &self,
        target: &Target,
        accept: &'static str,
        stream: impl AsyncRead + AsyncWrite + Unpin,
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
        let receive = async {
            let response = sender.send_request(request).await.map_err(failed)?;
            let status = response.status();
            let field = |name| {
                let value = response.headers().get(name);
                let value = value.map_or(&b""[..], HeaderValue::as_bytes);
                String::from_utf8_lossy(value).into_owned()
            };
            let (content_type, location) = (field(CONTENT_TYPE), field(LOCATION));
            let body = collect(response.into_body(), self.limits.bytes);
            let (body, is_whole) = body.await.map_err(failed)?;
            if !is_whole && status == StatusCode::OK {
                return Err(ClientError::Long {
                    target: target.clone(),
                    limit: self.limits.bytes,
                });
            }
            Ok(Response {
                status,
                content_type,
                location,
                body,
            })
        };
        let (mut connection, mut receive) = (pin!(connection), pin!(receive));
        tokio::select! {
            response = &mut receive => response,
            // What it has received is still to be read; its error reaches the request.
            _ = &mut connection => receive.await,
        }
    }
}

/// Reads a body up to a limit, and whether it ends there.
async fn collect(mut body: Incoming, limit: usize) -> hyper::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            if bytes.len() + data.len() > limit {
                return Ok((bytes, false));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok((bytes, true))
}
