//! Runs a real nginx under load while a real logrotate rotates its log five times a second.
//!
//! Each test takes `ROTATION_SECONDS` seconds, by default 3.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use httplog_exporter::clock::{Clock, SystemClock, Waker};

use crate::stack::{logrotate, path_with_sbin};
use crate::support::{Daemon, HEAD, until};

/// Number of connections that send requests without a pause.
const CLIENTS: usize = 2;
const BETWEEN_ROTATIONS: Duration = Duration::from_millis(200);

/// A running nginx that sends its own responses.
pub struct Nginx {
    child: Child,
    dir: PathBuf,
    pub port: u16,
}

/// Clients that send requests and count the responses.
struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<u64>>,
}

impl Nginx {
    fn start(dir: &Path) -> Self {
        Self::logging(
            dir,
            "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
             \"$http_referer\" \"$http_user_agent\" $request_time $upstream_response_time",
        )
    }

    /// Starts nginx with a log in this format.
    pub fn logging(dir: &Path, format: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        fs::create_dir(dir.join("log")).unwrap();
        let conf = format!(
            "daemon off;\nuser root root;\nworker_processes 2;\npid nginx.pid;\nerror_log error.log;\n\
             events {{ }}\n\
             http {{\n\
             log_format timed '{format}';\n\
             access_log log/access.log timed;\n\
             keepalive_requests 1000000;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200 'ok'; }} }}\n}}\n"
        );
        fs::write(dir.join("nginx.conf"), conf).unwrap();
        let child = Command::new("nginx")
            .env("PATH", path_with_sbin())
            .arg("-p")
            .arg(dir)
            .args(["-e", "error.log", "-c"])
            .arg(dir.join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dir = dir.to_owned();
        until(|| TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string()));
        Self { child, dir, port }
    }

    /// Returns the path of the log.
    pub fn log(&self) -> PathBuf {
        self.dir.join("log/access.log")
    }

    fn rotate(&self, options: &str) {
        let dir = self.dir.display();
        let reopen = if options.contains("copytruncate") {
            String::new()
        } else {
            format!("postrotate\nkill -USR1 \"$(cat '{dir}/nginx.pid')\"\nendscript\n")
        };
        let text = format!("\"{dir}/log/access.log\" {{\nrotate 9999\n{options}\n{reopen}}}\n");
        let said = logrotate(&self.dir, &text);
        // A dated name is unique by second, so the next rotation waits for the next second. nginx may
        // write while its log is being compressed.
        let is_usual = ["already exists", "file size changed while zipping"]
            .iter()
            .any(|usual| said.contains(usual));
        assert!(said.is_empty() || is_usual, "{said}");
    }

    /// Returns the number of lines in all existing files.
    fn lines(&self) -> u64 {
        let mut lines = 0;
        for entry in fs::read_dir(self.dir.join("log")).unwrap() {
            let path = entry.unwrap().path();
            let file = fs::File::open(&path).unwrap();
            let mut text = Vec::new();
            if path.extension().is_some_and(|extension| extension == "gz") {
                MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
            } else {
                BufReader::new(file).read_to_end(&mut text).unwrap();
            }
            lines += String::from_utf8_lossy(&text).lines().count() as u64;
        }
        lines
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The workers end with their master process after SIGTERM.
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Clients {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..CLIENTS)
            .map(|client| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || ask(port, client, &stop))
            })
            .collect();
        Self { stop, threads }
    }

    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Release);
        self.threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    }
}

/// Sends requests until `stop` is set, and returns the number of responses.
fn ask(port: u16, client: usize, stop: &AtomicBool) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut answered = 0;
    while !stop.load(Ordering::Acquire) {
        let request = format!("GET /{client}/{answered} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(
                answers.read_line(&mut head).unwrap(),
                0,
                "nginx closed the connection"
            );
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut body = [0; 2];
        answers.read_exact(&mut body).unwrap();
        answered += 1;
    }
    answered
}

