//! Tests of `metrics.initialise`: series that exist before their first event.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::recorded;
use crate::scrape::Scrape;
use crate::support::{
    Daemon, HEAD, Source, append, program, project, rename, run, run_command, until,
};

const KEYS: &str = "[metrics]\ninitialise = true\n";
const ROUTES: &str = "routes = 'shop'\n";
const TEMPLATES: &str = "[routes.shop.templates]\n'/a' = 'home'\n'/cart/<int:id>/' = 'shop:cart'\n";

/// Returns a configuration of one source with an empty log.
fn config(dir: &Path, head: &str, rest: &str) -> String {
    let log = dir.join("access.log");
    append(&log);
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log: &log,
    };
    format!("{HEAD}{head}{}{rest}", source.toml())
}

fn request(path: &str, status: u16) -> String {
    recorded::line("GET", status).replace("/a HTTP", &format!("{path} HTTP"))
}

/// Returns the series of the set `httplog`, without buckets and sums.
fn shown(page: &str) -> String {
    let is_series = |line: &&str| {
        line.starts_with("httplog_")
            && !line.starts_with("httplog_exporter_")
            && !line.contains("_bucket{")
            && !line.contains("_sum{")
    };
    page.lines()
        .filter(is_series)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_first_scrape_shows_initial_series_before_any_line() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), KEYS, &format!("{ROUTES}{TEMPLATES}"));
    let daemon = Daemon::configured(dir.path(), &config);
    let page = daemon.metrics();
    assert_snapshot!(shown(&page), @r#"
    httplog_requests_total{method="GET",route="<unnamed view>",source="nginx",status="500"} 0
    httplog_requests_total{method="GET",route="home",source="nginx",status="500"} 0
    httplog_requests_total{method="GET",route="shop:cart",source="nginx",status="500"} 0
    httplog_requests_total{method="POST",route="<unnamed view>",source="nginx",status="500"} 0
    httplog_requests_total{method="POST",route="home",source="nginx",status="500"} 0
    httplog_requests_total{method="POST",route="shop:cart",source="nginx",status="500"} 0
    httplog_response_size_bytes_count{route="<unnamed view>",source="nginx"} 0
    httplog_response_size_bytes_count{route="home",source="nginx"} 0
    httplog_response_size_bytes_count{route="shop:cart",source="nginx"} 0
    "#);
    let series = Scrape::parse(&page).value("httplog_exporter_series", &[("source", "nginx")]);
    assert_eq!(series, Some(9.0));

    // The first error is an increase from 0 to 1.
    let mut log = append(&dir.path().join("access.log"));
    log.write_all(request("/cart/7/", 500).as_bytes()).unwrap();
    let after = daemon.metrics_after(&[("nginx", 1)]);
    let expected = shown(&page)
        .replace(
            "method=\"GET\",route=\"shop:cart\",source=\"nginx\",status=\"500\"} 0",
            "method=\"GET\",route=\"shop:cart\",source=\"nginx\",status=\"500\"} 1",
        )
        .replace(
            "count{route=\"shop:cart\",source=\"nginx\"} 0",
            "count{route=\"shop:cart\",source=\"nginx\"} 1",
        );
    assert_eq!(shown(&after), expected);
}

