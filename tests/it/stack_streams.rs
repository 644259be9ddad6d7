//! Follows the logs that a real nginx and a real gunicorn send over sockets.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use httplog_exporter::clock::Waker;

use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, project, until};

const CONNECTIONS: usize = 4;
const REQUESTS: usize = 6_000;
/// Requests sent before the first response to one of them is read.
const BURST: usize = 60;
/// Kernel settings that the documentation recommends for bursts over a unix datagram socket: the
/// queue of a socket, by default 10 datagrams, and the send buffer, by default enough for some 280
/// lines.
const QUEUES: [(&str, &str); 2] = [
    ("/proc/sys/net/unix/max_dgram_qlen", "4096"),
    ("/proc/sys/net/core/wmem_default", "4194304"),
];

/// A server, killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Longer queues of the kernel, as documented; restored when dropped.
#[derive(Default)]
struct LongQueues(Vec<(&'static str, String)>);

impl LongQueues {
    /// Sets the queues; `None` without the privilege.
    fn set() -> Option<Self> {
        let mut queues = Self::default();
        for (setting, value) in QUEUES {
            let before = fs::read_to_string(setting).ok()?;
            fs::write(setting, value).ok()?;
            queues.0.push((setting, before));
        }
        Some(queues)
    }
}

impl Drop for LongQueues {
    fn drop(&mut self) {
        for (setting, before) in &self.0 {
            let _ = fs::write(setting, before);
        }
    }
}

fn free_address() -> SocketAddr {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap()
}

fn spawn(mut command: Command, address: SocketAddr) -> Server {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let server = Server(command.stdin(Stdio::null()).spawn().unwrap());
    until(|| TcpStream::connect(address).map_err(|error| error.to_string()));
    server
}

fn nginx(dir: &Path, to: &str) -> (Server, SocketAddr) {
    let address = free_address();
    let (dir, config) = (dir.display(), dir.join("nginx.conf"));
    let text = format!(
        "user root;\nworker_processes 2;\ndaemon off;\npid {dir}/nginx.pid;\nevents {{}}\nhttp {{\n\
         client_body_temp_path {dir}/body;\nproxy_temp_path {dir}/proxy;\nfastcgi_temp_path {dir}/fastcgi;\n\
         uwsgi_temp_path {dir}/uwsgi;\nscgi_temp_path {dir}/scgi;\nkeepalive_requests 100000;\n\
         access_log syslog:server={to},nohostname,tag=nginx combined;\n\
         server {{ listen {address}; location / {{ return 200 \"ok\"; }} }}\n}}\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(dir.to_string())
        .args(["-e", &format!("{dir}/nginx-error.log"), "-c"])
        .arg(config);
    (spawn(command, address), address)
}

/// Sends requests in bursts over persistent connections, and returns the number of responses.
fn drive(address: SocketAddr, path: &str) -> u64 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(BURST);
    let drivers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = request.clone();
            thread::spawn(move || {
                let mut connection = TcpStream::connect(address).unwrap();
                let mut answered = 0;
                while answered < REQUESTS {
                    connection.write_all(request.as_bytes()).unwrap();
                    answered += read_responses(&mut connection, BURST);
                }
                answered
            })
        })
        .collect();
    let answered = drivers.into_iter().map(|driver| driver.join().unwrap());
    answered.map(|answered| answered as u64).sum()
}

/// Reads until the wanted number of responses has arrived.
fn read_responses(connection: &mut TcpStream, wanted: usize) -> usize {
    let (mut text, mut part) = (Vec::new(), vec![0; 65_536]);
    loop {
        let length = connection.read(&mut part).unwrap();
        assert!(length > 0, "the connection was closed");
        text.extend_from_slice(&part[..length]);
        let ends = text.windows(6).filter(|end| end == b"\r\n\r\nok");
        let responses = ends.count();
        if responses == wanted {
            return responses;
        }
    }
}

fn source(pattern: &str, syslog: &str) -> String {
    format!("{HEAD}\n[[source]]\nname = 'site'\npattern = '{pattern}'\nsyslog = '{syslog}'\n")
}

fn lost(scrape: &Scrape, reason: &str) -> Option<f64> {
    let labels = [("source", "site"), ("reason", reason)];
    scrape.value("httplog_exporter_gap_events_total", &labels)
}

