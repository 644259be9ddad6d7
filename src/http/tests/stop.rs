//! Tests of the shutdown: graceful, within its deadline, and with its errors reported.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// Signals the start of a scrape, and waits for permission to finish it.
pub(super) struct Held {
    begun: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Scrape for Held {
    fn families(&self) -> Families {
        self.begun.send(()).unwrap();
        // A test that drops its end lets the scrape finish, too.
        let _ = self.go_on.lock().unwrap().recv();
        Gauge(1).families()
    }

    fn status(&self, _: &Families, _: Language) -> Status {
        Status::default()
    }
}

pub(super) fn held() -> (Held, Receiver<()>, Sender<()>) {
    let (begun, has_begun) = channel();
    let (let_go, go_on) = channel();
    let go_on = Mutex::new(go_on);
    (Held { begun, go_on }, has_begun, let_go)
}

#[test]
fn a_response_in_progress_is_finished() {
    let (scrape, has_begun, let_go) = held();
    let limits = Limits {
        stop: PATIENCE,
        ..Limits::default()
    };
    let mut server = Server::with(scrape, limits);
    let mut stream = server.connect();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    server.request_stop();
    // The listener is closed first.
    while TcpStream::connect(server.address).is_ok() {
        std::thread::yield_now();
    }
    let_go.send(()).unwrap();
    assert!(rest_of(&mut stream).ends_with("up 1\n"));
    server.join().unwrap();
}

#[test]
fn a_response_that_takes_too_long_is_cut_off() {
    let (scrape, has_begun, let_go) = held();
    let limits = Limits {
        stop: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut server = Server::with(scrape, limits);
    let mut stream = server.connect();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    server.request_stop();
    assert_eq!(rest_of(&mut stream), "");
    drop(let_go);
    server.join().unwrap();
}

#[test]
fn an_idle_connection_does_not_delay_the_stop() {
    let limits = Limits {
        idle: PATIENCE * 4,
        head: PATIENCE * 4,
        stop: PATIENCE * 4,
        ..Limits::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    let socket = Address::Unix(path.clone());
    let mut server = Server::on("127.0.0.1:0", Gauge(1), limits, &[socket]);
    let mut used = server.connect();
    used.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert!(response_on(&mut used).ends_with("ok\n"));
    // Over TCP, the kernel would hold it back.
    let mut unused = UnixStream::connect(&path).unwrap();
    server.request_stop();
    assert_eq!(rest_of(&mut used), "");
    assert_eq!(rest_of(&mut unused), "");
    server.join().unwrap();
    assert_eq!(server.seen.count(HttpEvent::Closed), 1);
}

#[test]
fn clients_that_wait_for_room_do_not_delay_the_stop() {
    let (scrape, has_begun, let_go) = held();
    let limits = Limits {
        connections: 1,
        stall: PATIENCE * 4,
        stop: PATIENCE * 4,
        ..Limits::default()
    };
    let mut server = Server::with(scrape, limits);
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let connect = || {
        let mut stream = server.connect();
        stream.write_all(request).unwrap();
        stream
    };
    let mut first = connect();
    has_begun.recv_timeout(PATIENCE).unwrap();
    let waiting: Vec<_> = (0..100).map(|_| connect()).collect();
    server.request_stop();
    for mut stream in waiting {
        assert_eq!(rest_of(&mut stream), "");
    }
    assert!(TcpStream::connect(server.address).is_err());
    let_go.send(()).unwrap();
    assert!(rest_of(&mut first).ends_with("up 1\n"));
    server.join().unwrap();
}

#[test]
fn every_connection_has_ended_when_serve_returns() {
    let mut server = Server::start();
    server.get("/metrics");
    server.join().unwrap();
    assert_eq!(
        server.seen.count(HttpEvent::Opened),
        server.seen.count(HttpEvent::Closed)
    );
    assert!(TcpStream::connect(server.address).is_err());
}