/// Follows a log through rotations with these options, and returns the numbers of responses and of counted lines.
fn rotate(options: &str, watch: bool) -> (u64, u64, u64) {
    let seconds = std::env::var("ROTATION_SECONDS").map_or(3, |seconds| seconds.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let nginx = Nginx::start(dir.path());
    let config = format!(
        "{HEAD}\n[[source]]\nname = 'nginx'\npaths = ['{}']\npattern = 'nginx-timed'\nstart = 'beginning'\nwatch = {watch}\n",
        nginx.log().display()
    );
    let daemon = Daemon::configured(dir.path(), &config);
    let clients = Clients::start(nginx.port);
    let clock = SystemClock::new();
    let mut rotations = 0;
    while rotations < 3 || clock.monotonic() < Duration::from_secs(seconds) {
        Waker::default().wait(BETWEEN_ROTATIONS);
        nginx.rotate(options);
        rotations += 1;
    }
    let answered = clients.finish();
    assert!(answered > 300, "{answered} responses");
    let on_disk = nginx.lines();
    let expected = if is_exact(options) { answered } else { on_disk };
    let page = daemon.metrics_after(&[("nginx", expected)]);
    let counted = crate::scrape::Scrape::parse(&page).lines("nginx", None);
    eprintln!(
        "{} watch={watch}: {answered} answered, {on_disk} on disk, {counted} counted, {rotations} rotations",
        options.replace('\n', " ")
    );
    (answered, on_disk, counted)
}

/// Returns whether every line stays in a file. Exceptions are lines written between logrotate's last read and its
/// truncation, and lines that nginx writes to a log that was compressed at once: these are counted only if they were
/// read before the file was deleted.
fn is_exact(options: &str) -> bool {
    options != "copytruncate" && options != "create\ncompress"
}

fn check(options: &str) {
    for watch in [true, false] {
        let (answered, on_disk, counted) = rotate(options, watch);
        let least = if is_exact(options) { answered } else { on_disk };
        assert!(
            (least..=answered).contains(&counted),
            "{options}: {answered} answered, {on_disk} on disk, {counted} counted, watch={watch}"
        );
    }
}

/// Kills the daemon at random moments while the log is rotated, also while it is down, and scrapes it all the time.
#[test]
fn killed_at_random() {
    let seconds = std::env::var("ROTATION_SECONDS").map_or(3, |seconds| seconds.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let nginx = Nginx::start(dir.path());
    let head = HEAD.replace("durability = \"none\"", "dir = 'state'");
    let config = format!(
        "{head}\n[[source]]\nname = 'nginx'\npaths = ['{}']\npattern = 'nginx-timed'\nstart = 'beginning'\n",
        nginx.log().display()
    );
    let clients = Clients::start(nginx.port);
    let clock = SystemClock::new();
    let random = RandomState::new();
    let (mut kills, mut scrapes, mut counted) = (0_u64, 0_u64, 0);
    while kills < 5 || clock.monotonic() < Duration::from_secs(seconds) {
        let daemon = Daemon::configured(dir.path(), &config);
        let end = clock.monotonic() + Duration::from_micros(random.hash_one(kills) % 400_000);
        while clock.monotonic() < end {
            let lines = daemon.scrape().lines("nginx", None);
            assert!(lines >= counted, "{lines} after {counted}");
            counted = lines;
            scrapes += 1;
        }
        drop(daemon);
        kills += 1;
        for _ in 0..random.hash_one((kills, "rotations")) % 4 {
            nginx.rotate("create\ncompress\ndelaycompress");
        }
    }
    let answered = clients.finish();
    let daemon = Daemon::configured(dir.path(), &config);
    let page = daemon.metrics_after(&[("nginx", answered)]);
    counted = crate::scrape::Scrape::parse(&page).lines("nginx", None);
    eprintln!("{answered} answered, {counted} counted, {kills} kills, {scrapes} scrapes");
    assert_eq!(counted, answered);
}

#[test]
fn create() {
    check("create");
}

#[test]
fn compressed_at_once() {
    check("create\ncompress");
}

#[test]
fn compressed_later() {
    check("create\ncompress\ndelaycompress");
}

#[test]
fn dated() {
    check("create\ndateext\ndateformat -%Y%m%d-%s");
}

#[test]
fn not_created() {
    check("nocreate");
}

#[test]
fn copied_and_truncated() {
    check("copytruncate");
}
