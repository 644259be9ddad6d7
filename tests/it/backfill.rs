//! Tests of `backfill`: samples over time add up to the counts of `replay`, in any order of lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::replay::gzip;
use crate::support::{Ended, project, run};

/// Samples by name and labels of their series, then by time.
type Samples = BTreeMap<String, BTreeMap<u64, String>>;

/// Runs `backfill` in a directory.
fn backfill(dir: &Path, args: &[&str]) -> Ended {
    run(dir, ["backfill"].iter().chain(args), "")
}

/// Reads OpenMetrics with timestamps, without any of the project's code, and checks the order that OpenMetrics requires.
fn samples(page: &str) -> Samples {
    let page = page.strip_suffix("# EOF\n").unwrap();
    let (mut all, mut families) = (Samples::new(), Vec::new());
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# TYPE ") {
            let family = comment.split(' ').next().unwrap();
            assert!(!families.contains(&family), "{family} appears twice");
            families.push(family);
        } else if !["# HELP ", "# UNIT "]
            .iter()
            .any(|head| line.starts_with(head))
        {
            assert!(line.starts_with(families.last().unwrap()), "{line}");
            let (rest, time) = line.rsplit_once(' ').unwrap();
            let (series, value) = rest.rsplit_once(' ').unwrap();
            let samples = all.entry(series.to_owned()).or_default();
            let time = time.parse().unwrap();
            let earlier = samples.keys().next_back();
            assert!(earlier.is_none_or(|earlier| *earlier < time), "{line}");
            samples.insert(time, value.to_owned());
        }
    }
    all
}

/// Returns the last sample of each series.
fn last(samples: &Samples) -> BTreeMap<String, String> {
    let samples = samples.iter();
    samples
        .map(|(series, samples)| {
            (
                series.clone(),
                samples.values().next_back().unwrap().clone(),
            )
        })
        .collect()
}

/// Returns the counts that `replay` makes of the same logs.
pub fn replayed(dir: &Path, args: &[&str]) -> BTreeMap<String, String> {
    let args = ["replay", "--output", "metrics"].iter().chain(args);
    let page = run(dir, args, "").succeeded();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
        .collect()
}

/// Returns a line of nginx's log, written `seconds` after 18:00.
fn line(seconds: u64, target: &str) -> String {
    format!(
        "192.0.2.7 - - [22/Nov/2026:{}:{:02}:{:02} +0000] \"GET {target} HTTP/1.1\" 200 10 \"-\" \"-\" 0.012 0.011\n",
        18 + seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

#[test]
fn the_last_samples_are_what_replay_counts() {
    for log in [
        "fixtures/demo/access.log",
        "fixtures/corpora/nginx_timed.log",
        "fixtures/corpora/nginx_json.log",
        "fixtures/corpora/nginx_ltsv.log",
        "fixtures/corpora/nginx_syslog.log",
        "fixtures/corpora/gunicorn_L_s.log",
        "fixtures/corpora/apache_combined.log",
    ] {
        for step in ["15s", "5m"] {
            let page = backfill(&project(""), &["--step", step, log]).succeeded();
            assert_eq!(
                last(&samples(&page)),
                replayed(&project(""), &[log]),
                "{log}"
            );
        }
    }
}

#[test]
fn the_order_of_lines_and_logs_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..4_000_u64)
        .map(|n| line(n * 3 % 12_000, ["/a", "/b", "/c"][(n % 3) as usize]))
        .collect();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("whole.log", &lines.concat());
    let (early, late) = lines.split_at(1_500);
    write("late.log", &late.concat());
    fs::write(
        dir.path().join("early.log.1.gz"),
        gzip(early.concat().as_bytes()),
    )
    .unwrap();
    // Each line belongs to another step than the one before it.
    let mixed: String = (0..40)
        .flat_map(|n| lines.iter().skip(n).step_by(40))
        .cloned()
        .collect();
    write("mixed.log", &mixed);
    let page = |logs: &[&str]| backfill(dir.path(), logs).succeeded();
    let whole = page(&["whole.log"]);
    assert_eq!(page(&["early.log.1.gz", "late.log"]), whole);
    assert_eq!(page(&["late.log", "early.log.1.gz"]), whole);
    assert_eq!(page(&["mixed.log"]), whole);
    backfill(dir.path(), &["--output", "out.prom", "mixed.log"]).succeeded();
    assert_eq!(
        fs::read_to_string(dir.path().join("out.prom")).unwrap(),
        whole
    );
}

