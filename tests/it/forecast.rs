//! Tests of `check --log`: its numbers are those of the scrape of `run` on the same lines.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::{Daemon, HEAD, Source, project, run};

const KEYS: &[&str] = &["check", "--config", "config.toml", "--log"];

/// Returns a recorded log. Some have bytes that are not UTF-8, which JSON does not need.
fn text(path: &str) -> String {
    String::from_utf8_lossy(&fs::read(project(path)).unwrap()).into_owned()
}

/// Returns a recorded log with its lines repeated in other paths, so that there are many routes.
fn lines(path: &str) -> String {
    let recorded = text(path);
    let mut all = recorded.clone();
    for number in 0..40 {
        for line in recorded.lines().take(60) {
            let end = format!("/p{number}-x/y HTTP/1");
            let _ = writeln!(all, "{}", line.replacen(" HTTP/1", &end, 1));
        }
    }
    all
}

/// Returns the number of samples of a page that are about requests, and of those about the exporter itself.
fn counted(page: &str) -> (usize, usize) {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let is_own =
        |line: &&str| line.starts_with("httplog_exporter_") || line.starts_with("process_");
    let (own, product): (Vec<&str>, _) = samples.partition(is_own);
    (product.len(), own.len())
}

/// Returns the numbers of the first line of a forecast: lines, series, and series about the exporter itself.
fn forecast(output: &str) -> (u64, usize, usize) {
    let line = output.lines().find(|line| line.contains("in Prometheus"));
    let line = line.unwrap_or_else(|| panic!("{output}"));
    let numbers = line.split(' ').map(|word| word.replace(',', ""));
    let numbers: Vec<usize> = numbers.filter_map(|word| word.parse().ok()).collect();
    let [lines, series, own] = numbers[..] else {
        panic!("{output}");
    };
    (lines as u64, series, own)
}