/// Scrapes until the number of lines stays the same: the last line is not marked.
fn steady(daemon: &Daemon) -> Scrape {
    let mut before = 0;
    until(|| {
        let scrape = daemon.scrape();
        let now = scrape.lines("site", None);
        let is_steady = now == before && now > 0;
        before = now;
        Waker::default().wait(std::time::Duration::from_millis(500));
        is_steady.then_some(scrape).ok_or(format!("{now} lines"))
    })
}

#[test]
fn nginxs_lines_over_a_unix_socket_are_all_counted_where_the_kernels_queue_is_long() {
    let dir = tempfile::tempdir().unwrap();
    // The length applies to sockets created after it was set.
    let queue = LongQueues::set();
    let daemon = Daemon::configured(dir.path(), &source("nginx-combined", "unix:log.sock"));
    let socket = dir.path().join("log.sock");
    let (_nginx, address) = nginx(dir.path(), &format!("unix:{}", socket.display()));
    let answered = drive(address, "/a");
    assert!(answered >= 20_000);
    if queue.is_some() {
        let page = daemon.metrics_after(&[("site", answered)]);
        let scrape = Scrape::parse(&page);
        assert_eq!(scrape.lines("site", Some("recorded")), answered);
        assert_eq!(scrape.lines("site", None), answered);
        assert_eq!(lost(&scrape, "queue_full"), Some(0.0));
    } else {
        // nginx dropped the lines that did not fit into the kernel's queue, and logs that at most
        // once a second, so the number is unknown.
        let scrape = steady(&daemon);
        let counted = scrape.lines("site", Some("recorded"));
        eprintln!("{counted} of {answered} lines arrived");
        assert!(counted <= answered);
        assert_eq!(scrape.lines("site", None), counted);
        assert_eq!(lost(&scrape, "queue_full"), Some(0.0));
    }
}

#[test]
fn nginxs_lines_over_udp_are_counted_or_their_drops_are() {
    let dir = tempfile::tempdir().unwrap();
    let syslog = free_address();
    let daemon = Daemon::configured(
        dir.path(),
        &source("nginx-combined", &format!("udp://{syslog}")),
    );
    let (_nginx, address) = nginx(dir.path(), &syslog.to_string());
    let answered = drive(address, "/a");
    let expected = f64::from(u32::try_from(answered).unwrap());
    until(|| {
        let scrape = daemon.scrape();
        let lines = scrape.lines("site", Some("recorded"));
        let lost = lost(&scrape, "kernel_drop").unwrap() + lost(&scrape, "queue_full").unwrap();
        let all = f64::from(u32::try_from(lines).unwrap()) + lost;
        ((all - expected).abs() < 0.5)
            .then_some(())
            .ok_or(format!("{lines} lines and {lost} drops of {answered}"))
    });
}

fn gunicorn(to: &str) -> (Server, SocketAddr) {
    let address = free_address();
    let mut command = Command::new(project(".venv/bin/python"));
    command
        .args(["-m", "gunicorn", "--config"])
        .arg(project("fixtures/stack/gunicorn.conf.py"))
        .arg("--chdir")
        .arg(project("fixtures/site"))
        .args(["--bind", &address.to_string()])
        .args(["--log-syslog", "--log-syslog-to", to])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    (spawn(command, address), address)
}

#[test]
fn gunicorns_lines_over_its_syslog_are_all_counted() {
    const SENT: u64 = 300;
    let dir = tempfile::tempdir().unwrap();
    let tcp = free_address();
    let socket = dir.path().join("log.sock");
    for (syslog, to) in [
        (format!("tcp://{tcp}"), format!("tcp://{tcp}")),
        (
            "unix:log.sock".to_owned(),
            format!("unix://{}#dgram", socket.display()),
        ),
        (format!("udp://{tcp}"), format!("udp://{tcp}")),
    ] {
        let daemon = Daemon::configured(dir.path(), &source("gunicorn-django", &syslog));
        let (_gunicorn, address) = gunicorn(&to);
        for _ in 0..SENT {
            ureq::get(format!("http://{address}/health/"))
                .call()
                .unwrap();
        }
        until(|| {
            let counted = daemon.scrape().lines("site", Some("recorded"));
            assert!(counted <= SENT);
            (counted == SENT)
                .then_some(())
                .ok_or(format!("{counted} lines over {syslog}"))
        });
    }
}
