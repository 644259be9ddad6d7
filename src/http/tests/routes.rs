//! What each path answers.

use super::*;

#[test]
fn metrics_are_in_text_format() {
    let server = Server::start();
    let answer = server.get("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(
        header(&answer, "content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(header(&answer, "cache-control"), Some("no-store"));
    assert_eq!(body(&answer), "# HELP up h\n# TYPE up gauge\nup 1\n");
}

#[test]
fn a_scrape_is_told_with_its_size() {
    let server = Server::start();
    let size = body(&server.get("/metrics")).len();
    let is_scrape = |event: &Event| matches!(event, Event::Scraped { bytes, .. } if *bytes == size);
    server.seen.wait_for(1, is_scrape);
}

#[test]
fn a_query_does_not_hide_the_page() {
    let server = Server::start();
    assert!(server.get("/metrics?name=up").starts_with("HTTP/1.1 200 "));
}

#[test]
fn another_client_reads_the_metrics_too() {
    let server = Server::start();
    let mut answer = ureq::get(format!("http://{}/metrics", server.address))
        .call()
        .unwrap();
    assert!(
        answer
            .body_mut()
            .read_to_string()
            .unwrap()
            .contains("up 1\n")
    );
}

#[test]
fn health_is_always_ok() {
    let server = Server::start();
    let answer = server.get("/-/healthy");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(body(&answer), "ok\n");
}

#[test]
fn readiness_follows_the_flag() {
    let server = Server::start();
    assert!(server.get("/-/ready").starts_with("HTTP/1.1 503 "));
    server.ready.set(true);
    assert!(server.get("/-/ready").starts_with("HTTP/1.1 200 "));
    server.ready.set(false);
    assert!(server.get("/-/ready").starts_with("HTTP/1.1 503 "));
}

#[test]
fn the_landing_page_is_locked_down() {
    let server = Server::start();
    let answer = server.get("/");
    assert_eq!(
        header(&answer, "content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = header(&answer, "content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
    assert!(body(&answer).starts_with("<!DOCTYPE html>"));
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start();
    server.ready.set(true);
    for page in Page::SERVED {
        let path = page.path();
        let get = server.get(path);
        let head = server.exchange(format!(
            "HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(body(&head), "");
        assert_eq!(
            header(&head, "content-length"),
            Some(&*body(&get).len().to_string())
        );
        assert_eq!(header(&head, "content-type"), header(&get, "content-type"));
    }
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let server = Server::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        for page in Page::SERVED {
            let path = page.path();
            let answer = server.exchange(format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            ));
            assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
            assert_eq!(header(&answer, "allow"), Some("GET, HEAD"));
        }
    }
}

#[test]
fn an_unknown_path_is_told_which_ones_there_are() {
    let server = Server::start();
    for path in [
        "/metric",
        "/metrics/",
        "//metrics",
        "/-/reload",
        "/%6detrics",
        "*",
    ] {
        let answer = server.get(path);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert_eq!(
            header(&answer, "content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(
            body(&answer),
            "not found; there are\n/\n/metrics\n/-/healthy\n/-/ready\n"
        );
    }
}

#[test]
fn requests_are_told_by_page_and_status_never_by_their_text() {
    let server = Server::start();
    server.get("/metrics");
    server.get("/secret");
    let answered = |page, status| Event::Answered { page, status };
    server
        .seen
        .wait_for(1, |event| *event == answered(Page::Metrics, 200));
    server
        .seen
        .wait_for(1, |event| *event == answered(Page::Other, 404));
    assert_eq!(Page::Other.path(), "<other>");
}

#[test]
fn pages_have_distinct_paths_that_lead_back() {
    for page in Page::SERVED {
        assert_eq!(Page::at(page.path()), page);
    }
    assert_eq!(Page::at(Page::Other.path()), Page::Other);
}