#[test]
fn a_reload_adds_series_that_become_known_and_keeps_the_counts() {
    let dir = tempfile::tempdir().unwrap();
    let before = config(dir.path(), "", &format!("{ROUTES}{TEMPLATES}"));
    let daemon = Daemon::configured(dir.path(), &before);
    assert_eq!(shown(&daemon.metrics()), "");
    let mut log = append(&dir.path().join("access.log"));
    log.write_all(request("/a", 500).as_bytes()).unwrap();
    daemon.metrics_after(&[("nginx", 1)]);
    let routes = |daemon: &Daemon| daemon.scrape().by("httplog_requests_total", "route");
    let owned = |all: &[(&str, f64)]| -> Vec<(String, f64)> {
        all.iter().map(|(a, b)| ((*a).to_owned(), *b)).collect()
    };
    assert_eq!(routes(&daemon), owned(&[("home", 1.0)]));

    let after = before.replace("[[source]]", &format!("{KEYS}[[source]]"));
    let path = dir.path().join("config.toml");
    fs::write(&path, &after).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("configuration reloaded");
    let all = [("<unnamed view>", 0.0), ("home", 1.0), ("shop:cart", 0.0)];
    assert_eq!(routes(&daemon), owned(&all));

    // Another view, without room for any series: the existing ones stay.
    let cramped = format!("{after}'/pay/' = 'shop:pay'\n[limits]\nseries = 100\n");
    let cramped = cramped.replace(
        KEYS,
        &format!("{KEYS}initialise_statuses = [500, 501, 502, 503, 504, 505, 506, 507, 508]\n"),
    );
    fs::write(&path, cramped).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("72 series of `httplog_requests_total` do not start at 0");
    until(|| {
        let found = routes(&daemon);
        (found == owned(&all))
            .then_some(())
            .ok_or(format!("{found:?}"))
    });
    let sizes = daemon
        .scrape()
        .by("httplog_response_size_bytes_count", "route");
    assert_eq!(sizes.len(), 4, "{sizes:?}");
}

#[test]
fn a_reload_with_a_spent_budget_keeps_counting_in_existing_series() {
    let dir = tempfile::tempdir().unwrap();
    let rest = format!("{ROUTES}{TEMPLATES}[limits]\nseries = 100\n");
    for head in ["", KEYS] {
        let dir = dir
            .path()
            .join(if head.is_empty() { "without" } else { "with" });
        fs::create_dir(&dir).unwrap();
        let daemon = Daemon::configured(&dir, &config(&dir, head, &rest));
        let mut log = append(&dir.join("access.log"));
        let mut answer = |statuses: std::ops::Range<u16>| {
            let lines: String = statuses.map(|status| request("/a", status)).collect();
            log.write_all(lines.as_bytes()).unwrap();
        };
        let series = |page: &str| {
            Scrape::parse(page).value("httplog_exporter_series", &[("source", "nginx")])
        };
        answer(200..400);
        let full = series(&daemon.metrics_after(&[("nginx", 200)]));
        assert!(full >= Some(100.0), "{full:?}");

        daemon.signal(Signal::HUP);
        daemon.wait_until_said("configuration reloaded");
        // Requests without room for a series come first.
        answer(400..500);
        answer(200..201);
        let page = daemon.metrics_after(&[("nginx", 301)]);
        assert_eq!(series(&page), full, "{head}");
        let labels = [("status", "200"), ("route", "home")];
        let counted = Scrape::parse(&page).value("httplog_requests_total", &labels);
        assert_eq!(counted, Some(2.0), "{head}");
    }
}

#[test]
fn views_of_a_dump_that_is_replaced_start_at_0_too() {
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("shop.jsonl");
    let text = fs::read_to_string(project("fixtures/urlconf/rich.jsonl")).unwrap();
    fs::write(&dump, &text).unwrap();
    let rest = format!("{ROUTES}[routes.shop]\nurlconf = 'shop.jsonl'\n");
    let config = config(dir.path(), KEYS, &rest);
    let daemon = Daemon::configured(dir.path(), &config);
    let value = |route: &str| {
        let labels = [("route", route), ("method", "GET")];
        daemon.scrape().value("httplog_requests_total", &labels)
    };
    assert_eq!(
        (value("articles:year"), value("articles:annual")),
        (Some(0.0), None)
    );
    let mut log = append(&dir.path().join("access.log"));
    log.write_all(request("/articles/2026/", 500).as_bytes())
        .unwrap();
    daemon.metrics_after(&[("nginx", 1)]);

    let other = dir.path().join("other");
    fs::write(&other, text.replace("articles:year", "articles:annual")).unwrap();
    rename(&other, &dump);
    daemon.wait_until_said("URLconf reloaded");
    assert_eq!(
        (value("articles:year"), value("articles:annual")),
        (Some(1.0), Some(0.0))
    );
}

