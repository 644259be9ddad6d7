//! The handshake.
//!
//! Invariant: a handshake ends within its deadline and keeps at most [`MOST_BYTES`]; when its task is dropped, the socket is closed at
//! once, and nothing of it is computed any more but for the message in work.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::ServerConnection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::stream::{TlsStream, poll_send};
use crate::http::Tls;
use crate::http::deadline::DeadlineStream;
use crate::http::linger::Socket;

/// Bytes that a client sends in a handshake: two messages, with a chain of certificates.
const MOST_BYTES: usize = 64 * 1024;
/// Bytes of a record's header.
const HEADER_BYTES: usize = 5;
/// Longest record without its header (RFC 5246, 6.2.3).
const RECORD_BYTES: usize = 16 * 1024 + 2048;
/// Types of records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
/// Response to a request without TLS.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 52\r\n\
    Connection: close\r\n\r\nthis address speaks HTTPS only: use https://, or TLS";

/// Computes handshakes, a few at a time.
#[derive(Debug)]
pub(in crate::http) struct Handshakes {
    slots: Semaphore,
}

/// The reason for which a connection has no TLS.
#[derive(Debug)]
pub(in crate::http) enum NotAccepted {
    /// The client sent HTTP.
    PlainHttp,
    /// The client left before it sent anything.
    Left,
    /// Anything else: no common version, an unknown certificate, garbage, the deadline.
    Failed,
}

impl From<io::Error> for NotAccepted {
    fn from(_: io::Error) -> Self {
        Self::Failed
    }
}

impl Handshakes {
    /// Uses half of the processors, so that handshakes leave room for everything else.
    pub(in crate::http) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            slots: Semaphore::new((processors / 2).max(1)),
        }
    }

    /// Accepts TLS on a connection, whose first request must be complete by the same deadline.
    pub(in crate::http) async fn accept<S: Socket>(
        &self,
        mut stream: DeadlineStream<S>,
        tls: &Tls,
        within: Duration,
    ) -> Result<TlsStream<DeadlineStream<S>>, NotAccepted> {
        let until = Instant::now() + within;
        let shaken = timeout_at(until, self.shake_hands(&mut stream, tls)).await;
        let session = shaken.map_err(|_| NotAccepted::Failed)??;
        stream.resume_head(until);
        Ok(TlsStream::new(stream, session))
    }

    async fn shake_hands<S: Socket>(
        &self,
        stream: &mut DeadlineStream<S>,
        tls: &Tls,
    ) -> Result<Box<ServerConnection>, NotAccepted> {
        let config = Arc::clone(&tls.config);
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut session = Box::new(session);
        let mut received = 0;
        loop {
            poll_fn(|cx| poll_send(&mut session, stream, cx)).await?;
            stream.flush().await?;
            if !session.is_handshaking() {
                return Ok(session);
            }
            let record = read_record(stream, received == 0).await?;
            received += record.len();
            if received > MOST_BYTES {
                return Err(NotAccepted::Failed);
            }
            let (computed, outcome) = self.compute(session, record).await?;
            session = computed;
            if outcome.is_err() {
                // The alert tells the client why.
                poll_fn(|cx| poll_send(&mut session, stream, cx)).await?;
                stream.shutdown().await?;
                return Err(NotAccepted::Failed);
            }
        }
    }

    /// Computes the response to a record.
    async fn compute(
        &self,
        mut session: Box<ServerConnection>,
        record: Vec<u8>,
    ) -> io::Result<(Box<ServerConnection>, Result<(), rustls::Error>)> {
        if record.first() == Some(&CHANGE_CIPHER_SPEC) {
            let outcome = feed(&mut session, &record);
            return Ok((session, outcome));
        }
        let _slot = self.slots.acquire().await.map_err(io::Error::other)?;
        let computed = spawn_blocking(move || {
            let outcome = feed(&mut session, &record);
            (session, outcome)
        });
        computed.await.map_err(io::Error::other)
    }
}

fn feed(session: &mut ServerConnection, mut record: &[u8]) -> Result<(), rustls::Error> {
    while !record.is_empty() {
        let read = session.read_tls(&mut record);
        read.map_err(|error| rustls::Error::General(error.to_string()))?;
        session.process_new_packets()?;
    }
    Ok(())
}

/// Reads one record, and nothing behind it.
async fn read_record<S: Socket>(
    stream: &mut DeadlineStream<S>,
    is_first: bool,
) -> Result<Vec<u8>, NotAccepted> {
    let mut header = [0; HEADER_BYTES];
    if is_first && stream.read(&mut header[..1]).await? == 0 {
        return Err(NotAccepted::Left);
    }
    stream
        .read_exact(&mut header[usize::from(is_first)..])
        .await?;
    if is_first && header[..2] != [HANDSHAKE, 3] {
        // A method, as of every request.
        if !header[..3].iter().all(u8::is_ascii_uppercase) {
            return Err(NotAccepted::Failed);
        }
        stream.write_all(PLAIN_HTTP).await?;
        stream.shutdown().await?;
        return Err(NotAccepted::PlainHttp);
    }
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if length > RECORD_BYTES {
        return Err(NotAccepted::Failed);
    }
    let mut record = vec![0; HEADER_BYTES + length];
    record[..HEADER_BYTES].copy_from_slice(&header);
    stream.read_exact(&mut record[HEADER_BYTES..]).await?;
    Ok(record)
}
