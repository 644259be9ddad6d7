//! Measures the time from a server's `write` to the count on the page, and the cost of idling, compared with mtail if it
//! is installed: `cargo bench --bench latency [-- LINES SECONDS]`.
//!
//! Each program follows a separate log. Lines are written at irregular intervals to the logs in turn; after each, the
//! page is requested repeatedly over one connection until it counts the line. A time is thus too long by up to one
//! response time, which is printed beside it. Then nothing is written for some seconds, and the CPU time and wake-ups of
//! the processes are read from the kernel.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: a failure ends it, and it prints"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use httplog_exporter::clock::{Clock, SystemClock, Waker};

const LINE: &str = "127.0.0.1 - - [22/Nov/2026:18:47:15 +0000] \"GET / HTTP/1.1\" 200 10 \"-\" \"-\" 0.012 0.011\n";
const MTAIL: &str =
    "counter requests by method\n/\"(?P<method>[A-Z]+) / {\n  requests[$method]++\n}\n";

/// A program that follows a log.
struct Follower {
    name: &'static str,
    child: Child,
    log: File,
    page: BufReader<TcpStream>,
    /// Name of the series that counts the lines.
    series: &'static str,
    written: u64,
    times: Vec<Duration>,
    answers: Vec<Duration>,
}

impl Follower {
    fn ours(dir: &Path) -> Self {
        let log = dir.join("ours.log");
        File::create(&log).unwrap();
        let port = free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_httplog-exporter"))
            .args(["run", "--pattern", "nginx-timed", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .arg(&log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self::new(
            "httplog-exporter",
            child,
            &log,
            port,
            "httplog_requests_total",
        )
    }

    fn mtail(dir: &Path) -> Option<Self> {
        let (log, programs) = (dir.join("mtail.log"), dir.join("programs"));
        File::create(&log).unwrap();
        fs::create_dir(&programs).unwrap();
        fs::write(programs.join("requests.mtail"), MTAIL).unwrap();
        let port = free_port();
        let child = Command::new("mtail")
            .args([
                "--address",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--logtostderr",
            ])
            .arg("--progs")
            .arg(&programs)
            .arg("--logs")
            .arg(&log)
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self::new("mtail", child, &log, port, "requests{"))
    }

    fn new(name: &'static str, child: Child, log: &Path, port: u16, series: &'static str) -> Self {
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(_) => drop(Waker::default().wait(Duration::from_millis(20))),
            }
        };
        stream.set_nodelay(true).unwrap();
        Self {
            name,
            child,
            log: File::options().append(true).open(log).unwrap(),
            page: BufReader::new(stream),
            series,
            written: 0,
            times: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Writes a line and waits until it is counted.
    fn measure(&mut self, clock: &SystemClock) {
        self.log.write_all(LINE.as_bytes()).unwrap();
        let written = clock.monotonic();
        self.written += 1;
        loop {
            let asked = clock.monotonic();
            let counted = self.counted();
            let now = clock.monotonic();
            self.answers.push(now.saturating_sub(asked));
            if counted == self.written {
                self.times.push(now.saturating_sub(written));
                return;
            }
            assert!(counted < self.written, "{} counted a line twice", self.name);
        }
    }

    fn counted(&mut self) -> u64 {
        let stream = self.page.get_mut();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let page = answer(&mut self.page);
        let values = page.lines().filter(|line| line.starts_with(self.series));
        let whole = |line: &str| {
            line.rsplit(' ')
                .next()?
                .split('.')
                .next()?
                .parse::<u64>()
                .ok()
        };
        values.filter_map(whole).sum()
    }

    /// Returns the CPU time in nanoseconds and the wake-ups of each thread so far.
    fn work(&self) -> BTreeMap<OsString, (u64, u32)> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let work = tasks.map(|task| {
            let task = task.unwrap();
            let ran = fs::read_to_string(task.path().join("schedstat")).unwrap();
            let time = ran.split(' ').next().unwrap().parse().unwrap();
            let status = fs::read_to_string(task.path().join("status")).unwrap();
            let mut waits = status
                .lines()
                .filter_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            (
                task.file_name(),
                (time, waits.next().unwrap().trim().parse().unwrap()),
            )
        });
        work.collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Reads one response, with a length or in chunks.
fn answer(from: &mut BufReader<TcpStream>) -> String {
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let mut line = String::new();
        assert_ne!(
            from.read_line(&mut line).unwrap(),
            0,
            "the connection was closed"
        );
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().unwrap();
        }
        is_chunked |= line == "transfer-encoding: chunked";
        if line.is_empty() {
            break;
        }
    }
    let mut body = Vec::new();
    loop {
        if is_chunked {
            let mut line = String::new();
            from.read_line(&mut line).unwrap();
            length = usize::from_str_radix(line.trim_end(), 16).unwrap();
        }
        let start = body.len();
        body.resize(start + length, 0);
        from.read_exact(&mut body[start..]).unwrap();
        if is_chunked {
            from.read_exact(&mut [0; 2]).unwrap();
        }
        if !is_chunked || length == 0 {
            return String::from_utf8(body).unwrap();
        }
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    let at = (times.len() * percent / 100).min(times.len() - 1);
    times[at].as_secs_f64() * 1_000.0
}

fn main() {
    // Cargo's own arguments come first.
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let lines = numbers.first().copied().unwrap_or(300);
    let seconds = numbers.get(1).copied().unwrap_or(60);
    let dir = tempfile::tempdir().unwrap();
    let mut followers = vec![Follower::ours(dir.path())];
    followers.extend(Follower::mtail(dir.path()));
    if followers.len() == 1 {
        println!("mtail is not installed: nothing to compare with");
    }
    let clock = SystemClock::new();
    let mut state = 42_u64;
    for line in 0..lines + 10 {
        for follower in &mut followers {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            Waker::default().wait(Duration::from_micros(2_000 + (state >> 33) % 20_000));
            follower.measure(&clock);
            if line < 10 {
                follower.times.clear();
                follower.answers.clear();
            }
        }
    }
    println!("from a write to the count on the page, {lines} lines, milliseconds:");
    for follower in &mut followers {
        println!(
            "  {:16}  p50 {:8.3}  p99 {:8.3}  (an answer: p50 {:.3})",
            follower.name,
            percentile(&mut follower.times, 50),
            percentile(&mut follower.times, 99),
            percentile(&mut follower.answers, 50),
        );
    }
    let before: Vec<_> = followers.iter().map(Follower::work).collect();
    Waker::default().wait(Duration::from_secs(seconds));
    println!("idle for {seconds} s:");
    for (follower, before) in followers.iter().zip(before) {
        // Threads that ended meanwhile are left out.
        let (mut time, mut wakeups) = (0, 0);
        for (task, after) in follower.work() {
            let before = before.get(&task).copied().unwrap_or_default();
            time += after.0 - before.0;
            wakeups += after.1 - before.1;
        }
        let idle = Duration::from_secs(seconds).as_secs_f64();
        println!(
            "  {:16}  {:.4} % of a core, {:.2} wake-ups a second",
            follower.name,
            100.0 * Duration::from_nanos(time).as_secs_f64() / idle,
            f64::from(wakeups) / idle,
        );
    }
}
