//! Lines from public reports, in `fixtures/reported/`: each is read right, or refused with the true reason.

use crate::scrape::Scrape;
use crate::support::{Ended, project, run};

/// Runs a command in the directory of the reported lines.
fn command(args: &[&str]) -> Ended {
    run(&project("fixtures/reported"), args, "")
}

/// Replays a reported log by its own configuration, which has a pattern `p`.
fn replayed(name: &str) -> Scrape {
    let (config, log) = (format!("{name}.toml"), format!("{name}.log"));
    let args = ["replay", "--output", "metrics", "--config", &config];
    Scrape::parse(&command(&[&args[..], &["--pattern", "p", &log]].concat()).succeeded())
}

/// A series, by name and labels, and its value.
type Expected<'e> = (&'e str, &'e [(&'e str, &'e str)], f64);

/// Checks the samples of a page.
fn check(page: &Scrape, expected: &[Expected<'_>]) {
    for (name, labels, value) in expected {
        let found: f64 = page.samples(name, labels).map(|sample| sample.value).sum();
        assert!((found - value).abs() < 1e-9, "{name} {labels:?}: {found}");
    }
}

/// Returns the warnings of `check`.
fn warnings(name: &str) -> Vec<String> {
    let shown = command(&["check", "--config", &format!("{name}.toml")]);
    let shown = format!("{}{}", shown.out, shown.err);
    let lines = shown
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_host_and_the_path_behind_it_are_told_apart() {
    let page = replayed("adjacent_host_uri");
    let route = [("method", "GET"), ("route", "/a/b/"), ("status", "200")];
    check(
        &page,
        &[
            ("httplog_requests_total", &route, 1.0),
            ("httplog_request_duration_seconds_sum", &route[..2], 0.03),
        ],
    );
    assert_eq!(warnings("adjacent_host_uri"), [""; 0]);
}

#[test]
fn a_request_line_without_quotes_ends_in_its_protocol() {
    let route = [("method", "GET"), ("route", "/a/b/"), ("status", "200")];
    check(
        &replayed("request_unquoted"),
        &[
            ("httplog_requests_total", &route, 2.0),
            ("httplog_request_duration_seconds_sum", &route[..2], 0.02),
        ],
    );
    assert_eq!(
        warnings("request_unquoted"),
        [
            "nginx format: the end of `$request` is ambiguous: lines that can be read in two ways are rejected"
        ]
    );
}

#[test]
fn an_upgraded_connection_is_a_request_without_a_duration() {
    let live = [("route", "/live/"), ("status", "101")];
    let durations = "httplog_request_duration_seconds";
    let page = replayed("websocket_101");
    check(
        &page,
        &[
            ("httplog_requests_total", &[], 4.0),
            ("httplog_requests_total", &live, 2.0),
            (&format!("{durations}_sum"), &[], 0.02),
            (&format!("{durations}_count"), &[], 2.0),
            ("httplog_upstream_duration_seconds_sum", &[], 0.02),
            ("httplog_upstream_duration_seconds_count", &[], 2.0),
        ],
    );
}

/// Replays a reported log without a configuration, and returns the first line of the summary.
fn recognised(args: &[&str]) -> String {
    let summary = command(&[&["replay"], args].concat()).succeeded();
    summary.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_common_log_format_is_recognised() {
    assert_eq!(
        recognised(&["common_log.log"]),
        "common: 3 lines, 3 recorded, 0 rejected, 0 skipped"
    );
}

#[test]
fn gunicorns_uvicorn_worker_is_recognised_behind_any_prefix() {
    let expected = "uvicorn: 2 lines, 2 recorded, 0 rejected, 0 skipped";
    for log in [
        "uvicorn_worker.log",
        "uvicorn_worker_asctime.log",
        "uvicorn_worker_gunicorn.log",
    ] {
        assert_eq!(recognised(&[log]), expected, "{log}");
        assert_eq!(
            recognised(&["--pattern", "uvicorn", log]),
            expected,
            "{log}"
        );
    }
}

#[test]
fn hypercorns_protocol_does_not_belong_to_the_path() {
    assert_eq!(
        recognised(&["hypercorn.log"]),
        "hypercorn: 3 lines, 3 recorded, 0 rejected, 0 skipped"
    );
    for pattern in ["hypercorn", "gunicorn"] {
        let args = ["replay", "--output", "metrics", "--pattern", pattern];
        let page = command(&[&args[..], &["hypercorn.log"]].concat()).succeeded();
        let labels = [("method", "GET"), ("route", "/a/"), ("status", "200")];
        check(
            &Scrape::parse(&page),
            &[("httplog_requests_total", &labels, 3.0)],
        );
    }
}

#[test]
fn milliseconds_may_have_decimals() {
    let duration = "httplog_request_duration_seconds_sum";
    check(&replayed("granian"), &[(duration, &[], 0.012_345)]);
    assert_eq!(
        recognised(&["granian.log"]),
        "granian: 1 line, 1 recorded, 0 rejected, 0 skipped"
    );
}

#[test]
fn a_header_of_syslog_is_skipped_in_a_file() {
    let labels = [("method", "GET"), ("route", "/a/"), ("status", "200")];
    check(
        &replayed("syslog_file"),
        &[("httplog_requests_total", &labels, 4.0)],
    );
    assert_eq!(
        recognised(&["syslog_forms.log"]),
        "nginx-combined: 12 lines, 12 recorded, 0 rejected, 0 skipped"
    );
}

#[test]
fn a_variable_that_the_configuration_defines_is_not_a_slip() {
    let drafted = command(&["init", "--nginx-config", "map_variable.conf"]).succeeded();
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    std::fs::write(&config, drafted).unwrap();
    let config = config.to_str().unwrap();
    let args = ["replay", "--output", "metrics", "--config", config];
    let page = command(&[&args[..], &["map_variable.log"]].concat()).succeeded();
    check(
        &Scrape::parse(&page),
        &[
            ("httplog_requests_total", &[("route", "/a/")], 1.0),
            ("httplog_request_duration_seconds_sum", &[], 0.02),
            ("httplog_upstream_duration_seconds_sum", &[], 0.01),
        ],
    );
}

#[test]
fn a_status_of_a_dash_is_absent() {
    let args = [
        "replay",
        "--output",
        "metrics",
        "--pattern",
        "apache-combined",
    ];
    let page = command(&[&args[..], &["apache_no_status.log"]].concat()).succeeded();
    let labels = [("method", "OPTIONS"), ("status", "<other>")];
    check(
        &Scrape::parse(&page),
        &[
            ("httplog_requests_total", &labels, 1.0),
            ("httplog_response_size_bytes_sum", &[], 7908.0),
        ],
    );
}

#[test]
fn every_line_of_a_server_without_a_name_is_read() {
    let args = ["replay", "--output", "metrics", "--pattern", "nginx-django"];
    let page = command(&[&args[..], &["empty_host.log"]].concat()).succeeded();
    check(
        &Scrape::parse(&page),
        &[("httplog_requests_total", &[], 13.0)],
    );
}

#[test]
fn nanoseconds_are_a_unit_and_a_wrong_unit_is_noticed() {
    let page = replayed("nanoseconds");
    check(
        &page,
        &[("httplog_request_duration_seconds_sum", &[], 0.012_345)],
    );
    let args = [
        "replay",
        "--config",
        "nanoseconds.toml",
        "--pattern",
        "seconds",
    ];
    let shown = command(&[&args[..], &["nanoseconds.log"]].concat()).succeeded();
    assert!(shown.contains("duration_ns"), "{shown}");
}

#[test]
fn a_format_without_status_is_warned_of() {
    assert_eq!(
        warnings("check_no_status"),
        ["nginx format: no status: errors cannot be counted, and no route is learned"]
    );
}
