//! Compares the time of a wrong password with that of an unknown name: `cargo bench --bench login [-- REQUESTS COST]`.
//!
//! Both are sent in turn over one connection, each name and password once.
//! Medians are printed, and the times of the fastest tenth, which other programs on the machine disturb less.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: a failure ends it, and it prints"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use httplog_exporter::clock::{Clock, SystemClock, Waker};

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u32>().ok());
    let (requests, cost) = (numbers.next().unwrap_or(400), numbers.next().unwrap_or(10));
    let dir = tempfile::tempdir().unwrap();
    let hash = bcrypt::hash("right", cost).unwrap();
    fs::write(
        dir.path().join("web.yml"),
        format!("basic_auth_users: {{scraper: {hash}}}\n"),
    )
    .unwrap();
    fs::write(dir.path().join("a.log"), "").unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_httplog-exporter"))
        .args([
            "run",
            "--pattern",
            "nginx-combined",
            "--web.config.file",
            "web.yml",
            "a.log",
            "--listen",
        ])
        .arg(format!("127.0.0.1:{port}"))
        .current_dir(dir.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(_) => drop(Waker::default().wait(Duration::from_millis(20))),
        }
    };
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    let clock = SystemClock::new();
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..requests {
        let names = [format!("scraper:{n:08}"), format!("x{n:06}:{n:08}")];
        // Each comes first in turn.
        for at in [n % 2, (n + 1) % 2] {
            let took = refused(&mut stream, &names[at as usize], &clock);
            [&mut wrong, &mut unknown][at as usize].push(took);
        }
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    for times in [&mut wrong, &mut unknown] {
        times.sort();
    }
    println!("{requests} requests each, cost {cost}");
    for (name, tenth) in [("fastest tenth", 1), ("median", 5)] {
        let at = |times: &[Duration]| times[times.len() * tenth / 10];
        let (wrong, unknown) = (at(&wrong), at(&unknown));
        let ratio = unknown.as_secs_f64() / wrong.as_secs_f64() - 1.0;
        let percent = 100.0 * ratio;
        println!(
            "{name}: wrong password {wrong:?}, unknown name {unknown:?}, difference {percent:+.3} %"
        );
    }
}

/// Sends credentials, and returns the time until the response.
fn refused(stream: &mut BufReader<TcpStream>, credentials: &str, clock: &SystemClock) -> Duration {
    let encoded = STANDARD.encode(credentials);
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {encoded}\r\n\r\n");
    let begun = clock.monotonic();
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line).unwrap();
    let took = clock.monotonic().saturating_sub(begun);
    assert!(line.starts_with("HTTP/1.1 401 "), "{line}");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    stream.read_exact(&mut vec![0; length]).unwrap();
    took
}
