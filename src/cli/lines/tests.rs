//! The numbers of `lines` are those of `replay`.

use std::fs;
use std::path::Path;

use clap::Parser;
use proptest::prelude::*;

use super::*;
use crate::cli::logs::{Aim, Threads};
use crate::expose::encode_text;
use crate::model::Families;

/// Metrics of several sets, custom ones with conditions, and views.
const CONFIG: &str = "
[metrics]
sets = ['httplog', 'django', 'nginxlog']
native = ['httplog_request_duration_seconds']
[[metric]]
name = 'errors_total'
help = 'Errors.'
type = 'counter'
labels = ['route', 'status']
when = { status = ['5xx'] }
[[metric]]
name = 'sent_bytes_total'
help = 'Bytes.'
type = 'counter'
value = 'response_bytes'
labels = ['method', 'scheme']
[routes.site]
templates = { '/a/<int:x>/' = 'a', '/b/' = 'b', '/c/<slug:x>/' = 'c' }
[[source]]
name = 'front'
paths = ['/nowhere/access.log']
pattern = 'nginx-django'
routes = 'site'
";

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    lines: Lines,
}

fn command(args: &[&str]) -> Lines {
    let args = ["lines"].iter().chain(args);
    Command::try_parse_from(args).unwrap().lines
}

/// Returns the output of `lines`, or its message.
fn lines(args: &[&str]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let written = command(args).write(&mut out, false);
    written.map(|()| out).map_err(|failure| failure.to_string())
}

/// Returns the series of a page with their values.
fn page(args: &[&str]) -> Vec<(String, String)> {
    let command = command(args);
    let session = command.logs.read(Aim::Families, Threads::ONE).unwrap();
    let mut formats = session.formats;
    let shards = formats.iter_mut().map(|counts| &mut counts.shard);
    let families = Families::new(shards.flat_map(crate::aggregate::Shard::snapshot));
    let mut text = Vec::new();
    encode_text(&families, &mut text);
    let text = String::from_utf8(text).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| line.rsplit_once(' ').unwrap());
    samples
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
        .collect()
}

fn log_line() -> impl Strategy<Value = String> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("PROPFIND")];
    let path = prop_oneof![
        "/a/[0-9]{1,3}/",
        Just("/b/".to_owned()),
        "/c/[a-z]{1,2}/",
        "/[a-z]{1,2}",
        Just("*".to_owned()),
    ];
    let status = prop_oneof![Just(200), Just(404), Just(502), Just(999), 100..600_u16];
    let numbers = (0..4_000_u64, 0..2_000_000_u64, 0..3_usize);
    let request = (method, path, status, numbers).prop_map(|(method, path, status, (millis, bytes, retries))| {
        let rt = format!("{}.{:03}", millis / 1_000, millis % 1_000);
        let urt = format!("{}{rt}", "0.001, ".repeat(retries));
        format!(
            "10.0.0.1 - - [22/Nov/2026:20:19:39 +0000] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"ua\" \
             rt={rt} urt=\"{urt}\" uct=\"0.000\" uht=\"0.001\" us=\"{status}\" host=\"h\" scheme=http cl=- \
             rid=0123456789abcdef0123456789abcdef view=\"-\""
        )
    });
    let request =
        (request, prop_oneof![4 => Just(""), 1 => Just("\r")]).prop_map(|(line, end)| line + end);
    prop_oneof![8 => request, 1 => Just("not a request".to_owned()), 1 => Just(String::new())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_series_is_counted_as_by_replay_and_its_lines_count_the_same(
        log in proptest::collection::vec(log_line(), 1..60),
        is_full: bool,
        picks: [prop::sample::Index; 12],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (config, all, some) = (path("config.toml"), path("all.log"), path("some.log"));
        let limit = if is_full { "[limits]\nseries = 100\n" } else { "" };
        fs::write(&config, format!("{limit}{CONFIG}")).unwrap();
        fs::write(&all, log.join("\n") + "\n").unwrap();
        let page_of = |log: &str| page(&["--config", &config, log]);
        let samples = page_of(&all);
        for pick in picks {
            let (series, value) = pick.get(&samples);
            let args = ["--config", &config, "--count", series, &all];
            let counted = lines(&args).map(|out| String::from_utf8(out).unwrap());
            prop_assert_eq!(counted.as_deref(), Ok(&*format!("{value}\n")), "{}", series);
            // Among fewer lines, none may be over the limit.
            if !is_full && value != "0" {
                let found = lines(&["--config", &config, series, &all]).unwrap();
                fs::write(&some, &found).unwrap();
                let again = page_of(&some);
                let again = again.iter().find(|(known, _)| known == series);
                prop_assert_eq!(again.map(|(_, value)| value), Some(value), "{}", series);
            }
        }
    }
}