fn checked(dir: &Path, config: &str) -> String {
    fs::write(dir.join("config.toml"), config).unwrap();
    let command = ["check", "--config", "config.toml", "--verbose"];
    let ended = run(dir, command, "");
    let log = dir.join("access.log").display().to_string();
    ended.succeeded().replace(&log, "LOG")
}

#[test]
fn check_shows_the_number_of_series_that_start_at_0() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), KEYS, &format!("{ROUTES}{TEMPLATES}"));
    assert_snapshot!(checked(dir.path(), &config), @"
    config.toml: good, 1 source
      nginx: LOG as nginx-combined
        httplog_requests_total: at most 10000 series by limits.series of 20040 (10 method x 4 route x 501 status), 6 of them at 0 from the start
        httplog_response_size_bytes: at most 4 series (4 route), 3 of them at 0 from the start
    ");
}

#[test]
fn check_warns_of_series_without_room_with_place_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let mut rest = format!("{ROUTES}{TEMPLATES}");
    for view in 0..50 {
        writeln!(rest, "'/{view}/' = 'view-{view}'").unwrap();
    }
    rest += "[limits]\nseries = 120\n";
    let config = config(dir.path(), KEYS, &rest);
    assert_snapshot!(checked(dir.path(), &config), @r"
    warning: 159 series are to start at 0, which may be half of limits.series (120): those of `httplog_requests_total` will not
     --> config.toml:7:14
      |
    7 | initialise = true
      |              ^^^^
      = help: limits.series = 318, or fewer `initialise_methods` or `initialise_statuses`

    config.toml: good, 1 source, 1 warning
      nginx: LOG as nginx-combined
        httplog_requests_total: at most 120 series by limits.series of 270540 (10 method x 54 route x 501 status)
        httplog_response_size_bytes: at most 54 series (54 route), 53 of them at 0 from the start
    ");
    // The suggested number is enough, and no larger than needed.
    let enough = config.replace("series = 120", "series = 318");
    assert!(!checked(dir.path(), &enough).contains("warning"));
    let scarce = config.replace("series = 120", "series = 317");
    assert!(checked(dir.path(), &scarce).contains("warning"));
}

#[test]
fn check_warns_of_a_source_without_known_series() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), KEYS, "");
    assert_snapshot!(checked(dir.path(), &config), @r"
    warning: source `nginx`: no series is known before its first event
     --> config.toml:7:14
      |
    7 | initialise = true
      |              ^^^^
      = help: views are known from `routes` of the source, methods and statuses from the lists beside this key

    config.toml: good, 1 source, 1 warning
      nginx: LOG as nginx-combined
        httplog_requests_total: at most 10000 series by limits.series of 2515020 (10 method x 502 route x 501 status)
        httplog_response_size_bytes: at most 502 series (502 route)
    ");
}

#[test]
fn replay_shows_initial_series_and_backfill_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), KEYS, &format!("{ROUTES}{TEMPLATES}"));
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let output = |args: &[&str]| {
        let mut command = program(args);
        command.args(["--config", "config.toml", "-"]);
        command.current_dir(dir.path());
        run_command(command, request("/a", 200)).succeeded()
    };
    let page = Scrape::parse(&output(&["replay", "--output", "metrics"]));
    let statuses = page.by("httplog_requests_total", "status");
    let expected = [("200", 1.0), ("500", 0.0)];
    assert_eq!(
        statuses,
        expected.map(|(code, count)| (code.to_owned(), count))
    );
    // The table shows only requests that were counted.
    let table = output(&["replay"]);
    assert!(
        table.contains("home") && !table.contains("shop:cart"),
        "{table}"
    );
    let timeline = output(&["backfill"]);
    assert!(
        timeline.contains("home") && !timeline.contains("shop:cart"),
        "{timeline}"
    );
}
