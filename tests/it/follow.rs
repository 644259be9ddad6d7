//! Tests of the daemon following logs that are written, renamed and truncated.

use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use rustix::process::Signal;

use crate::counts::{self, Counts};
use crate::recorded::{RECORDED, line};
use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, Source, append, program, project, rename, run};

/// Counts of the lines written to a source's logs, to compare with the counts of the daemon.
pub struct Written<'a> {
    source: &'a str,
    text: String,
}

impl<'a> Written<'a> {
    pub fn new(source: &'a str) -> Self {
        Self {
            source,
            text: String::new(),
        }
    }

    /// Writes lines to a file, each in a separate write.
    pub fn write(&mut self, file: &mut fs::File, method: &str, status: u16, lines: usize) {
        for _ in 0..lines {
            let line = line(method, status);
            file.write_all(line.as_bytes()).unwrap();
            self.text.push_str(&line);
        }
    }

    pub fn counts(&self) -> Counts {
        counts::of_log(self.text.as_bytes())
    }

    /// Waits until the daemon has counted as many lines, and asserts that the counts are equal.
    pub fn check(&self, daemon: &Daemon) {
        let counts = self.counts();
        let page = daemon.metrics_after(&[(self.source, counts::total(&counts))]);
        Scrape::parse(&page).assert_counted(self.source, &counts);
    }
}

/// Returns a configuration of one source, with `more` keys.
fn config(paths: &str, more: &str) -> String {
    format!(
        "{HEAD}\n[[source]]\nname = 'nginx'\npaths = ['{paths}']\npattern = 'nginx-combined'\n{more}\n"
    )
}

#[test]
fn a_source_whose_lines_do_not_match_is_warned_of_once_with_the_command_that_shows_why() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::write(&log, line("GET", 200).repeat(3)).unwrap();
    let source = Source {
        name: "site",
        pattern: "gunicorn-django",
        log: &log,
    };
    let daemon = Daemon::follow(dir.path(), &[source]);
    daemon.metrics_after(&[("site", 3)]);
    let command = format!(
        "tail -n 1 {} | httplog-exporter explain --pattern gunicorn-django -",
        log.display()
    );
    daemon.wait_until_said(&format!(
        "3 of the last 3 lines were rejected, most of them as mismatch; to see why: {command}"
    ));
    append(&log).write_all(line("GET", 200).as_bytes()).unwrap();
    daemon.metrics_after(&[("site", 4)]);
    assert_eq!(daemon.said().matches("were rejected").count(), 1);
    let config = dir.path().join("config.toml");
    let checked = run(
        dir.path(),
        ["check", "--config", config.to_str().unwrap()],
        "",
    );
    let said = checked.succeeded();
    assert!(said.contains("0 of the last 4 lines of"), "{said}");
    assert!(said.contains("they look like `nginx-combined`"), "{said}");
}

#[test]
fn every_recorded_line_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let logs = RECORDED.map(|(pattern, log)| (pattern, project(log)));
    let sources = logs.each_ref().map(|(pattern, log)| Source {
        name: pattern,
        pattern,
        log,
    });
    let expected = logs
        .each_ref()
        .map(|(pattern, log)| (*pattern, counts::of_log(&fs::read(log).unwrap())));
    let lines = expected
        .each_ref()
        .map(|(pattern, counts)| (*pattern, counts::total(counts)));

    let daemon = Daemon::follow(dir.path(), &sources);
    let scrape = Scrape::parse(&daemon.metrics_after(&lines));
    for (source, counts) in &expected {
        // Daphne also logs the events of WebSockets, which are skipped.
        if *source == "daphne" {
            assert_eq!(scrape.requests(source), *counts);
            assert_eq!(scrape.lines(source, Some("rejected")), 0);
        } else {
            scrape.assert_counted(source, counts);
        }
    }
}

#[test]
fn a_bare_log_is_followed_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = append(&dir.path().join("access.log"));
    let mut written = Written::new("access");
    written.write(&mut log, "GET", 200, 7);
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    written.check(&daemon);
    written.write(&mut log, "POST", 201, 5);
    written.check(&daemon);
}

