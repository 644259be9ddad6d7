//! Limits on clients.

use super::stop::held;
use super::*;

const SHORT: Duration = Duration::from_millis(50);

/// Enough time for an honest head on a busy machine.
const HEAD: Duration = Duration::from_millis(500);

/// Bytes of a response that exceeds a socket's buffers, so that writing it needs a reader.
pub(super) const LONG: usize = 16 * 1024 * 1024;

fn cut_by_head() -> Server {
    Server::limited(Limits {
        head: HEAD,
        idle: PATIENCE * 2,
        ..Limits::default()
    })
}

#[test]
fn a_client_that_sends_nothing_is_cut_off() {
    let server = cut_by_head();
    assert_eq!(rest_of(&mut server.connect()), "");
}

#[test]
fn a_head_that_does_not_end_is_cut_off() {
    let server = cut_by_head();
    assert_eq!(server.exchange("GET /metrics HTTP/1.1\r\nHost:"), "");
}

#[test]
fn a_second_head_that_does_not_end_is_cut_off() {
    let server = cut_by_head();
    let mut stream = server.connect();
    stream
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert!(response_on(&mut stream).ends_with("ok\n"));
    stream.write_all(b"GET").unwrap();
    assert_eq!(rest_of(&mut stream), "");
}

#[test]
fn a_connection_may_idle_for_longer_than_a_head_may_take() {
    let server = Server::limited(Limits {
        head: HEAD,
        idle: PATIENCE * 2,
        ..Limits::default()
    });
    let mut stream = server.connect();
    let request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).unwrap();
    assert!(response_on(&mut stream).ends_with("ok\n"));
    // A connection opened after the response exceeds the head's deadline, this one does not.
    assert_eq!(rest_of(&mut server.connect()), "");
    stream.write_all(request).unwrap();
    assert!(response_on(&mut stream).ends_with("ok\n"));
}

#[test]
fn an_idle_connection_is_closed() {
    let server = Server::limited(Limits {
        idle: SHORT,
        ..Limits::default()
    });
    let mut stream = server.connect();
    stream
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert!(rest_of(&mut stream).ends_with("ok\n"));
}

#[test]
fn a_head_too_large_is_refused() {
    let server = Server::start();
    let field = "a".repeat(20 * 1024);
    let response = server.exchange(format!(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nX: {field}\r\n\r\n"
    ));
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
    let refused = HttpEvent::Responded {
        page: Page::Other,
        status: 431,
    };
    server.seen.wait_for(1, |event| *event == refused);
}

#[test]
fn a_target_too_long_is_refused() {
    let server = Server::start();
    let response = server.exchange(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20 * 1024)));
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
}

