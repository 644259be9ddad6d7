//! Tests of requests that share a scrape.

use super::stop::held;
use super::*;

fn request_metrics(server: &Server) -> TcpStream {
    request_metrics_as(server, "text/plain")
}

fn request_metrics_as(server: &Server, accept: &str) -> TcpStream {
    let mut stream = server.connect();
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
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
fn requests_share_a_scrape_of_their_format_only() {
    let (scrape, has_begun, let_go) = held();
    let server = Server::with(scrape, Limits::default());
    let mut text = request_metrics(&server);
    has_begun.recv_timeout(PATIENCE).unwrap();
    let formats = ["text/plain", "application/openmetrics-text"];
    let each = formats.iter().cycle().take(4);
    let mut later: Vec<TcpStream> = each
        .map(|format| request_metrics_as(&server, format))
        .collect();
    for _ in 0..2 {
        assert!(server.get("/-/healthy").ends_with("ok\n"));
    }
    let_go.send(()).unwrap();
    assert!(rest_of(&mut text).ends_with("\nup 1\n"));
    for _ in 0..2 {
        has_begun.recv_timeout(PATIENCE).unwrap();
        let_go.send(()).unwrap();
    }
    for (nth, stream) in later.iter_mut().enumerate() {
        let end = if nth % 2 == 0 {
            "\nup 1\n"
        } else {
            "\nup 1\n# EOF\n"
        };
        assert!(rest_of(stream).ends_with(end));
    }
    server.seen.wait_for(3, is_scrape);
    assert!(has_begun.try_recv().is_err(), "a fourth scrape was started");
}

#[test]
fn a_request_after_a_scrape_gets_another_one() {
    let server = Server::start();
    server.get("/metrics");
    server.get("/metrics");
    server.seen.wait_for(2, is_scrape);
}