/// Writes a log of a few requests, and returns its directory and path.
fn small_log() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let line = |hour: u8, method: &str, path: &str, status: u16| {
        format!(
            "10.0.0.{hour} - - [22/Nov/2026:{hour:02}:30:00 +0100] \"{method} {path} HTTP/1.1\" {status} 10 \"-\" \"ua\"\n"
        )
    };
    let text = line(1, "GET", "/form/", 200)
        + &line(2, "POST", "/form/", 502)
        + &line(3, "GET", "/form/", 502);
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

/// Asserts the number of lines that arguments select.
fn check_number(args: &[&str], expected: usize) {
    let found = lines(args).unwrap_or_else(|error| panic!("{args:?}: {error}"));
    let found = String::from_utf8(found).unwrap();
    assert_eq!(found.lines().count(), expected, "{args:?}: {found}");
}

#[test]
fn conditions_are_on_labels_fields_and_times() {
    let (_dir, log) = small_log();
    let check = |condition: &str, expected| check_number(&["--where", condition, &log], expected);
    check("status=502", 2);
    check("status=5.. method=POST", 1);
    check("status=5xx", 2);
    check("status!=5..", 1);
    check("method=~'P.*'", 1);
    check("route=/form/", 3);
    check("remote_addr=10.0.0.[12]", 2);
    check("response_bytes>=10B response_bytes<11", 3);
    check("source=nginx-combined status=200", 1);
    check_number(&["--between", "02:00", "03:30", &log], 1);
    check_number(
        &[
            "--between",
            "2026-11-22T01:30:00Z",
            "2026-11-23T00:00:00Z",
            &log,
        ],
        2,
    );
    check_number(&["httplog_requests_total", &log], 3);
    check_number(&["--where", "status=502", "--where", "method=GET", &log], 1);
    check_number(&["{status=\"502\"}", &log], 2);
    check_number(
        &[
            "httplog_requests_total{status=~\"5..\",method!=\"GET\"} 1",
            &log,
        ],
        1,
    );
    check_number(&[&log], 3);
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text + "junk\n").unwrap();
    let pattern = ["--pattern", "nginx-combined", &log];
    check_number(&[&pattern[..], &["--reject", "mismatch"]].concat(), 1);
    check_number(&pattern, 3);
}

/// Asserts that arguments are refused with this message and remedy.
fn check_fault(log: &str, args: &[&str], message: &str, help: &str) {
    let error = lines(&[args, &[log]].concat()).unwrap_err();
    let is_told = error.contains(message) && error.contains(help);
    assert!(is_told, "{args:?}: {error}");
}

#[test]
fn every_fault_of_a_condition_names_its_remedy() {
    let (_dir, log) = small_log();
    let check = |args: &[&str], message: &str, help: &str| check_fault(&log, args, message, help);
    let condition =
        |text: &str, message: &str, help: &str| check(&["--where", text], message, help);
    condition("status", "expected a condition", "write NAME=VALUE");
    condition("=5", "expected a condition", "write NAME=VALUE");
    condition(
        "status= method=GET",
        "`status` has no value",
        "without a blank",
    );
    condition("route=\"a b", "no `\"` ends the value", "add `\"`");
    condition("rout=x", "--where:1:1", "did you mean `route`?");
    condition(
        "duration>fast",
        "`fast` is not a value of `duration`",
        "as in `1.5s`",
    );
    condition(
        "status>500",
        "`status` is not compared by size",
        "`status=5..`",
    );
    condition("route=~(", "not a regular expression", "backslash");
    condition("method=GTE", "no `method` is `GTE`", "did you mean `GET`?");
    condition("status=700", "no `status` is `700`", "100 to 599");
    condition("route=/from/", "no such line", "did you mean `/form/`?");
    condition(
        "duration>1s",
        "these lines have no `duration`",
        "let the server log it",
    );
    condition("source=front", "no `source` is `front`", "--config");
    condition("scheme=http", "these lines have no `scheme`", "");
    condition(
        "charset=utf-8",
        "no metric of these logs has the label `charset`",
        "method, route",
    );
}

