//! Tests of the daemon's start, reload and stop, by signals and under systemd.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use httplog_exporter::clock::{Clock as _, SystemClock};
use httplog_exporter::http::Limits;
use rustix::process::Signal;

use crate::counts;
use crate::recorded::line;
use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, Source, append, program, until};

/// Longer than a shutdown takes, and shorter than the time that clients are waited for.
const PROMPTLY: Duration = Duration::from_secs(4);

/// Writes a log of one line, and returns a configuration that follows it.
pub fn configuration(dir: &Path) -> String {
    let log = dir.join("access.log");
    fs::write(&log, line("GET", 200)).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log: &log,
    };
    HEAD.to_owned() + &source.toml()
}

/// Writes a log of one line and a configuration that follows it, and returns the configuration.
pub fn set_up(dir: &Path) -> String {
    let config = configuration(dir);
    fs::write(dir.join("config.toml"), &config).unwrap();
    config
}

/// Builds the command `run` with the configuration in this directory.
pub fn run_configured(dir: &Path) -> Command {
    let mut command = program(["run", "--config"]);
    command.arg(dir.join("config.toml"));
    command
}

fn last_reload(daemon: &Daemon) -> f64 {
    let name = "httplog_exporter_config_last_reload_successful";
    daemon.scrape().value(name, &[]).unwrap()
}

#[test]
fn a_reload_keeps_counts_and_applies_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let before = set_up(dir.path());
    let daemon = Daemon::configured(dir.path(), &before);
    daemon.metrics_after(&[("nginx", 1)]);

    let other = dir.path().join("other.log");
    fs::write(&other, line("POST", 201).repeat(2)).unwrap();
    let added = Source {
        name: "other",
        pattern: "nginx-combined",
        log: &other,
    };
    fs::write(dir.path().join("config.toml"), before + &added.toml()).unwrap();
    // This line is written between the two configurations, and read once.
    let mut log = append(&dir.path().join("access.log"));
    log.write_all(line("PUT", 204).as_bytes()).unwrap();
    daemon.signal(Signal::HUP);
    let page = daemon.metrics_after(&[("nginx", 2), ("other", 2)]);
    let scrape = Scrape::parse(&page);
    let both = line("GET", 200) + &line("PUT", 204);
    scrape.assert_counted("nginx", &counts::of_log(both.as_bytes()));
    let posts = line("POST", 201).repeat(2);
    scrape.assert_counted("other", &counts::of_log(posts.as_bytes()));
    until(|| match last_reload(&daemon) {
        1.0 => Ok(()),
        other => Err(other.to_string()),
    });
    daemon.wait_until_said("configuration reloaded from");
    assert!(!daemon.said().contains("WARN"), "{}", daemon.said());

    // A removed source closes its file.
    fs::write(
        dir.path().join("config.toml"),
        HEAD.to_owned() + &added.toml(),
    )
    .unwrap();
    daemon.signal(Signal::HUP);
    until(|| {
        match daemon
            .scrape()
            .value("httplog_exporter_files_open", &[("source", "nginx")])
        {
            None => Ok(()),
            Some(files) => Err(format!("{files} files open")),
        }
    });
    assert_eq!(daemon.scrape().lines("other", None), 2);
}

