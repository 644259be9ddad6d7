//! Tests of the journal through a stand-in for `journalctl`: followed, resumed, and replayed.
//!
//! Invariant: the stand-in takes the options of the real program and writes its export format; its
//! entries are files that a test writes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::counts;
use crate::recorded::line;
use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, program, project, run, until};

/// Prints the files of `entries/`, which are named by cursor, sorted, starting at `--cursor` or at
/// the next one if that is missing; then waits for more, until a file `die` exists.
const STAND_IN: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$$" >>pids
echo "$*" >>calls
from=
for option; do
    case $option in --cursor=i=*) from=${option#--cursor=i=} ;; esac
done
given=
while :; do
    for entry in entries/*; do
        name=${entry#entries/}
        [ "$name" = '*' ] && continue
        [ -n "$given" ] && [ ! "$name" \> "$given" ] && continue
        [ -n "$from" ] && [ "$name" \< "$from" ] && continue
        cat "$entry"
        given=$name
    done
    [ -e die ] && rm die && exit 3
    # A killed daemon cannot kill this program, so it exits with the test.
    [ -d entries ] || exit 0
    sleep 0.05
done
"#;

/// A journal, and the stand-in that reads it.
struct Journal {
    dir: PathBuf,
    last: u32,
}

impl Journal {
    fn new(dir: &Path) -> Self {
        let dir = dir.join("bin");
        fs::create_dir_all(dir.join("entries")).unwrap();
        let program = dir.join("journalctl");
        fs::write(&program, STAND_IN).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir, last: 0 }
    }

    fn log(&mut self, lines: u32) {
        for _ in 0..lines {
            self.last += 1;
            let name = format!("{:05}", self.last);
            let text = entry(&format!("i={name}"), 17, line("GET", 200).trim_end());
            // Renamed when complete, so that the stand-in never reads a partial file.
            let begun = self.dir.join("begun");
            fs::write(&begun, text).unwrap();
            crate::support::rename(&begun, &self.dir.join("entries").join(name));
        }
    }

    /// Deletes all entries, as `journalctl --vacuum-size` may.
    fn forget_all(&self) {
        for entry in fs::read_dir(self.dir.join("entries")).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.dir.join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    fn start(&self, dir: &Path) -> Daemon {
        let config = dir.join("config.toml");
        let text = HEAD.replace("durability = \"none\"", "dir = 'state'");
        fs::write(
            &config,
            format!("{text}\n[[source]]\nname = 'gunicorn'\npattern = 'nginx-combined'\njournal = 'gunicorn.service'\nstart = 'beginning'\n"),
        )
        .unwrap();
        let mut command = program(["run", "--config"]);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .arg(config)
            .env("PATH", format!("{}:{path}", self.dir.display()));
        Daemon::start(dir, command)
    }
}

/// Formats an entry as journald exports it: as text, except a value with a newline, as binary.
fn entry(cursor: &str, pid: u32, message: &str) -> Vec<u8> {
    let mut entry = format!(
        "__CURSOR={cursor}\n__REALTIME_TIMESTAMP=1795373234000000\n__MONOTONIC_TIMESTAMP=4711\n\
         _BOOT_ID=0f1e2d3c4b5a69788796a5b4c3d2e1f0\nPRIORITY=6\n_TRANSPORT=stdout\n_PID={pid}\n\
         SYSLOG_IDENTIFIER=gunicorn\n_SYSTEMD_UNIT=gunicorn.service\n"
    )
    .into_bytes();
    let note = b"two\nlines";
    entry.extend(b"NOTE\n");
    entry.extend((note.len() as u64).to_le_bytes());
    entry.extend(note);
    entry.extend(format!("\nMESSAGE={message}\n\n").as_bytes());
    entry
}

fn gaps(daemon: &Daemon) -> Option<f64> {
    let labels = [("source", "gunicorn"), ("reason", "journal_gap")];
    daemon
        .scrape()
        .value("httplog_exporter_gap_events_total", &labels)
}

fn assert_counted(daemon: &Daemon, lines: u64) {
    let scrape = Scrape::parse(&daemon.metrics_after(&[("gunicorn", lines)]));
    assert_eq!(scrape.lines("gunicorn", Some("recorded")), lines);
    assert_eq!(scrape.lines("gunicorn", None), lines);
}

fn stop(daemon: Daemon) {
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_journal_is_followed_across_restarts_of_its_reader_and_of_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::new(dir.path());
    journal.log(3);
    let daemon = journal.start(dir.path());
    assert_counted(&daemon, 3);
    fs::write(journal.dir.join("die"), "").unwrap();
    daemon.wait_until_said("journalctl exited (exit status: 3)");
    journal.log(2);
    assert_counted(&daemon, 5);
    let calls = journal.calls();
    assert!(
        calls[0].contains("--unit=gunicorn.service") && !calls[0].contains("cursor"),
        "{calls:?}"
    );
    assert!(calls[1].contains("--cursor=i=00003"), "{calls:?}");
    stop(daemon);
    for id in fs::read_to_string(journal.dir.join("pids"))
        .unwrap()
        .lines()
    {
        assert!(
            !Path::new("/proc").join(id).exists(),
            "{id} is still running"
        );
    }

    // Entries logged meanwhile are counted, and none twice.
    journal.log(4);
    let daemon = journal.start(dir.path());
    assert_counted(&daemon, 9);
    assert!(journal.calls().last().unwrap().contains("--cursor=i=00005"));
    assert_eq!(gaps(&daemon), Some(0.0));
    stop(daemon);

    // The journal does not hold the cursor any more.
    journal.forget_all();
    journal.log(2);
    let daemon = journal.start(dir.path());
    assert_counted(&daemon, 11);
    until(|| {
        (gaps(&daemon) == Some(1.0))
            .then_some(())
            .ok_or_else(|| "no gap".into())
    });
}

#[test]
fn a_killed_daemon_goes_on_from_the_entry_that_was_served_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::new(dir.path());
    journal.log(3);
    let daemon = journal.start(dir.path());
    assert_counted(&daemon, 3);
    drop(daemon); // SIGKILL
    journal.log(1);
    let daemon = journal.start(dir.path());
    assert_counted(&daemon, 4);
    assert_eq!(gaps(&daemon), Some(0.0));
}

/// Formats journald's report of messages that it dropped, as `transport` delivered it.
fn suppressed(cursor: &str, transport: &str, uid: u32) -> String {
    format!(
        "__CURSOR={cursor}\n_BOOT_ID=0f1e2d3c4b5a69788796a5b4c3d2e1f0\nPRIORITY=6\n_TRANSPORT={transport}\n\
         SYSLOG_IDENTIFIER=systemd-journald\n_UID={uid}\n_PID=211\n_COMM=systemd-journal\n\
         MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\n\
         MESSAGE=Suppressed 1500 messages from gunicorn.service\nN_DROPPED=1500\n\
         OBJECT_PID=17\nOBJECT_SYSTEMD_UNIT=gunicorn.service\n\n"
    )
}

#[test]
fn messages_that_journald_dropped_are_a_gap_and_not_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::new(dir.path());
    journal.log(2);
    let entries = journal.dir.join("entries");
    fs::write(entries.join("00002a"), suppressed("i=00002a", "driver", 0)).unwrap();
    journal.log(1);
    let daemon = journal.start(dir.path());
    assert_counted(&daemon, 3);
    let labels = [("source", "gunicorn"), ("reason", "suppressed")];
    until(|| {
        let scrape = daemon.scrape();
        let found = scrape.value("httplog_exporter_gap_events_total", &labels);
        (found == Some(1500.0))
            .then_some(())
            .ok_or_else(|| format!("{found:?}"))
    });
    daemon.wait_until_said("1500 messages dropped by journald");
    stop(daemon);
    // The report is not counted again at the next start.
    journal.log(1);
    let daemon = journal.start(dir.path());
    assert_counted(&daemon, 4);
    let found = (daemon.scrape()).value("httplog_exporter_gap_events_total", &labels);
    assert_eq!(found, Some(1500.0));
    // Any process can send these fields.
    fs::write(entries.join("00009"), suppressed("i=00009", "journal", 33)).unwrap();
    until(|| {
        let rejected = daemon.scrape().lines("gunicorn", Some("rejected"));
        (rejected == 1)
            .then_some(())
            .ok_or_else(|| "none rejected".into())
    });
    let found = (daemon.scrape()).value("httplog_exporter_gap_events_total", &labels);
    assert_eq!(found, Some(1500.0));
}

#[test]
fn messages_that_journald_dropped_are_a_warning_of_replay() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = entry("i=1", 17, line("GET", 200).trim_end());
    text.extend(suppressed("i=2", "driver", 0).as_bytes());
    fs::write(dir.path().join("export"), &text).unwrap();
    let replayed = run(dir.path(), ["replay", "export"], "");
    assert!(
        replayed.err.contains("1500 messages missing"),
        "{replayed:?}"
    );
    assert!(!replayed.err.contains("rejected"), "{replayed:?}");
}

#[test]
fn an_exported_journal_is_replayed_without_messages_of_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = entry("i=1", 1, "Started gunicorn.service.");
    for n in 0..100 {
        text.extend(entry(&format!("i={n}"), 17, line("GET", 200).trim_end()));
    }
    fs::write(dir.path().join("export"), &text).unwrap();
    let replayed = run(dir.path(), ["replay", "--output", "json", "export"], "").succeeded();
    let piped = run(dir.path(), ["replay", "--output", "json", "-"], text).succeeded();
    assert_eq!(replayed, piped);
    assert!(replayed.contains("httplog_requests_total"), "{replayed}");
    let metrics = run(dir.path(), ["replay", "--output", "metrics", "export"], "").succeeded();
    let scrape = Scrape::parse(&metrics);
    assert_eq!(
        scrape.by("httplog_requests_total", "status"),
        [("200".to_owned(), 100.0)]
    );
}

#[test]
fn a_recorded_journal_is_replayed_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let export = project("fixtures/journal/gunicorn.export");
    let recorded = fs::read(&export).unwrap();
    let lines: Vec<&[u8]> = recorded
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"MESSAGE="))
        .collect();
    // The journal also holds gunicorn's error log.
    let (warnings, lines): (Vec<&[u8]>, Vec<&[u8]>) = lines
        .into_iter()
        .partition(|line| line.starts_with(b"WSGI"));
    assert_eq!((lines.len(), warnings.len()), (30, 5));
    let expected = counts::of_log(&[lines.join(&b'\n'), vec![b'\n']].concat());
    let args = [
        "replay".as_ref(),
        "--pattern=gunicorn-django".as_ref(),
        "--output=metrics".as_ref(),
        export.as_os_str(),
    ];
    let replayed = run(dir.path(), args, "");
    assert!(
        replayed.err.contains("5 of 35 lines rejected"),
        "{replayed:?}"
    );
    let scrape = Scrape::parse(&replayed.out);
    assert_eq!(scrape.requests("gunicorn-django"), expected);
}

/// Ignores signals, and writes an entry without an end and noise on its standard error.
const FLOOD: &str = r#"#!/bin/sh
trap '' TERM INT HUP
echo "$$" >"$(dirname "$0")/pids"
printf '__CURSOR=i=1\nMESSAGE='
while :; do
    echo noise >&2
    printf '%01000d' 1
done
"#;

/// Ignores signals, and writes nothing.
const HANG: &str = r#"#!/bin/sh
trap '' TERM INT HUP
echo "$$" >"$(dirname "$0")/pids"
while :; do sleep 1; done
"#;

#[test]
fn a_program_that_floods_or_hangs_is_killed_and_reaped() {
    for script in [FLOOD, HANG] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path());
        fs::write(journal.dir.join("journalctl"), script).unwrap();
        let daemon = journal.start(dir.path());
        let process = until(|| {
            let pids = fs::read_to_string(journal.dir.join("pids")).unwrap_or_default();
            let pid = pids.strip_suffix('\n').ok_or("no process")?;
            Ok(Path::new("/proc").join(pid))
        });
        if script == FLOOD {
            daemon.wait_until_said("what else it writes is dropped");
        }
        // Without the source, the program ends although the daemon does not.
        let other =
            "\n[[source]]\nname = 'other'\npattern = 'nginx-combined'\npaths = ['none.log']\n";
        fs::write(dir.path().join("config.toml"), HEAD.to_owned() + other).unwrap();
        daemon.signal(Signal::HUP);
        daemon.wait_until_said("configuration reloaded from");
        assert!(!process.exists(), "not killed, or not reaped");
        assert!(daemon.said().matches("journalctl: noise").count() <= 4);
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end(), 0);
    }
}
