//! Sends any bytes to the HTTP server: each response is whole and of a known status, a plain request gets the status of its
//! page, the bytes reach no event, and the next client is served.
#![no_main]

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use httplog_exporter::clock::{Clock, SystemClock};
use httplog_exporter::http::{
    Hosts, HttpEvent, Limits, Listener, MetricsPath, Observer, Policies, Policy, Ready, Routes, Scrape, serve,
};
use httplog_exporter::model::{Families, Language};
use httplog_exporter::status::Status;
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 9] = [200, 400, 403, 404, 405, 414, 431, 501, 503];
const HONEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[derive(Default)]
struct Nothing(Mutex<i64>);

impl Scrape for Nothing {
    fn families(&self) -> Families {
        Families::default()
    }

    fn status(&self, _: &Families, _: Language) -> Status {
        Status::default()
    }
}

impl Observer for Nothing {
    fn observe(&self, event: HttpEvent) {
        let mut open = self.0.lock().unwrap();
        match event {
            HttpEvent::Opened => *open += 1,
            HttpEvent::Closed => *open -= 1,
            HttpEvent::Responded { status, .. } => assert!(STATUSES.contains(&status), "{status}"),
            _ => {}
        }
        assert!(*open >= 0);
    }
}

/// Starts the server, and returns its socket.
static SERVER: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("httplog-fuzz-{}.sock", std::process::id()));
    let address = format!("unix:{}", path.display()).parse().unwrap();
    let listeners = Listener::bind_all(&[address], None).unwrap();
    let nothing = Arc::new(Nothing::default());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let routes = Routes {
            scrape: nothing.clone(),
            metrics_path: MetricsPath::default(),
            ready: Ready::default(),
            hosts: Hosts::default(),
            lifecycle: None,
            policies: Policies::new(Policy::default(), None, Arc::clone(&clock)),
            clock,
            observer: nothing,
        };
        let limits = Limits {
            head: Duration::from_millis(200),
            idle: Duration::from_millis(200),
            ..Limits::default()
        };
        let served = runtime.block_on(serve(listeners, routes, limits, std::future::pending()));
        served.unwrap();
        unreachable!("the server has ended");
    });
    path
});

/// Returns everything that the server sends after these bytes.
fn exchange(bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(&*SERVER).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // The server may have closed the connection before everything was sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    received
}

/// Reads responses, and returns their statuses. `methods`: how many responses have no body is not known here, so a body is
/// skipped if it is there.
fn statuses(mut received: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !received.is_empty() {
        let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head") + 4;
        let head = std::str::from_utf8(&received[..end]).expect("an ASCII head");
        assert!(head.starts_with("HTTP/1.1 ") || head.starts_with("HTTP/1.0 "), "{head:?}");
        let status: u16 = head[9..12].parse().unwrap();
        assert!(STATUSES.contains(&status), "{head:?}");
        statuses.push(status);
        received = &received[end..];
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        // The response to HEAD has a length and no body.
        if !received.starts_with(b"HTTP/1.") {
            assert!(received.len() >= length || received.is_empty(), "a body is cut off: {head:?}");
            received = &received[length.min(received.len())..];
        }
    }
    statuses
}

/// Returns the status that a plain request has to get: one line, and header fields of tokens and visible text.
fn expected(head: &[u8]) -> Option<u16> {
    let head = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next()?.split(' ').collect();
    let [method, path, "HTTP/1.1"] = first[..] else {
        return None;
    };
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._".contains(&byte));
    if !method.bytes().all(|byte| byte.is_ascii_uppercase()) || method.is_empty() || method == "CONNECT" {
        return None;
    }
    if !path.starts_with('/') || !is_plain(path) {
        return None;
    }
    let (mut hosts, mut fields) = (0, 0);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let name = name.to_ascii_lowercase();
        if !is_plain(&name) || name.contains('/') || !is_plain(value) {
            return None;
        }
        if ["content-length", "transfer-encoding", "expect", "upgrade", "connection"].contains(&name.as_str()) {
            return None;
        }
        if name == "host" {
            if value.contains('/') {
                return None;
            }
            hosts += 1;
        }
        fields += 1;
    }
    if fields > 60 || head.len() > 8_000 {
        return None;
    }
    if hosts != 1 {
        return Some(400);
    }
    let is_read = method == "GET" || method == "HEAD";
    Some(match path {
        "/" | "/metrics" | "/api/v1/status" | "/-/healthy" if is_read => 200,
        "/-/ready" if is_read => 503,
        "/" | "/metrics" | "/api/v1/status" | "/-/healthy" | "/-/ready" => 405,
        "/-/reload" | "/-/quit" if method == "POST" || method == "PUT" => 403,
        "/-/reload" | "/-/quit" => 405,
        _ => 404,
    })
}

fuzz_target!(|head: &[u8]| {
    let statuses = statuses(&exchange(head));
    if let Some(expected) = expected(head) {
        assert_eq!(statuses, [expected]);
    }
    let honest = exchange(HONEST);
    assert!(honest.starts_with(b"HTTP/1.1 200 OK\r\n") && honest.ends_with(b"ok\n"));
});