#[test]
fn samples_are_the_counts_before_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let text: String = [0, 59, 60, 61, 7_199].map(|at| line(at, "/a")).concat();
    fs::write(dir.path().join("access.log"), text).unwrap();
    let page = backfill(
        dir.path(),
        &["--label", "job=web", "--label", "source=shop", "access.log"],
    );
    let samples = samples(&page.succeeded());
    let requests = &samples["httplog_requests_total{job=\"web\",method=\"GET\",route=\"/a\",source=\"shop\",status=\"200\"}"];
    let start = 1_795_370_400;
    let expect = |after: u64, value: &str| {
        assert_eq!(
            requests.get(&(start + after)).map(String::as_str),
            Some(value),
            "{after}"
        );
    };
    expect(0, "0");
    expect(60, "2");
    expect(120, "4");
    expect(3_600, "4");
    expect(7_140, "4");
    expect(7_200, "5");
    assert_eq!(requests.keys().next(), Some(&(start - 240)));
    assert_eq!(requests.keys().next_back(), Some(&(start + 7_200)));
}

#[test]
fn lines_without_a_time_are_refused_or_counted() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("access.log"),
        "x GET /a 200\n[1795373235.1] GET /a 200\n- GET /b 200\n",
    )
    .unwrap();
    let config = |shape: &str| {
        let text = format!(
            "[[source]]\nname = 'a'\npaths = ['access.log']\npattern = 'mine'\n[metrics]\nsets = ['httplog', 'nginxlog']\n\
             [pattern.mine]\nregex = '^{shape} (?<method>[A-Z]+) (?<target>[^ ]+) (?<status>[0-9]+)$'\n"
        );
        fs::write(dir.path().join("config.toml"), text).unwrap();
    };
    let run = || backfill(dir.path(), &["--config", "config.toml", "access.log"]);
    config("(?<time>[^ ]+)");
    let ended = run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_snapshot!(ended.err, @"
    warning: 2 of 3 lines rejected
    rejected, untimed: access.log:1, access.log:3
     = help: to see why: sed -n 1p access.log | httplog-exporter explain --config config.toml --pattern mine -
    ");
    let last = last(&samples(&ended.out));
    assert_eq!(last["nginx_parse_errors_total"], "2");
    assert_eq!(
        last["httplog_requests_total{method=\"GET\",route=\"/a\",source=\"mine\",status=\"200\"}"],
        "1"
    );
    fs::write(dir.path().join("access.log"), "x GET /a 200\n").unwrap();
    assert_snapshot!(run().failed(66), @"
    warning: 1 of 1 line rejected
    rejected, untimed: access.log:1
     = help: to see why: sed -n 1p access.log | httplog-exporter explain --config config.toml --pattern mine -
    error: no line has a time
    ");
    config("[^ ]+");
    assert_snapshot!(run().failed(78), @"
    error: the lines of pattern `mine` have no time
     = help: a log can be put on Prometheus's time line only if its format writes the time: $time_local, $time_iso8601 or $msec of nginx, %(t)s of gunicorn, %t of Apache
    ");
}

#[test]
fn wrong_steps_and_labels_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("access.log"), line(0, "/a")).unwrap();
    let mut said = String::new();
    for args in [
        ["--step", "6m"],
        ["--label", "le=1"],
        ["--label", "route=x"],
    ] {
        let args = [&args[..], &["access.log"]].concat();
        let err = backfill(dir.path(), &args).failed(64);
        writeln!(said, "{}", err.lines().next().unwrap()).unwrap();
    }
    assert_snapshot!(said, @"
    error: invalid value '6m' for '--step <TIME>': expected a time from 1s to 5m, for example `15s` or `1m`
    error: invalid value 'le=1' for '--label <NAME=VALUE>': `le` cannot be the name of a label
    error: `httplog_requests_total` already has a label `route`
    ");
}
