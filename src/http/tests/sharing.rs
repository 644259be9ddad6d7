//! Tests of requests that share a scrape.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::stop::held;
use super::*;

fn request_metrics(server: &Server) -> TcpStream {
    request_metrics_as(server, "text/plain", "")
}

fn request_metrics_as(server: &Server, accept: &str, query: &str) -> TcpStream {
    let mut stream = server.connect();
    write!(
        stream,
        "GET /metrics{query} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream
}

fn is_scrape(event: &HttpEvent) -> bool {
    matches!(event, HttpEvent::Scraped { .. })
}

#[test]
fn requests_during_a_scrape_share_the_next_one() {
    let (scrape, has_begun, let_go) = held();
    let server = Server::with(scrape, Limits::default());
    let mut first = request_metrics(&server);
    has_begun.recv_timeout(PATIENCE).unwrap();
    let mut later: Vec<TcpStream> = (0..5).map(|_| request_metrics(&server)).collect();
    // These connections were accepted after the five, so the requests of those have been read.
    for _ in 0..2 {
        assert!(server.get("/-/healthy").ends_with("ok\n"));
    }
    let_go.send(()).unwrap();
    assert!(rest_of(&mut first).ends_with("up 1\n"));
    has_begun.recv_timeout(PATIENCE).unwrap();
    let_go.send(()).unwrap();
    for stream in &mut later {
        assert!(rest_of(stream).ends_with("up 1\n"));
    }
    server.seen.wait_for(2, is_scrape);
    assert!(has_begun.try_recv().is_err(), "a third scrape was started");
}

#[test]
fn requests_in_different_forms_share_the_gathering() {
    let (scrape, has_begun, let_go) = held();
    let server = Server::with(scrape, Limits::default());
    let mut text = request_metrics(&server);
    has_begun.recv_timeout(PATIENCE).unwrap();
    let forms = [
        ("text/plain", "", "\nup 1\n"),
        ("application/openmetrics-text", "", "\nup 1\n# EOF\n"),
        ("text/plain", "?name[]=down", "\r\n\r\n"),
    ];
    let each = forms.iter().cycle().take(6);
    let mut later: Vec<(TcpStream, &str)> = each
        .map(|(accept, query, end)| (request_metrics_as(&server, accept, query), *end))
        .collect();
    for _ in 0..2 {
        assert!(server.get("/-/healthy").ends_with("ok\n"));
    }
    let_go.send(()).unwrap();
    assert!(rest_of(&mut text).ends_with("\nup 1\n"));
    has_begun.recv_timeout(PATIENCE).unwrap();
    let_go.send(()).unwrap();
    for (stream, end) in &mut later {
        assert!(rest_of(stream).ends_with(*end));
    }
    // One page of the first gathering, and one of each form of the second.
    server.seen.wait_for(4, is_scrape);
    assert!(
        has_begun.try_recv().is_err(),
        "a third gathering was started"
    );
    let events = server.seen.events.lock().unwrap();
    let pages = events.iter().filter(|event| is_scrape(event));
    assert_eq!(pages.count(), 4);
}

#[test]
fn a_client_that_does_not_wait_gets_its_response_in_time() {
    let (scrape, has_begun, let_go) = held();
    let server = Server::with(scrape, Limits::default());
    let mut stream = server.connect();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.01\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    let response = rest_of(&mut stream);
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    assert!(body(&response).contains("timeout of the scrape"));
    let_go.send(()).unwrap();
}

#[test]
fn a_request_after_a_scrape_gets_another_one() {
    let server = Server::start();
    server.get("/metrics");
    server.get("/metrics");
    server.seen.wait_for(2, is_scrape);
}

/// Counts the gatherings.
struct Counted(Arc<AtomicUsize>);

impl Scrape for Counted {
    fn families(&self) -> Families {
        self.0.fetch_add(1, Ordering::SeqCst);
        Families::default()
    }

    fn status(&self, _: &Families, _: Language) -> Status {
        Status::default()
    }
}

#[test]
fn open_pages_share_one_gathering_a_second() {
    let gatherings = Arc::new(AtomicUsize::new(0));
    let server = Server::with(Counted(Arc::clone(&gatherings)), Limits::default());
    let clock = SystemClock::new();
    let began = clock.monotonic();
    for _ in 0..50 {
        for page in ["/", "/api/v1/status"] {
            assert!(server.get(page).starts_with("HTTP/1.1 200 "));
        }
    }
    let seconds = clock.monotonic().saturating_sub(began).as_secs();
    let most = 2 * (seconds + 1);
    let gathered = gatherings.load(Ordering::SeqCst);
    assert!(gathered as u64 <= most, "{gathered} in {seconds} s");
    // They are not scrapes, whose duration is measured.
    assert_eq!(server.seen.count(HttpEvent::Opened), 100);
    let events = server.seen.events.lock().unwrap();
    assert!(!events.iter().any(is_scrape));
}
