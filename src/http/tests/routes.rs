//! Responses of each path.

use super::*;

const PAGES: [&str; 5] = ["/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready"];

#[test]
fn metrics_are_in_text_format() {
    let server = Server::start();
    let response = server.get("/metrics");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(
        header(&response, "content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    assert_eq!(body(&response), "# HELP up h\n# TYPE up gauge\nup 1\n");
}

#[test]
fn a_scraper_gets_the_format_that_it_asks_for() {
    let server = Server::start();
    let response = server.exchange(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain;q=0.5\r\n\
         Accept: application/openmetrics-text;version=1.0.0\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(
        header(&response, "content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert_eq!(header(&response, "vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(
        body(&response),
        "# TYPE up gauge\n# HELP up h\nup 1\n# EOF\n"
    );
}

#[test]
fn a_page_is_compressed_for_a_client_that_accepts_it() {
    let server = Server::with(Gauge(100_000), Limits::default());
    let mut stream = server.connect();
    let request =
        "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    let head = response.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, compressed) = response.split_at(head.unwrap() + 4);
    let head = str::from_utf8(head).unwrap();
    assert_eq!(header(head, "content-encoding"), Some("gzip"));
    let length = compressed.len().to_string();
    assert_eq!(header(head, "content-length"), Some(&*length));
    assert!(compressed.len() < 1_000);
    let mut page = String::new();
    let mut decoder = flate2::read::GzDecoder::new(compressed);
    decoder.read_to_string(&mut page).unwrap();
    let plain = server.get("/metrics");
    assert_eq!(header(&plain, "content-encoding"), None);
    assert_eq!(page, body(&plain));
}

#[test]
fn only_named_families_are_served() {
    let server = Server::start();
    let named = |query: &str| server.get(&format!("/metrics{query}"));
    assert_eq!(body(&named("?name[]=up&name[]=x")), body(&named("")));
    assert_eq!(body(&named("?name%5B%5D=other")), "");
}

#[test]
fn a_scrape_is_reported() {
    let server = Server::start();
    server.get("/metrics");
    let is_scrape = |event: &HttpEvent| matches!(event, HttpEvent::Scraped { .. });
    server.seen.wait_for(1, is_scrape);
}

#[test]
fn a_query_does_not_hide_the_page() {
    let server = Server::start();
    assert!(server.get("/metrics?name=up").starts_with("HTTP/1.1 200 "));
}

#[test]
fn an_http_client_library_reads_the_metrics() {
    let server = Server::start();
    let mut response = ureq::get(format!("http://{}/metrics", server.address))
        .call()
        .unwrap();
    assert!(
        response
            .body_mut()
            .read_to_string()
            .unwrap()
            .contains("up 1\n")
    );
}

#[test]
fn health_is_always_ok() {
    let server = Server::start();
    let response = server.get("/-/healthy");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(body(&response), "ok\n");
}

#[test]
fn readiness_is_reported_with_its_reason() {
    let server = Server::start();
    let check = |status: &str, json: &str| {
        let response = server.get("/-/ready");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")));
        assert_eq!(header(&response, "content-type"), Some("application/json"));
        assert_eq!(body(&response), json);
    };
    check("503", "{\"ready\":false}\n");
    server.ready.set(true, "{\"ready\":true}\n");
    check("200", "{\"ready\":true}\n");
    server.ready.set(false, "{\"stopping\":true}\n");
    check("503", "{\"stopping\":true}\n");
}

#[test]
fn the_page_for_people_is_locked_down() {
    let server = Server::start();
    let response = server.get("/");
    assert_eq!(
        header(&response, "content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = header(&response, "content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(&response, "referrer-policy"), Some("no-referrer"));
    assert!(policy.contains("; script-src 'sha256-"), "{policy}");
    assert!(body(&response).starts_with("<!DOCTYPE html>"));
}

#[test]
fn the_page_for_people_is_in_their_language() {
    let server = Server::start();
    let response = server.exchange(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Language: fr-FR,en;q=0.5\r\n\r\n",
    );
    assert!(body(&response).contains("<html lang=\"fr\">"));
    let varies = header(&response, "vary");
    assert_eq!(varies, Some("Accept-Language, Accept-Encoding"));
    assert!(body(&server.get("/")).contains("<html lang=\"en\">"));
}

#[test]
fn the_status_is_json() {
    let server = Server::start();
    let response = server.get("/api/v1/status");
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    let status: Status = serde_json::from_str(body(&response)).unwrap();
    assert_eq!(status, Status::default());
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start();
    server.ready.set(true, "ready\n");
    for path in PAGES {
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
fn other_methods_get_the_allowed_ones() {
    let server = Server::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        for path in PAGES {
            let response = server.exchange(format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            ));
            assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
            assert_eq!(header(&response, "allow"), Some("GET, HEAD"));
        }
    }
}

#[test]
fn an_unknown_path_gets_the_list_of_pages() {
    let server = Server::start();
    for path in [
        "/metric",
        "/metrics/",
        "//metrics",
        "/-/reloa",
        "/%6detrics",
        "*",
    ] {
        let response = server.get(path);
        assert!(response.starts_with("HTTP/1.1 404 "), "{path}: {response}");
        assert_eq!(
            header(&response, "content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(
            body(&response),
            "not found; the pages are\n/\n/metrics\n/api/v1/status\n/-/healthy\n/-/ready\n"
        );
    }
}

#[test]
fn requests_are_reported_by_page_and_status_without_their_text() {
    let server = Server::start();
    server.get("/metrics");
    server.get("/secret");
    let responded = |page, status| HttpEvent::Responded { page, status };
    server
        .seen
        .wait_for(1, |event| *event == responded(Page::Metrics, 200));
    server
        .seen
        .wait_for(1, |event| *event == responded(Page::Other, 404));
}

/// Records orders; a reload fails with this error.
#[derive(Default)]
struct Orders {
    given: Mutex<Vec<&'static str>>,
    error: Option<&'static str>,
}

impl Lifecycle for Orders {
    fn reload(&self) -> oneshot::Receiver<ReloadOutcome> {
        self.given.lock().unwrap().push("reload");
        let (outcome, receiver) = oneshot::channel();
        let _ = outcome.send(self.error.map_or(Ok(()), |error| Err(error.to_owned())));
        receiver
    }

    fn quit(&self) {
        self.given.lock().unwrap().push("quit");
    }
}

fn order(server: &Server, method: &str, path: &str, header: &str) -> String {
    server.exchange(format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\n{header}Connection: close\r\n\r\n"
    ))
}

#[test]
fn orders_are_obeyed_and_their_outcome_is_the_response() {
    let orders = Arc::<Orders>::default();
    let server = Server::obeying(orders.clone());
    let response = order(&server, "POST", "/-/reload", "");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert_eq!(body(&response), "reloaded\n");
    let response = order(&server, "PUT", "/-/quit", "Content-Length: 0\r\n");
    assert_eq!(body(&response), "shutting down\n");
    assert_eq!(*orders.given.lock().unwrap(), ["reload", "quit"]);

    let failing = Orders {
        error: Some("2 errors in c.toml"),
        ..Orders::default()
    };
    let server = Server::obeying(Arc::new(failing));
    let response = order(&server, "POST", "/-/reload", "");
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    assert_eq!(body(&response), "2 errors in c.toml\n");
}

#[test]
fn orders_are_refused_unless_they_are_enabled_and_to_other_methods_and_browsers() {
    let server = Server::start();
    for path in ["/-/reload", "/-/quit"] {
        let response = order(&server, "POST", path, "");
        assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
        assert!(body(&response).contains("enable_lifecycle"));
    }
    let orders = Arc::<Orders>::default();
    let server = Server::obeying(orders.clone());
    for path in ["/-/reload", "/-/quit"] {
        for method in ["GET", "HEAD", "DELETE"] {
            let response = order(&server, method, path, "");
            assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
            assert_eq!(header(&response, "allow"), Some("POST, PUT"));
        }
        let response = order(&server, "POST", path, "Origin: http://x\r\n");
        assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
    }
    assert!(orders.given.lock().unwrap().is_empty());
}
