//! Tests of connections and listeners.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::*;
use crate::http::acceptor::SILENT;

#[test]
fn a_connection_serves_several_requests() {
    let server = Server::start();
    let mut stream = server.connect();
    for _ in 0..3 {
        stream
            .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        assert!(response_on(&mut stream).ends_with("ok\n"));
    }
    assert_eq!(server.seen.count(HttpEvent::Opened), 1);
}

#[test]
fn pipelined_requests_get_their_responses_in_sequence() {
    let server = Server::start();
    let responses = server.exchange(
        "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    let (first, second) = (
        responses.find("ok\n").unwrap(),
        responses.find("up 1\n").unwrap(),
    );
    assert!(first < second);
}

#[test]
fn a_client_that_shuts_down_its_side_still_gets_its_response() {
    let server = Server::start();
    let mut stream = server.connect();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest_of(&mut stream).ends_with("up 1\n"));
}

#[test]
fn every_opened_connection_is_closed() {
    let server = Server::start();
    for _ in 0..3 {
        server.get("/");
    }
    server.seen.wait_for(3, |event| *event == HttpEvent::Closed);
    assert_eq!(server.seen.count(HttpEvent::Opened), 3);
}

#[test]
fn a_unix_socket_is_served_beside_tcp_and_removed_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    let unix = Address::Unix(path.clone());
    let mut server = Server::on("127.0.0.1:0", Gauge(1), Limits::default(), &[unix]);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(rest_of(&mut stream).ends_with("up 1\n"));
    assert!(server.get("/metrics").ends_with("up 1\n"));
    server.join().unwrap();
    assert!(!path.exists());
}

#[test]
fn two_listeners_take_turns() {
    let second = Listener::bind(&"127.0.0.1:0".parse().unwrap(), None).unwrap();
    let address = second.local_address().clone();
    drop(second);
    let server = Server::on(
        "127.0.0.1:0",
        Gauge(1),
        Limits::default(),
        std::slice::from_ref(&address),
    );
    let Address::Ip(second) = address else {
        unreachable!()
    };
    for _ in 0..3 {
        assert!(server.get("/-/healthy").ends_with("ok\n"));
        let mut stream = TcpStream::connect(second).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        assert!(rest_of(&mut stream).ends_with("ok\n"));
    }
}

#[test]
fn loopback_of_ipv6_is_served() {
    // Absent on a machine without IPv6.
    if Listener::bind(&"[::1]:0".parse().unwrap(), None).is_ok() {
        let server = Server::on("[::1]:0", Gauge(1), Limits::default(), &[]);
        assert!(server.get("/-/healthy").ends_with("ok\n"));
    }
}

#[test]
fn a_request_of_http_1_1_needs_one_host() {
    let server = Server::start();
    let status = |head: &str| {
        let response = server.exchange(format!("{head}\r\n\r\n"));
        response.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    for (expected, head) in [
        (400, "GET /metrics HTTP/1.1"),
        (400, "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b"),
        (400, "GET http://a/metrics HTTP/1.1"),
        (400, "GET /metrics HTTP/1.1\r\nHost: a/b"),
        (
            200,
            "GET http://a/metrics HTTP/1.1\r\nHost: a\r\nConnection: close",
        ),
        (200, "GET /metrics HTTP/1.1\r\nHost:\r\nConnection: close"),
        (200, "GET /metrics HTTP/1.0"),
        (400, "GET /metrics HTTP/1.0\r\nHost: a\r\nHost: a"),
    ] {
        assert_eq!(status(head), expected, "{head}");
    }
    let refused = HttpEvent::Responded {
        page: Page::Metrics,
        status: 400,
    };
    server.seen.wait_for(5, |event| *event == refused);
}

#[test]
fn clients_that_leave_without_a_request_take_no_place() {
    let server = Server::start();
    for _ in 0..20 {
        drop(server.connect());
    }
    assert!(server.get("/-/healthy").ends_with("ok\n"));
    assert_eq!(server.seen.count(HttpEvent::Opened), 1);
}

#[test]
fn more_clients_than_the_usual_backlog_can_wait_to_be_accepted() {
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap(), None).unwrap();
    let Address::Ip(address) = *listener.local_address() else {
        unreachable!()
    };
    let clients: Vec<_> = (0..300)
        .map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(500)))
        .collect();
    assert!(clients.iter().all(Result::is_ok));
}

/// A silent client of a unix socket is accepted at once; one of TCP is held back by the kernel.
#[test]
fn silent_clients_take_no_place_and_the_oldest_makes_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    let limits = Limits {
        connections: 1,
        head: PATIENCE * 4,
        ..Limits::default()
    };
    let socket = Address::Unix(path.clone());
    let server = Server::on("127.0.0.1:0", Gauge(1), limits, &[socket]);
    let mut silent: Vec<UnixStream> = (0..=SILENT)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    server
        .seen
        .wait_for(1, |event| *event == HttpEvent::Displaced);
    assert_eq!(rest_of(&mut silent[0]), "");
    // The only place is free, and each of the others is served once it sends a request.
    assert!(server.get("/-/healthy").ends_with("ok\n"));
    for stream in [1, SILENT] {
        let request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        silent[stream].write_all(request).unwrap();
        assert!(rest_of(&mut silent[stream]).ends_with("ok\n"));
    }
    assert_eq!(server.seen.count(HttpEvent::Displaced), 1);
}

#[test]
fn a_client_that_stays_silent_is_disconnected() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    let limits = Limits {
        head: Duration::from_millis(20),
        ..Limits::default()
    };
    let socket = Address::Unix(path.clone());
    let server = Server::on("127.0.0.1:0", Gauge(1), limits, &[socket]);
    let mut silent = UnixStream::connect(&path).unwrap();
    assert_eq!(rest_of(&mut silent), "");
    assert_eq!(server.seen.count(HttpEvent::Opened), 0);
}
