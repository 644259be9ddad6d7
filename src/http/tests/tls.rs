//! Encrypted connections.

use std::os::unix::net::UnixStream;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion,
};

use super::*;

type Client<S = TcpStream> = StreamOwned<ClientConnection, S>;

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const KEEP_ALIVE: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// A server's certificate, and what a client needs to trust it.
struct Identity {
    tls: Arc<Tls>,
    client: Arc<ClientConfig>,
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Identity {
    fn new() -> Self {
        Self::of(rustls::ALL_VERSIONS, 1)
    }

    fn of(versions: &[&'static SupportedProtocolVersion], number: u8) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            tls: Arc::new(Tls {
                config: Arc::new(config),
                identity: [number; 32],
                clients: [0; 32],
            }),
            client: Arc::new(client),
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            tls: Some(Arc::clone(&self.tls)),
            ..Policy::default()
        }
    }

    fn start(&self, scrape: impl Scrape + 'static, limits: Limits, more: &[Address]) -> Server {
        Server::under(self.policy(), None, scrape, limits, more)
    }

    fn client<S: Read + Write>(&self, stream: S) -> Client<S> {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        StreamOwned::new(session, stream)
    }

    fn get(&self, server: &Server) -> String {
        let mut client = self.client(server.connect());
        client.write_all(GET.as_bytes()).unwrap();
        rest_of(&mut client)
    }
}

/// Returns the first message that a client sends.
fn hello(identity: &Identity) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(Arc::clone(&identity.client), name).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    hello
}

fn failed(server: &Server, count: usize) {
    server
        .seen
        .wait_for(count, |event| *event == HttpEvent::HandshakeFailed);
}

#[test]
fn pages_are_the_same_over_every_version_of_tls() {
    for version in rustls::ALL_VERSIONS {
        let identity = Identity::of(&[version], 1);
        let server = identity.start(Gauge(3 << 20), Limits::default(), &[]);
        let response = identity.get(&server);
        assert!(
            response.starts_with("HTTP/1.1 200 "),
            "{}",
            &response[..100]
        );
        let length: usize = header(&response, "content-length")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(body(&response).len(), length);
        assert!(length > 3 << 20);
    }
}

#[test]
fn a_connection_is_kept_alive_and_a_session_is_resumed() {
    let identity = Identity::new();
    let server = identity.start(Gauge(1), Limits::default(), &[]);
    let mut client = identity.client(server.connect());
    let page = |client: &mut Client| {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"up 1\n") {
            client.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
    };
    for _ in 0..3 {
        client.write_all(KEEP_ALIVE.as_bytes()).unwrap();
        page(&mut client);
    }
    drop(client);
    let mut client = identity.client(server.connect());
    client.write_all(GET.as_bytes()).unwrap();
    rest_of(&mut client);
    assert_eq!(
        client.conn.handshake_kind(),
        Some(rustls::HandshakeKind::Resumed)
    );
}

#[test]
fn unix_sockets_are_encrypted_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let identity = Identity::new();
    let _server = identity.start(Gauge(1), Limits::default(), &[Address::Unix(path.clone())]);
    let mut client = identity.client(UnixStream::connect(path).unwrap());
    client.write_all(GET.as_bytes()).unwrap();
    assert!(rest_of(&mut client).contains("up 1\n"));
}

#[test]
fn a_request_without_tls_is_told_so() {
    let identity = Identity::new();
    let server = identity.start(Gauge(1), Limits::default(), &[]);
    let response = server.get("/metrics");
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    assert_eq!(
        header(&response, "content-length").unwrap(),
        body(&response).len().to_string()
    );
    server.seen.wait_for(1, |event| {
        matches!(
            event,
            HttpEvent::Responded {
                page: Page::Other,
                status: 400
            }
        )
    });
}

