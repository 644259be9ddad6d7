//! Tests of `explain`, and of the reports of `replay` and `check` on lines that do not match.

use std::fs;
use std::path::Path;

use crate::support;

const TIMED: &str =
    r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET /a HTTP/1.1" 200 10 "-" "ua" 0.012 0.011"#;

fn run(arguments: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let ended = support::run(Path::new("."), arguments, stdin);
    (ended.code, ended.out, ended.err)
}

#[test]
fn a_matching_line_exits_with_0() {
    let (code, out, err) = run(&["explain", TIMED], "");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("line:1: `nginx-timed` reads it\n"), "{out}");
    assert!(out.contains("0.012 → 12ms"), "{out}");
}

#[test]
fn a_line_that_begins_with_a_hyphen_is_a_line() {
    let (code, out, _) = run(&["explain", "--pattern", "gunicorn", "- - -"], "");
    assert_eq!(code, Some(1));
    assert!(out.contains("1 | - - -\n"), "{out}");
}

#[test]
fn every_line_of_standard_input_is_explained() {
    let lines = format!("{TIMED}\nhello\n{TIMED}\n");
    let (code, out, err) = run(&["explain", "--pattern", "nginx-timed", "-"], &lines);
    assert_eq!(code, Some(1));
    assert_eq!(out.matches("reads it").count(), 2, "{out}");
    assert!(out.contains(" --> stdin:2:6\n"), "{out}");
    assert_eq!(err, "error: 1 of 3 lines are not read\n");
}

#[test]
fn a_missing_line_is_an_error() {
    let check = |line: &str, stdin: &str, said: &str| {
        let (code, _, err) = run(&["explain", line], stdin);
        assert_eq!(code, Some(66), "{err}");
        let said = format!("error: no line to explain: {said}\n = help: give one");
        assert!(err.starts_with(&said), "{err}");
    };
    check("-", "", "standard input is empty");
    check("-", "\n", "it is empty");
    check("-", "\n\r\n", "all are empty");
    check("", "", "it is empty");
}

#[test]
fn empty_lines_are_skipped_as_they_are_counted() {
    let lines = format!("\n{TIMED}\n\nhello\n");
    let (code, out, err) = run(&["explain", "--pattern", "nginx-timed", "-"], &lines);
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with("stdin:1: empty, skipped\n\nstdin:2: "),
        "{out}"
    );
    assert!(out.contains(" --> stdin:4:6\n"), "{out}");
    assert_eq!(err, "error: 1 of 2 lines are not read\n");
    let (code, ..) = run(&["explain", "-"], &format!("\n{TIMED}\n"));
    assert_eq!(code, Some(0));
}

#[test]
fn the_line_limit_of_the_configuration_applies() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    let config = config.to_str().unwrap();
    let long = TIMED.replace("/a", &format!("/{}", "a".repeat(300)));
    let check = |limits: &str, line: &str, code: i32| {
        fs::write(config, limits).unwrap();
        let pattern = ["--pattern", "nginx-timed"];
        let (found, out, _) = run(
            &[&["explain", "--config", config], &pattern[..], &["-"]].concat(),
            line,
        );
        assert_eq!(found, Some(code), "{out}");
        assert_eq!(out.contains("longer than"), code == 1, "{out}");
    };
    check("", &long, 0);
    check("[limits]\nline_bytes = 256\n", &long, 1);
    let longer = TIMED.replace("/a", &format!("/{}", "a".repeat(70_000)));
    check("", &longer, 1);
    check("[limits]\nline_bytes = 1\n", &longer, 1);
    check("[limits]\nline_bytes = 100000\n", &longer, 0);
    let longest = format!("{}\n", "a".repeat(3_000_000));
    check("", &longest, 1);
}

