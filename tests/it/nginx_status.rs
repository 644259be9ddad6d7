//! Tests of `[[nginx_status]]` with pages that are slow, wrong, huge, cut or missing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use httplog_exporter::clock::{Clock as _, SystemClock};
use httplog_exporter::status::{Severity, Status};
use rustix::process::Signal;

use crate::recorded::line;
use crate::support::{Daemon, append, project, run, until};
use crate::troubles::config;

const STUB: &str = "Active connections: 3 \nserver accepts handled requests\n 7 6 9 \nReading: 0 Writing: 1 Waiting: 2 \n";

/// A server that sends the same bytes to each client.
struct Server {
    address: String,
    response: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server that responds with these bytes. With none, connections stay open without a response.
    fn start(response: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/stub_status", listener.local_addr().unwrap());
        let response = Arc::new(Mutex::new(response.into()));
        let requests = Arc::<AtomicUsize>::default();
        let (sent, counted) = (Arc::clone(&response), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (sent, counted) = (Arc::clone(&sent), Arc::clone(&counted));
                thread::spawn(move || respond(&stream.unwrap(), &sent, &counted));
            }
        });
        Self {
            address,
            response,
            requests,
        }
    }

    fn table(&self) -> String {
        table(&self.address)
    }

    fn respond_with(&self, response: impl Into<Vec<u8>>) {
        *self.response.lock().unwrap() = response.into();
    }
}

fn respond(mut stream: &TcpStream, response: &Mutex<Vec<u8>>, requests: &AtomicUsize) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(got) => request.extend_from_slice(&part[..got]),
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let response = response.lock().unwrap().clone();
    if response.is_empty() {
        // Waits until the client leaves.
        let _ = stream.read(&mut part);
        return;
    }
    // The client may have seen enough.
    let _ = stream.write_all(&response);
}

fn table(url: &str) -> String {
    format!("\n[[nginx_status]]\nurl = '{url}'\n")
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Returns the samples of nginx's families.
fn samples(page: &str) -> Vec<&str> {
    page.lines()
        .filter(|line| line.starts_with("nginx_"))
        .collect()
}

fn status(daemon: &Daemon) -> Status {
    serde_json::from_str(&daemon.get("/api/v1/status").unwrap()).unwrap()
}

#[test]
fn a_page_is_served_under_the_names_of_the_other_exporter() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(ok(STUB));
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), &server.table()));
    let page = daemon.metrics();
    let expected = fs::read_to_string(project("fixtures/nginx_status/one.txt")).unwrap();
    let nginx: Vec<_> = page
        .lines()
        .filter(|line| line.contains("nginx_"))
        .collect();
    assert_eq!(nginx, expected.lines().collect::<Vec<_>>());
    assert!(!daemon.said().contains("stub"), "{}", daemon.said());
    // Neither a line nor a wait requests it.
    let requests = server.requests.load(Ordering::SeqCst);
    append(&dir.path().join("access.log"))
        .write_all(line("GET", 200).as_bytes())
        .unwrap();
    daemon.get("/-/ready").unwrap();
    assert_eq!(server.requests.load(Ordering::SeqCst), requests);
}

#[test]
fn everything_else_is_down_and_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(ok(STUB));
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), &server.table()));
    let huge = format!("{STUB}{}", "x".repeat(1 << 20));
    let cases: [(Vec<u8>, &str); 9] = [
        (Vec::new(), "within 250ms"),
        (
            ok("<html>Welcome to nginx!</html>").into(),
            "is not a stub status page",
        ),
        (ok(&huge).into(), "more than 4096 bytes"),
        (ok(STUB)[..60].into(), "no complete response"),
        (
            ok(&STUB[..40]).replace(": 40", ": 106").into(),
            "no complete response",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
            "it responds with 404 Not Found",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".into(),
            "it responds with 403 Forbidden",
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .into(),
            "it responds with 301",
        ),
        ("SSH-2.0-x\r\n".into(), "no complete response"),
    ];
    for (at, (response, reason)) in cases.into_iter().enumerate() {
        server.respond_with(ok(STUB));
        assert!(daemon.metrics().contains("\nnginx_up 1\n"));
        server.respond_with(response);
        for _ in 0..3 {
            assert_eq!(samples(&daemon.metrics()), ["nginx_up 0"], "{reason}");
        }
        let said = daemon.said();
        let down = said.matches("no metrics from nginx's ").count();
        let up = said.matches("metrics from nginx's ").count() - down;
        assert_eq!((down, up), (at + 1, at), "{said}");
        assert!(
            said.lines().last().unwrap().contains(reason),
            "{reason} in\n{said}"
        );
        // A status is shared for a second: two of the cases suffice.
        if at != 0 && at != 5 {
            continue;
        }
        until(|| {
            let troubles = status(&daemon).troubles;
            let mut details = troubles
                .iter()
                .filter_map(|trouble| trouble.detail.as_ref());
            let is_shown = details.any(|detail| detail.contains(reason));
            is_shown.then_some(()).ok_or(format!("{troubles:?}"))
        });
        let status = status(&daemon);
        let trouble = status
            .troubles
            .iter()
            .find(|trouble| trouble.code == "nginx_down")
            .unwrap();
        assert_eq!(trouble.severity, Severity::Warning);
        assert!(
            trouble.summary.contains(&server.address),
            "{}",
            trouble.summary
        );
        assert!(
            trouble.detail.as_ref().unwrap().contains(reason),
            "{trouble:?}"
        );
    }
    server.respond_with(ok(STUB));
    until(|| {
        let codes = status(&daemon).troubles;
        let is_gone = codes.iter().all(|trouble| trouble.code != "nginx_down");
        is_gone.then_some(()).ok_or("still down".to_owned())
    });
}

