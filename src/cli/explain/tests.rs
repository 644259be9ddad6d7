use super::render;
use crate::pattern::{Cause, Dialect, Explainer, Outcome, Pattern};

const FORMAT: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent urt="$upstream_response_time" $request_time"#;

/// Asserts the explanation of a line, and its cause.
fn check(snapshot: &str, pattern: &str, line: &str, cause: Cause) {
    let custom = Pattern::compile("mine", Dialect::Nginx, FORMAT).unwrap();
    let explanation = Explainer::new([custom], 65_536)
        .explain(pattern, line.as_bytes())
        .unwrap();
    let shown = render(&explanation, line.as_bytes(), "line", 1);
    match explanation.outcome {
        Outcome::Stopped(stop) => assert_eq!(stop.diagnosis.cause, cause, "{shown}"),
        Outcome::Read(_) => panic!("{shown}"),
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("explain_{snapshot}"), shown);
    });
}

#[test]
fn a_line_that_is_read_shows_its_fields() {
    let line = r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET /articles/?q=1 HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 0.001, 0.007"#;
    let explanation = Explainer::new([], 65_536)
        .explain("nginx-timed", line.as_bytes())
        .unwrap();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("explain_read", render(&explanation, line.as_bytes(), "line", 1));
    });
}

#[test]
fn another_preset() {
    check(
        "another_preset",
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 0.011"#,
        Cause::Preset,
    );
}

#[test]
fn unclosed_quote() {
    check(
        "unclosed_quote",
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "Mozilla/5.0 (X11; Lin"#,
        Cause::Unclosed,
    );
}

#[test]
fn unquoted_list() {
    check(
        "unquoted_list",
        "mine",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 urt=0.001, 0.004 0.012"#,
        Cause::List,
    );
}

#[test]
fn list_for_a_number() {
    check(
        "list_for_a_number",
        "mine",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 urt="0.001" 0.004, 0.012"#,
        Cause::List,
    );
}

#[test]
fn another_unit() {
    check(
        "another_unit",
        "gunicorn-seconds",
        r#"192.0.2.7 - - [22/Nov/2026:12:47:15 -0600] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 24072"#,
        Cause::Unit,
    );
    check(
        "another_unit_decimal",
        "gunicorn-micros",
        r#"192.0.2.7 - - [22/Nov/2026:12:47:15 -0600] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.024072"#,
        Cause::Unit,
    );
}

#[test]
fn raw_quote() {
    check(
        "raw_quote",
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET /a"b HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::RawQuote,
    );
}

#[test]
fn more_fields() {
    check(
        "more_fields",
        "nginx-combined",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 27 1"#,
        Cause::More,
    );
}

#[test]
fn fewer_fields() {
    check(
        "fewer_fields",
        "nginx-django",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" rt=0.012 urt="0.011""#,
        Cause::Fewer,
    );
}

#[test]
fn virtual_host_before() {
    check(
        "virtual_host_before",
        "nginx-combined",
        r#"shop.example.test 192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::Before,
    );
}

#[test]
fn container_prefix() {
    check(
        "container_prefix",
        "nginx-combined",
        r#"2026-11-22T18:47:15.123456789Z stdout F 192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::Before,
    );
}

#[test]
fn syslog_header() {
    check(
        "syslog_header",
        "nginx-combined",
        r#"Nov 22 18:47:15 vm nginx: 192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0" 0.012 0.011"#,
        Cause::Syslog,
    );
}

#[test]
fn json() {
    check(
        "json",
        "nginx-timed",
        r#"{"time":"2026-11-22T18:47:15+00:00","request":"GET / HTTP/1.1","status":200,"request_time":0.012}"#,
        Cause::Json,
    );
}

#[test]
fn ltsv() {
    check(
        "ltsv",
        "nginx-timed",
        "time:22/Nov/2026:18:47:15 +0000\thost:192.0.2.7\treq:GET / HTTP/1.1\tstatus:200\treqtime:0.012",
        Cause::Ltsv,
    );
}

#[test]
fn error_log() {
    check(
        "error_log",
        "gunicorn",
        "[2026-11-22 12:47:15 -0600] [8051] [INFO] Booting worker with pid: 8051",
        Cause::OtherLog,
    );
}

#[test]
fn another_time_format() {
    check(
        "another_time_format",
        "nginx-combined",
        r#"192.0.2.7 - - [2026-11-22T18:47:15+00:00] "GET / HTTP/1.1" 200 1204 "-" "curl/8.5.0""#,
        Cause::TimeFormat,
    );
}

#[test]
fn dash_for_a_number() {
    check(
        "dash_for_a_number",
        "mine",
        r#"192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] "GET / HTTP/1.1" 200 1204 urt="-" -"#,
        Cause::Dash,
    );
}

#[test]
fn junk() {
    check("empty", "nginx-combined", "", Cause::Empty);
    check("blanks", "nginx-combined", " ", Cause::Empty);
    check(
        "binary",
        "nginx-combined",
        "\u{0}\u{0}\u{0}\u{0}\u{0}\u{1b}[31mx",
        Cause::Binary,
    );
    check(
        "colours",
        "nginx-combined",
        "\u{1b}[32mINFO\u{1b}[0m:     192.0.2.7:5 - \"GET / HTTP/1.1\" 200 OK",
        Cause::Stray,
    );
    check("unknown", "nginx-combined", "hello, world", Cause::Unknown);
}
