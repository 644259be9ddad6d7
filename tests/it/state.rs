//! Tests of the state directory, which one daemon at a time uses.

mod command;
#[cfg(feature = "stack")]
mod full;
mod next;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;

use crate::lifecycle::configuration;
use crate::recorded::line;
use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, Source, append, program, rename, run_command, until};

/// Returns a configuration with a log of one line and this state directory.
fn config(dir: &Path, state: &str) -> String {
    let state = format!("[state]\ndir = '{state}'");
    configuration(dir).replace("[state]", &state)
}

/// Starts a daemon with this state directory that ends at once, and returns its error.
fn refused(dir: &Path, state: &str) -> String {
    let path = dir.join("second.toml");
    fs::write(&path, config(dir, state)).unwrap();
    let mut command = program(["run", "--log-level", "error", "--config"]);
    command.arg(path);
    run_command(command, "").failed(74)
}

#[test]
fn a_second_daemon_is_refused_until_the_first_has_ended_however_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::KILL, Signal::TERM] {
        let first = Daemon::configured(dir.path(), &config(dir.path(), "state"));
        let error = refused(dir.path(), "state");
        let pid = first.id();
        assert!(
            error.contains(&format!("is in use by process {pid}")),
            "{error}"
        );
        assert!(error.contains("choose another state.dir"), "{error}");
        first.signal(Signal::HUP);
        first.wait_until_said("configuration reloaded from");
        assert!(refused(dir.path(), "state").contains("is in use"));
        first.signal(signal);
        until(|| match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => Err(stat),
            _ => Ok(()),
        });
    }
    let _last = Daemon::configured(dir.path(), &config(dir.path(), "state"));
}

#[test]
fn another_state_directory_is_used_after_a_restart_only() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::configured(dir.path(), &config(dir.path(), "state"));
    fs::write(dir.path().join("config.toml"), config(dir.path(), "other")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("[state] changed: restart the exporter to apply it");
    daemon.wait_until_said("configuration reloaded from");
    assert!(!dir.path().join("other").exists());
    assert!(refused(dir.path(), "state").contains("is in use"));
}

/// Returns a configuration that counts a log from its beginning and keeps what it counted.
fn kept(log: &Path) -> String {
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log,
    };
    let head = HEAD.replace("durability = \"none\"", "dir = 'state'");
    head + &source.toml()
}

/// Appends requests, of which each has a time of its own.
fn append_lines(log: &Path, lines: usize) {
    static SECOND: AtomicUsize = AtomicUsize::new(0);
    for _ in 0..lines {
        let second = SECOND.fetch_add(1, Ordering::Relaxed);
        let time = format!("{:02}:{:02}", second / 60, second % 60);
        let text = line("GET", 200).replace("47:15", &time);
        append(log).write_all(text.as_bytes()).unwrap();
    }
}

fn assert_counted(daemon: &Daemon, lines: u32) {
    let expected = u64::from(lines);
    let scrape = Scrape::parse(&daemon.metrics_after(&[("nginx", expected)]));
    assert_eq!(scrape.lines("nginx", Some("recorded")), expected);
    let labels = [
        ("source", "nginx"),
        ("method", "GET"),
        ("status", "200"),
        ("route", "/a"),
    ];
    let requests = scrape.value("httplog_requests_total", &labels);
    assert_eq!(requests, Some(f64::from(lines)));
    assert_eq!(
        scrape.value("httplog_exporter_state_durable", &[]),
        Some(1.0)
    );
}

/// Returns a log of three lines, the configuration that keeps what is counted of it, and a daemon that has counted them.
fn counting_three_lines(dir: &Path) -> (PathBuf, String, Daemon) {
    let log = dir.join("access.log");
    let config = kept(&log);
    append_lines(&log, 3);
    let daemon = Daemon::configured(dir, &config);
    assert_counted(&daemon, 3);
    (log, config, daemon)
}

#[test]
fn counts_go_on_exactly_after_a_kill_with_rotations_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (log, config, daemon) = counting_three_lines(dir.path());
    append_lines(&log, 2);
    drop(daemon); // SIGKILL
    append_lines(&log, 1);
    for number in [1, 2] {
        rename(&log, &log.with_extension(format!("log.{number}.tmp")));
        append_lines(&log, 4 + number);
    }
    rename(
        &log.with_extension("log.1.tmp"),
        &log.with_extension("log.2"),
    );
    rename(
        &log.with_extension("log.2.tmp"),
        &log.with_extension("log.1"),
    );
    let daemon = Daemon::configured(dir.path(), &config);
    assert_counted(&daemon, 17);
    assert!(daemon.said().contains("`state` is used"));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    append_lines(&log, 1);
    let daemon = Daemon::configured(dir.path(), &config);
    assert_counted(&daemon, 18);
}

#[test]
fn gaps_go_on_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (log, config, daemon) = counting_three_lines(dir.path());
    let labels = [("source", "nginx"), ("reason", "truncated")];
    let gaps = |daemon: &Daemon| {
        let name = "httplog_exporter_gap_events_total";
        daemon.scrape().value(name, &labels)
    };
    assert_eq!(gaps(&daemon), Some(0.0));
    let truncate = |daemon: &Daemon, lines| {
        File::options()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(0)
            .unwrap();
        daemon.wait_until_said("was truncated");
        append_lines(&log, 1);
        assert_counted(daemon, lines);
    };
    truncate(&daemon, 4);
    assert_eq!(gaps(&daemon), Some(1.0));
    drop(daemon); // SIGKILL
    let daemon = Daemon::configured(dir.path(), &config);
    assert_eq!(gaps(&daemon), Some(1.0));
    truncate(&daemon, 5);
    assert_eq!(gaps(&daemon), Some(2.0));
}

#[test]
fn a_damaged_state_is_replaced_by_the_one_before_and_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (log, config, daemon) = counting_three_lines(dir.path());
    append_lines(&log, 2);
    assert_counted(&daemon, 5);
    drop(daemon);
    let state = dir.path().join("state/state");
    let mut bytes = fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&state, bytes).unwrap();
    append_lines(&log, 1);
    let daemon = Daemon::configured(dir.path(), &config);
    assert_counted(&daemon, 6);
    assert!(
        daemon
            .said()
            .contains("`state.prev` is used, as `state` is damaged")
    );
    assert!(dir.path().join("state/state.damaged-1").exists());
}

#[test]
fn a_directory_that_cannot_be_written_keeps_nothing_and_the_metrics_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::write(dir.path().join("state"), "a file").unwrap();
    append_lines(&log, 3);
    let daemon = Daemon::configured(dir.path(), &kept(&log));
    let page = daemon.metrics_after(&[("nginx", 3)]);
    let durable = Scrape::parse(&page).value("httplog_exporter_state_durable", &[]);
    assert_eq!(durable, Some(0.0));
    daemon.wait_until_said("nothing is kept there");
}