#[test]
fn slow_pages_delay_a_scrape_together_and_by_a_quarter_of_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let servers: Vec<Server> = (0..8).map(|_| Server::start("")).collect();
    let tables: String = servers.iter().map(Server::table).collect();
    let good = Server::start(ok(STUB));
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), &(tables + &good.table())));
    let clock = SystemClock::new();
    // One after the other, they would take two seconds.
    let least = (0..5)
        .map(|_| {
            let before = clock.monotonic();
            let page = daemon.metrics();
            let up = format!("nginx_up{{addr=\"{}\"}} 1", good.address);
            assert!(page.contains(&up), "{page}");
            assert_eq!(page.matches("\nnginx_up{").count(), 9);
            clock.monotonic().saturating_sub(before)
        })
        .min();
    assert!(least.unwrap().as_millis() < 1_500, "{least:?}");
    // Scrapes at once share their requests, and what is given up leaves no connection.
    let before = good.requests.load(Ordering::SeqCst);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| daemon.metrics());
        }
    });
    let requests = good.requests.load(Ordering::SeqCst) - before;
    assert!(requests <= 10, "{requests}");
    until(|| {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", daemon.id()))
            .unwrap()
            .count();
        (descriptors < 40)
            .then_some(())
            .ok_or(format!("{descriptors} descriptors"))
    });
}

#[test]
fn a_reload_replaces_the_pages() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Server::start(ok(STUB)), Server::start(ok(STUB)));
    let without = config(dir.path(), "");
    let daemon = Daemon::configured(dir.path(), &without);
    assert_eq!(samples(&daemon.metrics()), [""; 0]);
    let reload = |tables: &str, expected: &[&str]| {
        fs::write(dir.path().join("config.toml"), format!("{without}{tables}")).unwrap();
        daemon.signal(Signal::HUP);
        until(|| {
            let page = daemon.metrics();
            let up: Vec<_> = page
                .lines()
                .filter(|line| line.starts_with("nginx_up"))
                .collect();
            (up == expected).then_some(()).ok_or(format!("{up:?}"))
        });
    };
    reload(&one.table(), &["nginx_up 1"]);
    let both = [&one, &other].map(|server| format!("nginx_up{{addr=\"{}\"}} 1", server.address));
    let mut both = both.each_ref().map(|line| &**line);
    both.sort_unstable();
    reload(&(one.table() + &other.table()), &both);
    reload("", &[]);
}

#[test]
fn check_tries_each_page_and_names_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let good = Server::start(ok(STUB));
    let wrong = Server::start("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let tables = [
        good.table(),
        table(&format!("http://{free}/stub_status")),
        table(&format!(
            "unix:{}:/stub_status",
            dir.path().join("none.sock").display()
        )),
        table("http://no-such-host.invalid/stub_status"),
        wrong.table(),
    ];
    fs::write(
        dir.path().join("c.toml"),
        config(dir.path(), &tables.concat()),
    )
    .unwrap();
    let ended = run(dir.path(), ["check", "--config", "c.toml"], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let warnings = ended
        .out
        .matches("warning: no metrics from nginx: ")
        .count();
    assert_eq!(warnings, 4, "{}", ended.out);
    for expected in [
        "Connection refused",
        "start nginx, or correct the address",
        "none.sock: No such file",
        "let nginx listen there",
        "it responds with 404 Not Found",
        "name a location of nginx that has `stub_status;`",
        " --> c.toml:",
        "  nginx's metrics: http://127.0.0.1:",
    ] {
        assert!(ended.out.contains(expected), "{expected} in\n{}", ended.out);
    }
}