#[test]
fn too_many_header_fields_are_refused() {
    let server = Server::start();
    let with_fields = |count| {
        let fields = "X: y\r\n".repeat(count);
        server.exchange(format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n"
        ))
    };
    assert!(with_fields(62).starts_with("HTTP/1.1 200 "));
    assert!(with_fields(63).starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_body_is_not_waited_for() {
    let server = Server::start();
    let response = server.exchange(
        "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nfirst bytes",
    );
    assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
}

#[test]
fn a_body_announced_with_expect_is_not_requested() {
    let server = Server::start();
    let response = server.exchange(
        "GET /-/healthy HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    );
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

#[test]
fn the_oldest_connection_without_a_request_makes_room_and_one_whose_request_has_begun_stays() {
    let server = Server::limited(Limits {
        connections: 3,
        ..Limits::default()
    });
    let mut begun = server.connect();
    begun.write_all(b"GET /-/healthy HTTP/1.1\r\n").unwrap();
    server.seen.wait_for(1, |event| *event == HttpEvent::Opened);
    let [mut oldest, mut younger] = [(); 2].map(|()| {
        let mut idle = server.connect();
        let request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
        idle.write_all(request).unwrap();
        assert!(response_on(&mut idle).ends_with("ok\n"));
        idle
    });
    assert!(server.get("/-/healthy").ends_with("ok\n"));
    assert_eq!(rest_of(&mut oldest), "");
    assert_eq!(server.seen.count(HttpEvent::Displaced), 1);
    begun
        .write_all(b"Host: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(rest_of(&mut begun).ends_with("ok\n"));
    younger
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(rest_of(&mut younger).ends_with("ok\n"));
}

#[test]
fn a_new_connection_is_refused_while_all_others_are_working() {
    let (scrape, has_begun, let_go) = held();
    let limits = Limits {
        connections: 1,
        stall: SHORT,
        ..Limits::default()
    };
    let server = Server::with(scrape, limits);
    let mut first = server.connect();
    first
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    assert_eq!(server.get("/-/healthy"), "");
    assert_eq!(server.seen.count(HttpEvent::Refused), 1);
    let_go.send(()).unwrap();
    assert!(rest_of(&mut first).ends_with("up 1\n"));
}

#[test]
fn a_new_connection_waits_for_room() {
    let (scrape, has_begun, let_go) = held();
    let limits = Limits {
        connections: 1,
        stall: PATIENCE * 2,
        ..Limits::default()
    };
    let server = Server::with(scrape, limits);
    let mut first = server.connect();
    first
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    let mut newcomer = server.connect();
    newcomer
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let_go.send(()).unwrap();
    assert!(rest_of(&mut first).ends_with("up 1\n"));
    assert!(rest_of(&mut newcomer).ends_with("ok\n"));
}

/// Requests a long response and reads only its first byte, so that the connection stalls.
pub(super) fn stall(server: &Server) -> TcpStream {
    let mut stream = server.connect();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}

#[test]
fn stalled_clients_make_room() {
    let limits = Limits {
        connections: 2,
        write: PATIENCE * 2,
        ..Limits::default()
    };
    let server = Server::with(Gauge(LONG), limits);
    let mut first = stall(&server);
    let _second = stall(&server);
    assert!(server.get("/-/healthy").ends_with("ok\n"));
    assert!(rest_of(&mut first).len() < LONG);
    assert_eq!(server.seen.count(HttpEvent::Displaced), 1);
}

#[test]
fn a_stalled_client_is_cut_off_after_the_write_limit() {
    let limits = Limits {
        write: SHORT,
        ..Limits::default()
    };
    let server = Server::with(Gauge(LONG), limits);
    let mut stream = stall(&server);
    server.seen.wait_for(1, |event| *event == HttpEvent::Closed);
    assert!(rest_of(&mut stream).len() < LONG);
}

#[test]
fn a_client_that_reads_a_little_now_and_then_is_cut_off() {
    let limits = Limits {
        write: SHORT,
        write_bytes: LONG as u64,
        ..Limits::default()
    };
    let server = Server::with(Gauge(LONG), limits);
    let mut stream = stall(&server);
    assert!(rest_of_slowly(&server, &mut stream) < LONG);
}

#[test]
fn a_response_has_to_be_read_within_its_deadline() {
    let limits = Limits {
        response: SHORT * 2,
        write: PATIENCE * 2,
        ..Limits::default()
    };
    let server = Server::with(Gauge(LONG), limits);
    let mut stream = stall(&server);
    assert!(rest_of_slowly(&server, &mut stream) < LONG);
}

/// Reads a small piece between two requests of others, until the other side closes; returns the number of bytes.
fn rest_of_slowly(server: &Server, stream: &mut TcpStream) -> usize {
    let mut bytes = 0;
    let mut chunk = [0; 4 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        bytes += count;
        assert!(server.get("/-/healthy").ends_with("ok\n"));
    }
    bytes
}

#[test]
fn a_client_that_does_not_read_its_last_response_keeps_its_place_until_it_is_cut_off() {
    let limits = Limits {
        head: HEAD,
        ..Limits::default()
    };
    let server = Server::with(Gauge(100_000), limits);
    let mut stream = server.connect();
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    stream.read_exact(&mut [0]).unwrap();
    assert_eq!(server.seen.count(HttpEvent::Closed), 0);
    server.seen.wait_for(1, |event| *event == HttpEvent::Closed);
}

#[test]
fn a_client_that_closed_its_side_reads_the_whole_response_late() {
    let server = Server::with(Gauge(100_000), Limits::default());
    let mut stream = server.connect();
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // Everything was sent once the next request, which came later, has its response.
    assert!(server.get("/-/healthy").ends_with("ok\n"));
    assert!(rest_of(&mut stream).ends_with("up 1\n"));
}

#[test]
fn garbage_gets_an_error_or_is_cut_off_and_the_next_client_is_served() {
    let server = cut_by_head();
    let garbage: [&[u8]; 12] = [
        b"\0\0\0\0\r\n\r\n",
        b"\xff\xfe\xfd\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET  /metrics  HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n",
    ];
    for request in garbage {
        let response = server.exchange(request);
        let acceptable = [
            "",
            "HTTP/1.1 400 ",
            "HTTP/1.1 404 ",
            "HTTP/1.1 200 ",
            "HTTP/1.1 405 ",
        ];
        assert!(
            acceptable.iter().any(|start| response.starts_with(start)),
            "{request:?}: {response}"
        );
    }
    assert!(server.get("/-/healthy").ends_with("ok\n"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_target_makes_the_server_fail(target in "[/*]?[!-~]{0,40}") {
        let server = cut_by_head();
        let _ = server.get(&target);
        let _ = server.exchange(format!("OPTIONS {target} HTTP/1.1\r\nConnection: close\r\n\r\n"));
        assert!(server.get("/-/healthy").ends_with("ok\n"));
    }
}