/// Compares a forecast of the logs that the sources follow with the page of `run`. Returns the forecast.
fn compare(sources: &[(&str, &str, &str)], rest: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut config = HEAD.to_owned();
    let mut expected = Vec::new();
    for (name, pattern, recorded) in sources {
        let log = dir.path().join(format!("{name}.log"));
        let text = lines(recorded);
        fs::write(&log, &text).unwrap();
        expected.push((*name, text.lines().count() as u64));
        let log = &log;
        config += &Source { name, pattern, log }.toml();
    }
    config += rest;
    let daemon = Daemon::configured(dir.path(), &config);
    let (product, own) = counted(&daemon.metrics_after(&expected));
    fs::write(dir.path().join("config.toml"), &config).unwrap();
    let output = run(dir.path(), KEYS, "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let all: u64 = expected.iter().map(|(_, lines)| lines).sum();
    let (lines, series, about_own) = forecast(&output.out);
    assert_eq!((lines, series), (all, product), "{}", output.out);
    // Each path that is requested of the exporter has a series of its own.
    let is_near = about_own.abs_diff(own) <= 3;
    assert!(is_near, "{about_own} instead of {own}");
    let families = output
        .out
        .lines()
        .skip_while(|line| !line.starts_with("SERIES"));
    let families = families.skip(1).take_while(|line| !line.is_empty());
    let sum: usize = families
        .map(|line| {
            let first = line.split_whitespace().next().unwrap();
            first.replace(',', "").parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(sum, series, "{}", output.out);
    output.out
}

const DJANGO: (&str, &str, &str) = ("site", "nginx-django", "fixtures/demo/access.log");
const JSON: (&str, &str, &str) = ("json", "nginx-json", "fixtures/corpora/nginx_json.log");

#[test]
fn the_forecast_of_the_default_metrics_is_the_scrape_of_run() {
    let shown = compare(&[DJANGO], "");
    assert!(shown.contains("\nlimits.series: "), "{shown}");
    assert!(shown.contains("\nLABEL "), "{shown}");
    // The most series that there can be are not shown unless they are asked for.
    assert!(!shown.contains("at most"), "{shown}");
}

#[test]
fn the_forecast_of_all_sets_and_of_several_sources_is_the_scrape_of_run() {
    let sets = "sets = ['httplog', 'django', 'nginxlog', 'otel', 'connections']";
    compare(&[DJANGO, JSON], &format!("[metrics]\n{sets}\n"));
}

#[test]
fn the_forecast_of_native_histograms_and_own_labels_is_the_scrape_of_run() {
    let label = "[label.tier]\nfield = 'host'\nvalues = ['shop.example.test']\n";
    let keys = "native = ['httplog_request_duration_seconds']\nlabels = ['tier']\n";
    let own = "[[metric]]\nname = 'slow_total'\nhelp = 'h'\ntype = 'counter'\nlabels = ['tier', 'status']\n";
    let shown = compare(&[DJANGO], &format!("[metrics]\n{keys}\n{label}\n{own}"));
    assert!(shown.contains("if it stores native histograms"), "{shown}");
}

#[test]
fn the_forecast_of_series_that_start_at_0_is_the_scrape_of_run() {
    let routes = "[routes.shop.templates]\n'/a' = 'home'\n'/cart/<int:id>/' = 'shop:cart'\n";
    let rest = format!("routes = 'shop'\n[metrics]\ninitialise = true\n{routes}");
    compare(&[JSON, DJANGO], &rest);
}

#[test]
fn the_forecast_within_a_tight_budget_is_the_scrape_of_run_and_says_what_is_enough() {
    let shown = compare(&[DJANGO], "[limits]\nseries = 100\n");
    let help = "limits.series = ";
    let enough = shown.lines().find_map(|line| line.split_once(help));
    let enough = enough.unwrap_or_else(|| panic!("{shown}")).1;
    let (enough, _) = enough.split_once(' ').unwrap();
    let rest = format!("[limits]\nseries = {enough}\n");
    let shown = compare(&[DJANGO], &rest);
    assert!(shown.contains(", 0 are left"), "{shown}");
}

#[test]
fn linked_sources_are_joined_in_the_forecast() {
    let dir = tempfile::tempdir().unwrap();
    let log = |name: &str| dir.path().join(format!("{name}.log"));
    fs::write(log("nginx"), text("fixtures/demo/access.log")).unwrap();
    let line = "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET /a HTTP/1.1\" 200 10 \"-\" \"ua\" D=100 rid=UNKNOWN view=\"-\"\n";
    fs::write(log("gunicorn"), line).unwrap();
    let mut config = HEAD.to_owned();
    for (name, pattern) in [("nginx", "nginx-django"), ("gunicorn", "gunicorn-django")] {
        let log = &log(name);
        config += &Source { name, pattern, log }.toml();
    }
    config += "behind = 'nginx'\n";
    fs::write(dir.path().join("config.toml"), &config).unwrap();
    let output = run(dir.path(), KEYS, "");
    assert!(output.out.contains("httplog_unreached_"), "{output:?}");
}

/// Returns the output of a forecast of two sources with these arguments; its log is on standard input.
fn two(arguments: &[&str], input: &str) -> crate::support::Ended {
    let dir = tempfile::tempdir().unwrap();
    write_two(dir.path());
    run(dir.path(), KEYS.iter().chain(arguments), input)
}

fn write_two(dir: &Path) {
    let mut config = HEAD.to_owned();
    for (name, pattern) in [
        ("edge", "nginx-combined"),
        ("api", "nginx-combined"),
        ("json", "nginx-json"),
    ] {
        let log = &dir.join(format!("{name}.log"));
        config += &Source { name, pattern, log }.toml();
    }
    fs::write(dir.join("config.toml"), config).unwrap();
    let line = crate::recorded::line("GET", 200);
    fs::write(dir.join("edge.log.1"), line).unwrap();
}

#[test]
fn a_log_belongs_to_the_source_that_followed_it_or_reads_its_lines() {
    let combined = crate::recorded::line("GET", 200);
    let json = text("fixtures/corpora/nginx_json.log");
    let of = |arguments: &[&str], input: &str, source: &str| {
        let ended = two(arguments, input);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for other in ["edge", "api", "json"] {
            let unread = format!("of source `{other}`, no line was read");
            assert_eq!(ended.out.contains(&unread), other != source, "{ended:?}");
        }
    };
    of(&["edge.log.1"], "", "edge");
    of(&["-"], &json, "json");
    of(&["-", "--source", "api"], &combined, "api");
    let unclear = two(&["-"], &combined).err;
    let expected = "- may be a log of the source `edge` or `api`: neither follows it, and both read its lines\n = help: name the source with --source NAME\n";
    assert!(unclear.ends_with(expected), "{unclear}");
    let unknown = two(&["-"], "x\n").err;
    assert!(
        unknown.contains("no source of the configuration reads the lines of -"),
        "{unknown}"
    );
    let misspelt = two(&["-", "--source", "aip"], &combined).err;
    assert!(misspelt.contains("did you mean `api`"), "{misspelt}");
    let missing = two(&["missing.log"], "").err;
    assert!(missing.contains("missing.log"), "{missing}");
    let none = two(&[], "").err;
    assert!(
        none.contains("the sources follow no file that exists"),
        "{none}"
    );
}