#[test]
fn rename_and_create_with_both_files_written_counts_every_line_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let mut log = append(&path);
    let mut written = Written::new("access");
    written.write(&mut log, "GET", 200, 3);
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    written.check(&daemon);
    for (round, status) in [301, 302, 303].into_iter().enumerate() {
        rename(&path, &path.with_extension(format!("log.{round}")));
        // The path does not exist at this moment.
        written.write(&mut log, "PUT", status, 2);
        let mut next = append(&path);
        for _ in 0..10 {
            written.write(&mut log, "GET", status, 1);
            written.write(&mut next, "POST", status, 1);
        }
        written.check(&daemon);
        // The old file grows after the new one was counted.
        written.write(&mut log, "DELETE", status, 2);
        written.check(&daemon);
        log = next;
    }
    assert_eq!(daemon.said().matches("was rotated").count(), 3);
}

#[test]
fn rotation_during_heavy_writing_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let mut log = append(&path);
    let mut written = Written::new("access");
    written.write(&mut log, "GET", 200, 1);
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    for round in 0..20 {
        written.write(&mut log, "GET", 200 + round, 200);
        rename(&path, &path.with_extension("log.1"));
        written.write(&mut log, "POST", 200 + round, 50);
        log = append(&path);
        // The next rotation reuses the name of this file, which must be open by then.
        written.write(&mut log, "PUT", 200 + round, 1);
        written.check(&daemon);
    }
}

#[test]
fn a_partial_last_line_waits_for_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = append(&dir.path().join("access.log"));
    let mut written = Written::new("access");
    written.write(&mut log, "GET", 200, 1);
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    written.check(&daemon);

    let late = line("POST", 201);
    let (head, tail) = late.split_at(60);
    log.write_all(head.as_bytes()).unwrap();
    // The daemon has read the partial line and waits for its end.
    crate::support::until(|| {
        let lag = daemon
            .scrape()
            .value("httplog_exporter_lag_bytes", &[("source", "access")]);
        (lag == Some(60.0)).then_some(()).ok_or(format!("{lag:?}"))
    });
    written.check(&daemon);
    log.write_all(tail.as_bytes()).unwrap();
    written.text.push_str(&late);
    written.check(&daemon);
}

#[test]
fn a_file_that_appears_later_is_read_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("nginx");
    let daemon = Daemon::waiting(
        dir.path(),
        &config(folder.join("access.log").to_str().unwrap(), ""),
    );
    daemon.wait_until_said("no file at");
    fs::create_dir(&folder).unwrap();
    let mut log = append(&folder.join("access.log"));
    let mut written = Written::new("nginx");
    written.write(&mut log, "GET", 200, 5);
    written.check(&daemon);

    // The whole directory is removed and created again.
    fs::remove_dir_all(&folder).unwrap();
    written.write(&mut log, "POST", 200, 2);
    fs::create_dir(&folder).unwrap();
    let mut log = append(&folder.join("access.log"));
    written.write(&mut log, "PUT", 200, 3);
    written.check(&daemon);
}

#[test]
fn a_glob_discovers_files_as_they_appear() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let file = |name: &str| append(&folder.join(name));
    let mut written = Written::new("nginx");
    // Lines that existed at the start are not counted: `start` is "end".
    Written::new("nginx").write(&mut file("a.log"), "HEAD", 200, 9);
    let glob = folder.join("*.log*");
    let daemon = Daemon::configured(dir.path(), &config(glob.to_str().unwrap(), ""));
    written.write(&mut file("a.log"), "GET", 200, 1);
    written.write(&mut file("b.log"), "POST", 201, 2);
    Written::new("nginx").write(&mut file("b.log.1.gz"), "GET", 500, 1);
    written.write(&mut file("c.log"), "PUT", 204, 3);
    written.check(&daemon);
    let open = daemon
        .scrape()
        .value("httplog_exporter_files_open", &[("source", "nginx")]);
    assert_eq!(open, Some(3.0));
}