#[test]
fn an_unknown_pattern_is_a_usage_error() {
    let (code, out, err) = run(&["explain", "--pattern", "nginx-timd", TIMED], "");
    assert_eq!((code, out.as_str()), (Some(78), ""));
    assert!(err.contains("did you mean `nginx-timed`?"), "{err}");
}

#[test]
fn an_ambiguous_unit_is_reported() {
    let line = r#" - - [22/Nov/2026:12:47:15 -0600] "GET / HTTP/1.1" 200 10 "-" "-" 24"#;
    let (code, out, _) = run(&["explain", line], "");
    assert_eq!(code, Some(0));
    assert!(out.contains("also read by `gunicorn-millis`"), "{out}");
}

#[test]
fn patterns_of_an_otherwise_invalid_configuration_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    fs::write(
        &config,
        "[pattern.mine]\nnginx = '$status|$request_time'\n[nonsense]\n",
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let (code, out, _) = run(&["explain", "--config", config, "200|0.5"], "");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("line:1: `mine` reads it"), "{out}");
    let missing = ["explain", "--config", "/nonexistent/c.toml", "x"];
    assert_eq!(run(&missing, "").0, Some(66));
}

#[test]
fn replay_shows_the_place_but_not_the_text_of_rejected_lines() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let mut text = format!("{TIMED}\n").repeat(40);
    text.push_str("secret\nsecret\n");
    fs::write(&log, text).unwrap();
    let path = log.to_str().unwrap();
    let (code, out, err) = run(&["replay", path], "");
    assert_eq!(code, Some(0));
    assert!(out.contains("2 rejected"), "{out}");
    assert!(
        err.starts_with(&format!("rejected, mismatch: {path}:41\n")),
        "{err}"
    );
    let hint = format!("sed -n 41p {path} | httplog-exporter explain --pattern nginx-timed -");
    assert!(err.contains(&hint), "{err}");
    assert!(!out.contains("secret") && !err.contains("secret"));
}

#[test]
fn an_unknown_format_is_reported_with_where_the_nearest_format_stops() {
    let check = |line: &str, said: &str, log: &Path| {
        fs::write(log, format!("{line}\n")).unwrap();
        let (code, _, err) = run(&["replay", log.to_str().unwrap()], "");
        assert_eq!(code, Some(78));
        assert!(err.contains(said), "{err}");
        assert!(!err.contains("/secret"), "{err}");
    };
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let more = format!("{} extra", TIMED.replace("/a", "/secret"));
    check(&more, "`nginx-timed` stops in line 1 at byte", &log);
    check(&more, "the line has more fields than the format", &log);
    let micros = r#" - - [22/Nov/2026:12:47:15 -0600] "GET /secret HTTP/1.1" 200 10 "-" "-" 24"#;
    check(micros, "gunicorn-micros and gunicorn-millis read all", &log);
}

#[test]
fn check_warns_of_formats_that_could_be_better() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    let text = "[pattern.mine]\ngunicorn = '%(h)s %(u)s \"%(r)s\" %(s)s'\n[[source]]\nname = 'a'\npaths = ['a.log']\npattern = 'mine'\n";
    fs::write(&config, text).unwrap();
    fs::write(dir.path().join("a.log"), "").unwrap();
    let (code, out, _) = run(&["check", "--config", config.to_str().unwrap()], "");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("config.toml:2:19\n"), "{out}");
    assert!(
        out.contains("`%(u)s` lets clients forge log lines"),
        "{out}"
    );
    assert!(
        out.contains("no duration: response times will not be measured"),
        "{out}"
    );
    assert!(out.contains("add ` %(L)s` at its end"), "{out}");
    let preset = text.replace("'mine'", "'gunicorn'").replace(
        "[pattern.mine]\ngunicorn = '%(h)s %(u)s \"%(r)s\" %(s)s'\n",
        "",
    );
    fs::write(&config, preset).unwrap();
    let (_, out, _) = run(&["check", "--config", config.to_str().unwrap()], "");
    assert!(!out.contains("warning"), "{out}");
}