#[test]
fn a_faulty_configuration_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let good = set_up(dir.path());
    let daemon = Daemon::configured(dir.path(), &good);
    daemon.metrics_after(&[("nginx", 1)]);
    assert!((last_reload(&daemon) - 1.0).abs() < f64::EPSILON);
    let config = dir.path().join("config.toml");
    let mut log = append(&dir.path().join("access.log"));
    let mut lines = 1;
    for (fault, said) in [
        (
            Some(good.replace("nginx-combined", "nginx-combind")),
            "unknown pattern `nginx-combind`",
        ),
        (Some("[[source".to_owned()), "not valid TOML"),
        (Some(String::new()), "no source: nothing would be followed"),
        (None, "cannot read"),
    ] {
        fs::write(&config, &good).unwrap();
        daemon.signal(Signal::HUP);
        until(|| {
            if last_reload(&daemon) > 0.0 {
                Ok(())
            } else {
                Err("no reload".to_owned())
            }
        });
        match fault {
            Some(text) => fs::write(&config, text).unwrap(),
            None => fs::remove_file(&config).unwrap(),
        }
        daemon.signal(Signal::HUP);
        until(|| {
            if last_reload(&daemon) > 0.0 {
                Err("a reload".to_owned())
            } else {
                Ok(())
            }
        });
        daemon.wait_until_said(said);
        log.write_all(line("GET", 200).as_bytes()).unwrap();
        lines += 1;
        let scrape = Scrape::parse(&daemon.metrics_after(&[("nginx", lines)]));
        let expected = line("GET", 200).repeat(usize::try_from(lines).unwrap());
        scrape.assert_counted("nginx", &counts::of_log(expected.as_bytes()));
    }
}

#[test]
fn an_address_from_the_command_line_is_not_a_change_at_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let config = set_up(dir.path());
    let text = config.replace("127.0.0.1:0", "127.0.0.1:1");
    fs::write(dir.path().join("config.toml"), &text).unwrap();
    let mut command = run_configured(dir.path());
    command.args(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::start(dir.path(), command);
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("configuration reloaded from");
    assert!(
        !daemon.said().contains("web.listen changed"),
        "{}",
        daemon.said()
    );
}

#[test]
fn a_changed_address_needs_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = set_up(dir.path());
    let daemon = Daemon::configured(dir.path(), &config);
    let text = config.replace("127.0.0.1:0", "127.0.0.1:1");
    fs::write(dir.path().join("config.toml"), text).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("web.listen changed: restart the exporter to apply it");
    daemon.metrics();
}

#[test]
fn without_a_configuration_a_reload_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), line("GET", 200)).unwrap();
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("nothing to reload");
    daemon.metrics_after(&[("access", 1)]);
}

#[test]
fn open_connections_do_not_delay_the_stop() {
    // The bytes that a client sends, the length of the response it reads, and the time limit.
    for (said, response, at_most) in [
        ("", 0, PROMPTLY),
        ("GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n", 12, PROMPTLY),
        // The rest of a request has as much time as a response in progress.
        ("GET /metrics HT", 0, PROMPTLY + Limits::default().stop),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::configured(dir.path(), &set_up(dir.path()));
        let mut client = TcpStream::connect(daemon.socket()).unwrap();
        client.write_all(said.as_bytes()).unwrap();
        client.read_exact(&mut vec![0; response]).unwrap();
        let clock = SystemClock::new();
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end(), 0);
        let took = clock.monotonic();
        assert!(took < at_most, "{said:?}: {took:?}");
    }
}

#[test]
fn signals_are_handled_from_the_first_log_line_on() {
    let dir = tempfile::tempdir().unwrap();
    // Enough sources to leave time between the log line of the first and the start of the last.
    let sources = (0..60).map(|n| {
        let (name, log) = (format!("n{n}"), dir.path().join(format!("absent{n}.log")));
        let pattern = "nginx-combined";
        Source {
            name: &name,
            pattern,
            log: &log,
        }
        .toml()
    });
    let config: String = [HEAD.to_owned()].into_iter().chain(sources).collect();
    fs::write(dir.path().join("config.toml"), config).unwrap();
    for round in 0..6 {
        let daemon = Daemon::launch(dir.path(), run_configured(dir.path()));
        // Polls without a pause, to send the signal as early as possible.
        until(|| match (0..1_000).find(|_| !daemon.said().is_empty()) {
            Some(_) => Ok(()),
            None => Err("no log line".to_owned()),
        });
        if round % 2 == 0 {
            daemon.signal(Signal::HUP);
            daemon.wait_until_said("configuration reloaded from");
        }
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end(), 0);
    }
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("metrics.sock");
    let config = set_up(dir.path()).replace(
        "\"127.0.0.1:0\"",
        &format!("\"unix:{}\", \"127.0.0.1:0\"", socket.display()),
    );
    fs::write(dir.path().join("config.toml"), config).unwrap();
    // The file that a killed process left behind is replaced.
    for _ in 0..2 {
        let killed = Daemon::launch(dir.path(), run_configured(dir.path()));
        killed.wait_until_said("every source is open");
        drop(killed);
        assert!(socket.exists());
    }
    let daemon = Daemon::launch(dir.path(), run_configured(dir.path()));
    daemon.wait_until_said("every source is open");
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(
        response.contains("httplog_exporter_build_info"),
        "{response}"
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    assert!(!socket.exists());
}

