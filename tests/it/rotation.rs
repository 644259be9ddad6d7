//! A real nginx under load while a real logrotate rotates its log five times a second.
//!
//! For `ROTATION_SECONDS` seconds each, 3 unless said otherwise.

use std::fs;
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

/// Connections that ask without a pause.
const CLIENTS: usize = 2;
const BETWEEN_ROTATIONS: Duration = Duration::from_millis(200);

/// nginx, answering by itself.
struct Nginx {
    child: Child,
    dir: PathBuf,
    port: u16,
}

/// Who asks; each answer is counted.
struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<u64>>,
}

impl Nginx {
    fn start(dir: &Path) -> Self {
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
             log_format timed '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent '\n\
             '\"$http_referer\" \"$http_user_agent\" $request_time $upstream_response_time';\n\
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

    fn log(&self) -> PathBuf {
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
        // A second has one dated name: the next rotation takes place in the next second. And nginx writes
        // on while its log is being compressed.
        let is_usual = ["already exists", "file size changed while zipping"]
            .iter()
            .any(|usual| said.contains(usual));
        assert!(said.is_empty() || is_usual, "{said}");
    }

    /// Lines in all files there are.
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
        // Its workers end when it does, if it is told.
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

/// Asks until told to stop; how many answers came.
fn ask(port: u16, client: usize, stop: &AtomicBool) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut answered = 0;
    while !stop.load(Ordering::Acquire) {
        let request = format!("GET /{client}/{answered} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(answers.read_line(&mut head).unwrap(), 0, "nginx hung up");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut body = [0; 2];
        answers.read_exact(&mut body).unwrap();
        answered += 1;
    }
    answered
}

/// Follows through rotations with these options; what was answered and what was counted.
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
    assert!(answered > 300, "{answered} answers");
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

/// Whether every line stays in a file. What is written between logrotate's last read and its
/// truncation does not, nor what nginx writes to a log that was compressed at once; that is counted only
/// if it was read before it was gone.
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