#[test]
fn every_fault_of_a_series_names_its_remedy() {
    let (_dir, log) = small_log();
    let check = |args: &[&str], message: &str, help: &str| check_fault(&log, args, message, help);
    check(
        &["{route=x}"],
        "expected a value in double quotes",
        "single quotes",
    );
    check(&["{route=\"x\" b"], "expected `,` or `}`", "single quotes");
    check(
        &["x{rout=\"x\"}"],
        "`rout` is not a label",
        "did you mean `route`?",
    );
    check(&["{le=\"1\"}"], "`le` without the name", "`_bucket`");
    check(
        &["httplog_request_total{}"],
        "count in no `httplog_request_total`",
        "did you mean `httplog_requests_total`?",
    );
    check(
        &["httplog_requests_total{host=\"x\"}"],
        "has no label `host`",
        "one of: method",
    );
    check(
        &["httplog_requests_total{le=\"1\"}"],
        "only buckets",
        "`_bucket`",
    );
    check(
        &["httplog_response_size_bytes_bucket{}"],
        "which bucket",
        "`_count`",
    );
    check(
        &["httplog_response_size_bytes_bucket{le=\"7\"}"],
        "has no bucket `7`",
        "+Inf",
    );
    check(
        &["httplog_exporter_lines_total{}"],
        "is about the exporter",
        "httplog_requests_total",
    );
    check(
        &["httplog_exporter_rejected_lines_total{}"],
        "no labels",
        "--reject REASON",
    );
    check(
        &["httplog_queue_duration_seconds_count{}"],
        "pairs of lines",
        "one server",
    );
    check(
        &["--reject", "mismatched"],
        "`mismatched` is not a reason for which lines are rejected",
        "did you mean `mismatch`?",
    );
    check(
        &["--reject", "mismatch", "{}"],
        "rejected lines have no series",
        "leave out",
    );
    check(
        &["--fields", "duratoin"],
        "neither a field nor a label",
        "did you mean `duration`?",
    );
    check(
        &["--fields", "charset"],
        "no metric of these logs has the label `charset`",
        "--config",
    );
    check(&["{}", "{a=\"b\"}"], "more than one series", "--where");
    check(&["--between", "3", "4"], "`3` is not a time", "03:00");
    let error = lines(&["{}"]).unwrap_err();
    assert!(error.contains("no log to read"), "{error}");
}

#[test]
fn a_file_whose_name_contains_a_brace_is_a_log() {
    let (dir, log) = small_log();
    let odd = dir.path().join("access{1}.log");
    fs::copy(&log, &odd).unwrap();
    check_number(&[odd.to_str().unwrap()], 3);
    assert!(!Path::new("{}").exists());
}

#[test]
fn a_source_is_named_as_on_the_page_of_the_daemon_or_of_replay() {
    let (dir, log) = small_log();
    let config = dir.path().join("config.toml");
    let text =
        "[[source]]\nname = 'front'\npaths = ['/nowhere/access.log']\npattern = 'nginx-combined'\n";
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    for source in ["front", "nginx-combined"] {
        let series = format!("httplog_requests_total{{source=\"{source}\"}}");
        check_number(&["--config", config, &series, &log], 3);
    }
    let other = lines(&["--config", config, "{source=\"back\"}", &log]).unwrap_err();
    assert!(other.contains("`front` or `nginx-combined`"), "{other}");
}