/// The receiver of the notifications that systemd would get.
pub struct Manager(UnixDatagram);

impl Manager {
    pub fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        Self(socket)
    }

    /// Returns the lines of the next message other than a watchdog keep-alive.
    pub fn receive(&self) -> Vec<String> {
        loop {
            let message = self.next();
            if message != ["WATCHDOG=1"] {
                return message;
            }
        }
    }

    /// Waits for a watchdog keep-alive.
    pub fn receive_alive(&self) {
        while self.next() != ["WATCHDOG=1"] {}
    }

    /// Returns the lines of the next message.
    fn next(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).unwrap();
        let text = std::str::from_utf8(&message[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn systemd_is_notified_of_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let manager = Manager::bind(&dir.path().join("notify"));
    let mut config = HEAD.to_owned();
    let paths: Vec<_> = (0..20)
        .map(|n| dir.path().join(format!("{n}.log")))
        .collect();
    for (n, log) in paths.iter().enumerate() {
        fs::write(log, line("GET", 200)).unwrap();
        let name = &n.to_string();
        let source = Source {
            name,
            pattern: "nginx-combined",
            log,
        };
        config += &source.toml();
    }
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let mut command = run_configured(dir.path());
    command.env("NOTIFY_SOCKET", dir.path().join("notify"));
    let daemon = Daemon::launch(dir.path(), command);

    assert_eq!(manager.receive(), ["READY=1"]);
    // Written by a thread of its own, in this sequence.
    let is_ready = "every source is open";
    daemon.wait_until_said(is_ready);
    let said = daemon.said();
    let said = said.split(is_ready).next().unwrap();
    for path in &paths {
        assert!(
            said.contains(&format!("following {} from", path.display())),
            "{said}"
        );
    }
    daemon.signal(Signal::HUP);
    let reloading = manager.receive();
    assert_eq!(reloading[0], "RELOADING=1");
    let since = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(since.parse::<u64>().unwrap() > 0);
    assert_eq!(manager.receive(), ["READY=1"]);
    // A refused configuration ends the reload too.
    fs::write(dir.path().join("config.toml"), "").unwrap();
    daemon.signal(Signal::HUP);
    assert_eq!(manager.receive()[0], "RELOADING=1");
    assert_eq!(manager.receive(), ["READY=1"]);
    daemon.signal(Signal::TERM);
    assert_eq!(manager.receive(), ["STOPPING=1"]);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn the_watchdog_is_notified_at_every_interval() {
    for interval in ["200000", "1", "0"] {
        let dir = tempfile::tempdir().unwrap();
        let manager = Manager::bind(&dir.path().join("notify"));
        set_up(dir.path());
        let mut command = run_configured(dir.path());
        command
            .env("NOTIFY_SOCKET", dir.path().join("notify"))
            .env("WATCHDOG_USEC", interval);
        let daemon = Daemon::start(dir.path(), command);
        let number = if interval == "0" { 0 } else { 5 };
        for _ in 0..number {
            manager.receive_alive();
        }
        daemon.signal(Signal::TERM);
        let said = daemon.said();
        assert!(!said.contains("no progress"), "{interval}: {said}");
        assert_eq!(daemon.end(), 0, "{interval}");
    }
}
