//! Tests of `lines`: what it prints is what `/metrics` counts.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::recorded::{RECORDED, line};
use crate::replay::gzip;
use crate::support::{
    Daemon, Ended, HEAD, Source, append, program, project, rename, run, run_command, until,
    wait_for_end,
};

const DEMO: &str = "fixtures/demo/access.log";

fn lines(args: &[&str], input: impl Into<Vec<u8>>) -> Ended {
    let args = ["lines"].iter().chain(args);
    run(&project(""), args, input)
}

#[test]
fn random_series_of_a_daemon_have_its_values_after_rotations() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let log = path("access.log");
    let demo = fs::read(project(DEMO)).unwrap();
    let all: Vec<&[u8]> = demo.split_inclusive(|byte| *byte == b'\n').collect();
    let source = Source {
        name: "nginx",
        pattern: "nginx-django",
        log: &log,
    };
    append(&log);
    let daemon = Daemon::configured(dir.path(), &format!("{HEAD}{}", source.toml()));
    let mut written = 0;
    for (number, part) in all.chunks(all.len().div_ceil(4)).enumerate() {
        if number > 0 {
            for old in (1..number).rev() {
                rename(
                    &path(&format!("access.log.{old}")),
                    &path(&format!("access.log.{}", old + 1)),
                );
            }
            rename(&log, &path("access.log.1"));
        }
        append(&log).write_all(&part.concat()).unwrap();
        written += part.len() as u64;
        until(|| match daemon.scrape().lines("nginx", None) {
            lines if lines == written => Ok(()),
            lines => Err(format!("{lines} of {written} lines")),
        });
    }
    let page = daemon.metrics();
    drop(daemon);
    for old in [2, 3] {
        let plain = path(&format!("access.log.{old}"));
        fs::write(
            path(&format!("access.log.{old}.gz")),
            gzip(&fs::read(&plain).unwrap()),
        )
        .unwrap();
        fs::remove_file(plain).unwrap();
    }
    let is_of_lines = |line: &&str| {
        !["#", "httplog_exporter_", "process_"]
            .iter()
            .any(|other| line.starts_with(other))
    };
    let samples: Vec<&str> = page.lines().filter(is_of_lines).collect();
    assert!(samples.len() > 400, "{}", samples.len());
    let mut at = 7;
    for _ in 0..200 {
        at = (at * 7_919 + 104_729) % samples.len();
        let (series, value) = samples[at].rsplit_once(' ').unwrap();
        let args = [
            "lines",
            "--config",
            "config.toml",
            "--count",
            series,
            "access.log.3.gz",
            "access.log.2.gz",
            "access.log.1",
            "access.log",
        ];
        let counted = run(dir.path(), args, "").succeeded();
        assert_eq!(counted.trim_end(), value, "{series}");
    }
}