#[test]
fn garbage_is_counted_and_a_client_that_leaves_is_not() {
    let identity = Identity::new();
    let server = identity.start(Gauge(1), Limits::default(), &[]);
    drop(server.connect());
    let mut broken = hello(&identity);
    broken[5] ^= 0xff;
    let mut long = hello(&identity);
    long[3] = 0xff;
    let record = [22, 3, 1, 0, 1, 1].repeat(100);
    let all = [
        b"\0\0\0\0\0\0\0\0".to_vec(),
        b"get / x\r\n".to_vec(),
        broken,
        long,
        record,
    ];
    let count = all.len();
    for bytes in all {
        let mut stream = server.connect();
        let _ = stream.write_all(&bytes);
        // Perhaps an alert.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    failed(&server, count);
    assert_eq!(server.seen.count(HttpEvent::HandshakeFailed), count);
    assert!(identity.get(&server).contains("up 1\n"));
}

#[test]
fn a_handshake_and_the_head_behind_it_share_one_deadline() {
    let limits = Limits {
        head: Duration::from_millis(300),
        idle: Duration::from_mins(1),
        ..Limits::default()
    };
    let identity = Identity::new();
    let server = identity.start(Gauge(1), limits, &[]);
    // Part of a message.
    let mut stream = server.connect();
    stream.write_all(&hello(&identity)[..20]).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    failed(&server, 1);
    // A message and nothing after it.
    let mut stream = server.connect();
    stream.write_all(&hello(&identity)).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert_eq!(answer.first(), Some(&22));
    failed(&server, 2);
    // A handshake and part of a head.
    let mut client = identity.client(server.connect());
    client.write_all(b"GET / HT").unwrap();
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert!(rest.is_empty());
    server.seen.wait_for(3, |event| *event == HttpEvent::Closed);
}

#[test]
fn connections_in_a_handshake_make_room_for_others() {
    let limits = Limits {
        connections: 4,
        head: Duration::from_mins(1),
        ..Limits::default()
    };
    let identity = Identity::new();
    let server = identity.start(Gauge(1), limits, &[]);
    let held: Vec<_> = (0..12)
        .map(|_| {
            let mut stream = server.connect();
            let _ = stream.write_all(&hello(&identity)[..20]);
            stream
        })
        .collect();
    assert!(identity.get(&server).contains("up 1\n"));
    server
        .seen
        .wait_for(1, |event| *event == HttpEvent::Displaced);
    drop(held);
}

#[test]
fn a_reader_that_stops_is_disconnected_and_keeps_little_memory() {
    let limits = Limits {
        write: Duration::from_millis(300),
        ..Limits::default()
    };
    let identity = Identity::new();
    let server = identity.start(Gauge(8 << 20), limits, &[]);
    let mut client = identity.client(server.connect());
    client.write_all(GET.as_bytes()).unwrap();
    let mut first = [0; 1000];
    client.read_exact(&mut first).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200 "));
    server.seen.wait_for(1, |event| *event == HttpEvent::Closed);
}

#[test]
fn a_stop_ends_a_handshake_at_once() {
    let limits = Limits {
        head: Duration::from_mins(1),
        stop: Duration::from_mins(1),
        ..Limits::default()
    };
    let identity = Identity::new();
    let mut server = identity.start(Gauge(1), limits, &[]);
    let mut stream = server.connect();
    stream.write_all(&hello(&identity)[..20]).unwrap();
    server.seen.wait_for(1, |event| *event == HttpEvent::Opened);
    server.join().unwrap();
}

#[test]
fn a_close_is_announced() {
    let identity = Identity::new();
    let server = identity.start(Gauge(1), Limits::default(), &[]);
    let mut client = identity.client(server.connect());
    client.write_all(GET.as_bytes()).unwrap();
    let mut page = Vec::new();
    // An end that is not announced is an error.
    client.read_to_end(&mut page).unwrap();
    assert!(page.ends_with(b"up 1\n"));
}

#[test]
fn tls_is_turned_on_replaced_and_turned_off_for_the_next_connections() {
    let next = Arc::<Next>::default();
    let set = |policy: Policy| *next.0.lock().unwrap() = Some(policy);
    let server = Server::under(
        Policy::default(),
        Some(next.clone()),
        Gauge(1),
        Limits::default(),
        &[],
    );
    let until = |is_in_force: &dyn Fn() -> bool| {
        let clock = SystemClock::new();
        while !is_in_force() {
            assert!(crate::clock::Clock::monotonic(&clock) < PATIENCE);
        }
    };
    let mut plain = server.connect();
    plain.write_all(KEEP_ALIVE.as_bytes()).unwrap();
    assert!(response_on(&mut plain).starts_with("HTTP/1.1 200 "));
    let (first, second) = (Identity::new(), Identity::of(rustls::ALL_VERSIONS, 2));
    set(first.policy());
    until(&|| server.get("/-/healthy").starts_with("HTTP/1.1 400 "));
    // The open connection is not encrypted.
    plain.write_all(KEEP_ALIVE.as_bytes()).unwrap();
    assert!(rest_of(&mut plain).contains("HTTPS only"));
    let mut client = first.client(server.connect());
    client.write_all(KEEP_ALIVE.as_bytes()).unwrap();
    client.read_exact(&mut [0; 10]).unwrap();
    set(second.policy());
    until(&|| {
        let mut client = second.client(server.connect());
        client.write_all(GET.as_bytes()).is_ok() && client.read_exact(&mut [0]).is_ok()
    });
    // The open connection responds once more.
    client.write_all(KEEP_ALIVE.as_bytes()).unwrap();
    assert!(rest_of(&mut client).contains("connection: close"));
    set(Policy::default());
    until(&|| server.get("/-/healthy").starts_with("HTTP/1.1 200 "));
}
