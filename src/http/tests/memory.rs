//! Tests of the memory that responses hold, whatever clients do.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::{LONG, stall};
use super::stop::held;
use super::*;

/// Room for two pages of [`LONG`].
const TWO_PAGES: Limits = Limits {
    response_bytes: 2 * LONG + LONG / 4,
    write: PATIENCE.saturating_mul(2),
    response: PATIENCE.saturating_mul(2),
    ..DEFAULT
};
const DEFAULT: Limits = Limits {
    connections: 512,
    response_bytes: 0,
    stall: Duration::ZERO,
    shared: PATIENCE.saturating_mul(2),
    pace: Duration::from_secs(10),
    head: Duration::from_secs(5),
    idle: Duration::from_secs(30),
    write: Duration::from_secs(10),
    write_bytes: 0,
    response: Duration::from_mins(1),
    stop: Duration::from_secs(5),
};

fn scrapes(server: &Server) -> usize {
    let events = server.seen.events.lock().unwrap();
    let is_scrape = |event: &&HttpEvent| matches!(event, HttpEvent::Scraped { .. });
    events.iter().filter(is_scrape).count()
}

#[test]
fn clients_that_do_not_keep_up_are_disconnected_when_memory_is_short() {
    // Every client that has not read everything is behind at once.
    let limits = Limits {
        pace: Duration::from_nanos(1),
        ..TWO_PAGES
    };
    let server = Server::with(Gauge(LONG), limits);
    let mut first = stall(&server);
    let _second = stall(&server);
    assert!(server.get("/metrics").ends_with("up 1\n"));
    assert!(rest_of(&mut first).len() < LONG);
    assert_eq!(server.seen.count(HttpEvent::Displaced), 1);
    assert_eq!(scrapes(&server), 3);
}

#[test]
fn a_page_is_shared_when_memory_is_held_by_clients_that_keep_up() {
    let limits = Limits {
        stall: PATIENCE * 2,
        ..TWO_PAGES
    };
    let server = Server::with(Gauge(LONG), limits);
    let mut reading = [stall(&server), stall(&server)];
    for _ in 0..3 {
        assert!(server.get("/metrics").ends_with("up 1\n"));
    }
    assert_eq!(scrapes(&server), 2);
    for stream in &mut reading {
        assert!(response_rest(stream).ends_with(b"up 1\n"));
    }
}

#[test]
fn a_page_too_old_to_be_shared_is_refused_with_a_time_to_retry() {
    let limits = Limits {
        stall: Duration::from_millis(20),
        pace: PATIENCE * 1000,
        shared: Duration::ZERO,
        ..TWO_PAGES
    };
    let server = Server::with(Gauge(LONG), limits);
    let mut reading = [stall(&server), stall(&server)];
    // At most the second page, as long as it is younger than `stall`.
    let mut refused = server.get("/metrics");
    while refused.starts_with("HTTP/1.1 200 ") {
        refused = server.get("/metrics");
    }
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert_eq!(header(&refused, "retry-after"), Some("1"));
    for stream in &mut reading {
        assert!(response_rest(stream).ends_with(b"up 1\n"));
    }
    assert!(server.get("/metrics").ends_with("up 1\n"));
}

/// Reads the rest of a long response, whose last line ends with `1`.
fn response_rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 20];
    while !bytes.ends_with(b"up 1\n") {
        match stream.read(&mut chunk).unwrap() {
            0 => break,
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    bytes
}

/// Counts the scrapes that run at the same time.
struct Concurrent<S> {
    scrape: S,
    running: AtomicUsize,
}

impl<S: Scrape> Scrape for Concurrent<S> {
    fn families(&self) -> Families {
        let others = self.running.fetch_add(1, Ordering::SeqCst);
        let families = self.scrape.families();
        self.running.fetch_sub(1, Ordering::SeqCst);
        assert_eq!(others, 0, "two scrapes run at the same time");
        families
    }

    fn status(&self, families: &Families, language: Language) -> Status {
        self.scrape.status(families, language)
    }
}

#[test]
fn an_encoding_whose_client_has_gone_is_finished_before_the_next_one() {
    let (scrape, has_begun, let_go) = held();
    let scrape = Concurrent {
        scrape,
        running: AtomicUsize::new(0),
    };
    let server = Server::with(scrape, Limits::default());
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut gone = server.connect();
    gone.write_all(request).unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    drop(gone);
    let mut later: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut later {
        stream.write_all(request).unwrap();
    }
    // These requests came after the three, which therefore wait.
    for _ in 0..2 {
        assert!(server.get("/-/healthy").ends_with("ok\n"));
    }
    assert!(has_begun.try_recv().is_err(), "a second scrape has begun");
    let_go.send(()).unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    let_go.send(()).unwrap();
    for stream in &mut later {
        assert!(rest_of(stream).ends_with("up 1\n"));
    }
    assert_eq!(scrapes(&server), 2);
}