#[test]
fn without_conditions_the_counted_lines_of_every_format_are_printed() {
    for (pattern, log) in RECORDED {
        let text = fs::read(project(log)).unwrap();
        let args = ["lines", "--pattern", pattern, log];
        let mut command = program(args);
        command
            .current_dir(project(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut out = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        assert!(wait_for_end(&mut child).success(), "{pattern}");
        let page = run(
            &project(""),
            ["replay", "--output", "json", "--pattern", pattern, log],
            "",
        );
        let page: Value = serde_json::from_str(&page.out).unwrap();
        let recorded = recorded_lines(&page);
        let printed = out.split_inclusive(|byte| *byte == b'\n').count() as u64;
        assert_eq!(printed, recorded, "{pattern}");
        let known: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for line in out.split(|byte| *byte == b'\n') {
            assert!(
                known.contains(&line),
                "{pattern}: {}",
                String::from_utf8_lossy(line)
            );
        }
    }
}

/// Returns the number of recorded lines of a JSON page.
fn recorded_lines(page: &Value) -> u64 {
    let text = page.to_string();
    let families = page["families"].as_array().or(page.as_array());
    let families = families.unwrap_or_else(|| panic!("{text:.300}"));
    let is_it = |family: &&Value| family["name"] == "httplog_exporter_lines_total";
    let family = families.iter().find(is_it).unwrap();
    let series = family["series"].as_array().or(family["samples"].as_array());
    let mut series = series.unwrap_or_else(|| panic!("{family}")).iter();
    let found = series.find(|one| one["labels"]["outcome"] == "recorded");
    found.unwrap()["value"].as_u64().unwrap()
}

#[test]
fn the_exit_code_tells_whether_there_is_a_line() {
    let log = line("GET", 200) + &line("POST", 502);
    let found = lines(&["--where", "status=502", "-"], log.clone());
    assert_eq!(found.succeeded(), line("POST", 502));
    let none = lines(&["--where", "status=404", "-"], log.clone()).failed(1);
    assert!(none.starts_with("error: no such line\n"), "{none}");
    let count = lines(&["--count", "--where", "status=404", "-"], log.clone());
    assert_eq!(count.succeeded(), "0\n");
    let usage = lines(&["--where", "staus=404", "-"], log).failed(64);
    assert!(usage.contains("did you mean `status`?"), "{usage}");
    lines(&["--count", "--json", "-"], "").failed(64);
}

#[test]
fn bytes_of_a_line_reach_a_pipe_as_they_are_and_objects_are_valid() {
    let hostile = b"127.0.0.1 - - [22/Nov/2026:18:47:15 +0000] \"GET /\xff\x1b[2J HTTP/1.1\" 200 10 \"-\" \"\xe2\x80\xae\"\n";
    let args = ["lines", "--pattern", "nginx-combined", "-"];
    let write = |args: &[&str]| {
        let mut child = program(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(hostile).unwrap();
        let mut out = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        assert!(wait_for_end(&mut child).success());
        out
    };
    assert_eq!(write(&args), hostile);
    let object: Value = serde_json::from_slice(&write(&[&args[..], &["--json"]].concat())).unwrap();
    assert_eq!(object["fields"]["target"], "/\u{fffd}\u{1b}[2J");
    assert_eq!(object["fields"]["status"], 200);
    assert_eq!(object["labels"]["source"], "nginx-combined");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::write(&log, line("GET", 200).repeat(50_000)).unwrap();
    let mut child = program(["lines", log.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_ends_without_reader(&mut child);
}

/// Reads a few bytes of a command's output and closes it; asserts that the command ends quietly.
pub fn assert_ends_without_reader(child: &mut Child) {
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let status = wait_for_end(child);
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}

#[test]
fn rejected_lines_are_printed_by_reason() {
    let long = "x".repeat(70_000);
    let text = format!("{}junk\n{long}\nother junk\n", line("GET", 200));
    let args = ["--pattern", "nginx-combined", "-", "--reject"];
    let rejected = lines(&[&args[..], &["mismatch"]].concat(), text.clone());
    assert_eq!(rejected.succeeded(), "junk\nother junk\n");
    let overlong = lines(&[&args[..], &["overlong", "--count"]].concat(), text);
    assert_eq!((overlong.code, overlong.out.as_str()), (Some(0), "1\n"));
    assert!(overlong.err.contains("not shown"), "{}", overlong.err);
}

#[test]
fn several_logs_are_read_in_their_sequence() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (
        dir.path().join("access.log.1.gz"),
        dir.path().join("access.log"),
    );
    fs::write(&old, gzip(line("POST", 500).as_bytes())).unwrap();
    fs::write(&new, line("GET", 501)).unwrap();
    let mut command = program([
        "lines",
        "--where",
        "status=5..",
        "--fields",
        "method,status,source",
    ]);
    command.args([Path::new(&old), &new]);
    let found = run_command(command, "");
    assert_eq!(
        found.succeeded(),
        "POST\t500\tnginx-combined\nGET\t501\tnginx-combined\n"
    );
}
