//! The set `otel` on the run of the site: `http_route` is the `route` of Django's `resolver_match`.

use std::collections::BTreeMap;
use std::fs;

use super::{LOGS, RUN, Run, typed_pattern};
use crate::scrape::Scrape;
use crate::support::{HEAD, run};

const DURATION: &str = "http_server_request_duration_seconds_count";
const BODY: &str = "http_server_request_body_size_bytes_count";

/// Counts the lines of a log by route in a family, with the set `otel` alone.
fn counted(log: &[u8], pattern: &str, family: &str) -> BTreeMap<String, f64> {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("access.log", log);
    write("urlconf.jsonl", RUN.dump.as_bytes());
    let config = format!(
        "{HEAD}[metrics]\nsets = [\"otel\"]\n{}[[source]]\nname = 'x'\npaths = ['access.log']\n\
         pattern = '{pattern}'\nroutes = 'site'\n[routes.site]\nurlconf = 'urlconf.jsonl'\n",
        typed_pattern()
    );
    write("config.toml", config.as_bytes());
    let args = [
        "replay",
        "--config",
        "config.toml",
        "--output",
        "metrics",
        "access.log",
    ];
    let page = run(dir.path(), args, "").succeeded();
    Scrape::parse(&page)
        .by(family, "http_route")
        .into_iter()
        .collect()
}

/// Returns the lines of requests that Django resolved, and how many have each of Django's routes.
fn expected(run: &Run, at: usize) -> (Vec<u8>, BTreeMap<String, f64>) {
    let log = &run.logs[at];
    let lines = log
        .bytes
        .strip_suffix(b"\n")
        .unwrap()
        .split(|byte| *byte == b'\n');
    let (mut kept, mut routes) = (Vec::new(), BTreeMap::new());
    for (line, logged) in lines.zip(&log.lines) {
        let seen = logged.id.as_ref().and_then(|id| run.seen.get(id));
        // The middlewares refused the others before the URLconf was asked.
        let Some(seen) = seen.filter(|seen| seen.inner.is_some()) else {
            continue;
        };
        kept.extend_from_slice(line);
        kept.push(b'\n');
        *routes
            .entry(seen.route.clone().unwrap_or_default())
            .or_default() += 1.0;
    }
    (kept, routes)
}

#[test]
fn the_http_route_of_every_request_is_the_route_that_django_resolved() {
    for (at, (name, pattern)) in LOGS.into_iter().enumerate() {
        let (lines, routes) = expected(&RUN, at);
        let requests: f64 = routes.values().sum();
        eprintln!(
            "{name}: {requests} requests by {} routes, {} without",
            routes.len(),
            routes[""]
        );
        assert_eq!(counted(&lines, pattern, BODY), routes, "{name}");
        // The format `typed` has no duration.
        if pattern != "typed" {
            assert_eq!(counted(&lines, pattern, DURATION), routes, "{name}");
        }
        assert!(requests > 4_400.0 && routes.len() > 20 && routes[""] > 100.0);
    }
    // Sums could agree although two requests have each other's routes.
    for log in &RUN.logs {
        for line in &log.lines {
            let seen = line.id.as_ref().and_then(|id| RUN.seen.get(id));
            if let Some(seen) = seen.filter(|seen| seen.inner.is_some()) {
                assert_eq!(line.route, seen.route, "{}", line.target.escape_ascii());
            }
        }
    }
}