#[test]
fn a_thousand_files_of_one_glob_are_all_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let mut written = Written::new("nginx");
    for n in 0..1_000 {
        written.write(&mut append(&folder.join(format!("{n}.log"))), "GET", 200, 1);
    }
    let glob = folder.join("*.log");
    let config = config(glob.to_str().unwrap(), "start = 'beginning'");
    let daemon = Daemon::configured(dir.path(), &config);
    written.check(&daemon);
    written.write(&mut append(&folder.join("999.log")), "POST", 200, 1);
    written.check(&daemon);
}

#[test]
fn more_files_than_descriptors_are_read_in_turn_and_leave_some_for_scrapes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let mut written = Written::new("nginx");
    for n in 0..100 {
        written.write(&mut append(&folder.join(format!("{n}.log"))), "GET", 200, 1);
    }
    let glob = folder.join("*.log");
    let path = dir.path().join("config.toml");
    fs::write(&path, config(glob.to_str().unwrap(), "start = 'beginning'")).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\" run --config \"$1\""])
        .arg(env!("CARGO_BIN_EXE_httplog-exporter"))
        .arg(&path);
    let daemon = Daemon::start(dir.path(), command);
    daemon.wait_until_said("raise the limit of open files");
    written.check(&daemon);
    let labels = [("source", "nginx")];
    let open = daemon
        .scrape()
        .value("httplog_exporter_files_open", &labels);
    // A quarter of the descriptors is reserved for files.
    assert!(open.is_some_and(|open| open <= 16.0), "{open:?}");
    assert!(daemon.metrics().contains("process_max_fds 64"));
    // Not a line for each file, and none left out of the sum.
    daemon.signal(Signal::TERM);
    daemon.wait_until_said("more like this in");
    let lines = |what| daemon.said().matches(what).count();
    assert!(
        lines("raise the limit of open files") <= 11,
        "{}",
        daemon.said()
    );
    assert!(lines("following ") <= 11, "{}", daemon.said());
}

#[test]
fn truncation_is_a_gap_and_later_lines_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let mut log = append(&path);
    let mut written = Written::new("access");
    written.write(&mut log, "GET", 200, 5);
    let daemon = Daemon::bare(dir.path(), ["access.log"]);
    written.check(&daemon);
    let gaps = || {
        daemon.scrape().value(
            "httplog_exporter_gap_events_total",
            &[("source", "access"), ("reason", "truncated")],
        )
    };
    assert_eq!(gaps(), Some(0.0));
    log.set_len(0).unwrap();
    daemon.wait_until_said("was truncated");
    written.write(&mut log, "POST", 201, 3);
    written.check(&daemon);
    assert_eq!(gaps(), Some(1.0));
}

#[test]
fn polling_alone_finds_lines_files_and_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let mut log = append(&path);
    let daemon = Daemon::configured(dir.path(), &config(path.to_str().unwrap(), "watch = false"));
    let mut written = Written::new("nginx");
    written.write(&mut log, "GET", 200, 5);
    written.check(&daemon);
    rename(&path, &path.with_extension("log.1"));
    let mut next = append(&path);
    written.write(&mut log, "POST", 200, 2);
    written.write(&mut next, "PUT", 200, 2);
    written.check(&daemon);
    assert_eq!(inotify_handles(&daemon), 0);
}

/// Returns the number of inotify instances that the daemon holds.
fn inotify_handles(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.id()))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.as_os_str().as_bytes().ends_with(b"inotify"))
        .count()
}

#[test]
fn odd_names_are_followed_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a b [x]*");
    fs::create_dir(&folder).unwrap();
    let names = [
        std::ffi::OsStr::from_bytes(b"n\xff\n.log"),
        "pl ain.log".as_ref(),
        "-dash.log".as_ref(),
    ];
    for name in names {
        append(&folder.join(name))
            .write_all(line("GET", 200).as_bytes())
            .unwrap();
    }
    let mut command: Command = program(["run", "--listen", "127.0.0.1:0", "--"]);
    command.args(names).current_dir(&folder);
    let daemon = Daemon::start(dir.path(), command);
    let labels = ["n\u{fffd}\u{fffd}", "pl ain", "-dash"];
    let scrape = Scrape::parse(&daemon.metrics_after(&labels.map(|label| (label, 1))));
    for label in labels {
        scrape.assert_counted(label, &counts::of_log(line("GET", 200).as_bytes()));
    }
}
