//! Imports the samples of a day's log into a real Prometheus with promtool.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::backfill::replayed;
use crate::prometheus::{Prometheus, free_port};
use crate::support::{run, run_command};

const LINES: u64 = 200_000;
/// 22 November 2026, 00:00 UTC.
const MIDNIGHT: u64 = 1_795_305_600;

/// Returns the log of a day with a busy noon, a rarely requested route and a route that first appears at 13:37, and the
/// number of lines by hour and status.
fn day() -> (String, BTreeMap<(u64, String), f64>) {
    let (mut log, mut hours) = (String::new(), BTreeMap::new());
    for n in 0..LINES {
        // The sum of two uniformly distributed numbers is densest in the middle.
        let sum = (n * 43_200 / LINES) + (n.wrapping_mul(2_654_435_761) % 43_200);
        let second = if n + 1 == LINES { 86_399 } else { sum };
        let route = match n % 8 {
            0 if second > 49_020 => "/late/",
            1..4 => "/articles/",
            4 if n % 4_001 < 8 => "/rare/",
            5 => "/cart/",
            _ => "/",
        };
        let status = match n % 997 {
            0 => 500,
            1..20 => 404,
            _ => 200,
        };
        let (hour, millis) = (second / 3_600, n * n % 2_777);
        writeln!(
            log,
            "192.0.2.{} - - [22/Nov/2026:{hour:02}:{:02}:{:02} +0000] \"GET {route} HTTP/1.1\" {status} {} \"-\" \"-\" {}.{:03} 0.001",
            n % 256,
            second / 60 % 60,
            second % 60,
            n % 5_000,
            millis / 1_000,
            millis % 1_000,
        )
        .unwrap();
        *hours.entry((hour, status.to_string())).or_default() += 1.0;
    }
    (log, hours)
}

/// Formats the labels of a query result as a series in the text format.
fn series(labels: &serde_json::Value) -> String {
    let labels = labels.as_object().unwrap();
    let shown = labels
        .iter()
        .filter(|(name, _)| *name != "__name__" && *name != "le")
        .chain(labels.get_key_value("le"))
        .map(|(name, value)| format!("{name}={value}"));
    let name = labels["__name__"].as_str().unwrap();
    format!("{name}{{{}}}", shown.collect::<Vec<_>>().join(","))
}

#[test]
fn a_day_of_a_log_is_queryable_and_equals_replay() {
    let dir = tempfile::tempdir().unwrap();
    let (log, hours) = day();
    fs::write(dir.path().join("access.log"), log).unwrap();
    let args = ["backfill", "--output", "day.prom", "access.log"];
    run(dir.path(), args, "").succeeded();
    let mut promtool = Command::new("promtool");
    promtool.current_dir(dir.path());
    promtool.args("tsdb create-blocks-from openmetrics day.prom tsdb".split(' '));
    let ended = run_command(promtool, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let prometheus = Prometheus::configured(dir.path(), free_port(), "scrape_configs: []\n");
    let midnight = MIDNIGHT + 86_400;
    let last = format!("last_over_time({{__name__=~\"httplog_.+\"}}[5m] @ {midnight})");
    let found: BTreeMap<String, f64> = prometheus
        .answer(&last)
        .iter()
        .map(|(labels, value)| (series(labels), *value))
        .collect();
    let expected: BTreeMap<String, f64> = replayed(dir.path(), &["access.log"])
        .into_iter()
        .map(|(series, value)| (series, value.parse().unwrap()))
        .collect();
    assert_eq!(found, expected);

    for hour in 0..24 {
        let end = MIDNIGHT + (hour + 1) * 3_600;
        let query = format!("sum by (status) (increase(httplog_requests_total[1h] @ {end}))");
        let found = prometheus.answer(&query);
        let found: BTreeMap<String, f64> = found
            .iter()
            .map(|(labels, value)| (labels["status"].as_str().unwrap().to_owned(), *value))
            .filter(|(_, value)| *value != 0.0)
            .collect();
        let expected = hours.iter().filter(|((at, _), _)| *at == hour);
        let expected: BTreeMap<String, f64> = expected
            .map(|((_, status), lines)| (status.clone(), *lines))
            .collect();
        assert_eq!(found, expected, "hour {hour}");
    }
    let whole = format!("sum(increase(httplog_request_duration_seconds_count[1d] @ {midnight}))");
    let found = prometheus.answer(&whole);
    assert!((found[0].1 - 200_000.0).abs() < 1e-6, "{found:?}");
}
