//! Tests of the names to which pages answer.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Signal;

use crate::lifecycle::{configuration, run_configured};
use crate::support::Daemon;

/// Requests for pages that a browser shows, and orders.
const FOR_PEOPLE: [&str; 4] = ["GET /", "HEAD /", "GET /api/v1/status", "POST /-/reload"];
/// Requests of Prometheus and of probes.
const FOR_PROGRAMS: [&str; 4] = [
    "GET /metrics",
    "GET /-/healthy",
    "GET /-/ready",
    "HEAD /metrics",
];

/// Starts a daemon that takes orders, listens on TCP and on `web.sock`, and has these lines more in `[web]`.
fn start(dir: &Path, web: &str) -> Daemon {
    let socket = dir.join("web.sock");
    let listen = format!("\"127.0.0.1:0\", \"unix:{}\"", socket.display());
    let config = configuration(dir).replace("\"127.0.0.1:0\"", &listen);
    let web = format!("[web]\nenable_lifecycle = true\n{web}\n");
    let config = config.replacen("[web]\n", &web, 1);
    fs::write(dir.join("config.toml"), config).unwrap();
    Daemon::start(dir, run_configured(dir))
}

/// Returns the response to a request under a name.
fn respond(mut stream: impl Read + Write, request: &str, host: &str) -> String {
    let request = format!("{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn ask(daemon: &Daemon, request: &str, host: &str) -> String {
    let stream = TcpStream::connect(daemon.socket()).unwrap();
    respond(stream, request, host)
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or("none")
}

#[test]
fn a_name_of_another_site_reaches_no_page_for_people() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = start(dir.path(), "hosts = [\"metrics.example.org\"]");
    let rebound = "attacker.example:9914";
    for request in FOR_PEOPLE.into_iter().chain(["POST /-/quit"]) {
        let response = ask(&daemon, request, rebound);
        assert_eq!(status(&response), "421", "{request}");
        assert!(!response.contains("attacker"), "{response}");
        let is_head = request.starts_with("HEAD");
        assert!(is_head || response.contains("list the name in `hosts` of [web]"));
    }
    for request in FOR_PROGRAMS {
        assert_eq!(status(&ask(&daemon, request, rebound)), "200", "{request}");
    }
    for request in FOR_PEOPLE {
        for host in [
            daemon.socket(),
            "localhost:9914",
            "192.0.2.1",
            "[2001:db8::1]:9914",
            "Metrics.Example.org",
        ] {
            let response = ask(&daemon, request, host);
            assert_eq!(status(&response), "200", "{request} {host}");
        }
    }
    let own = daemon.scrape();
    let counted = own.value(
        "httplog_exporter_http_requests_total",
        &[("path", "/"), ("code", "421")],
    );
    assert_eq!(counted, Some(2.0));
}

#[test]
fn a_unix_socket_answers_to_every_name() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = start(dir.path(), "");
    for request in FOR_PEOPLE.into_iter().chain(FOR_PROGRAMS) {
        let stream = UnixStream::connect(dir.path().join("web.sock")).unwrap();
        let response = respond(stream, request, "exporter");
        assert_eq!(status(&response), "200", "{request}");
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
}
