//! Exemplars from a real nginx to a real Prometheus.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::UNIX_EPOCH;

use httplog_exporter::clock::{Clock as _, SystemClock};
use serde_json::Value;

use crate::exemplars::{FORMAT, config_of, trace};
use crate::prometheus::{Prometheus, free_port};
use crate::rotation::Nginx;
use crate::stack::python;
use crate::support::{Daemon, until};

/// Sends a request that belongs to a trace.
fn ask(nginx: &Nginx, target: &str, parent: &str) {
    let url = format!("http://127.0.0.1:{}{target}", nginx.port);
    ureq::get(url).header("traceparent", parent).call().unwrap();
}

/// Returns the value of a `traceparent` header.
fn parent(number: u64) -> String {
    format!("00-{}-00f067aa0ba902b7-01", trace(number))
}

fn follow(dir: &Path) -> (Nginx, Daemon) {
    let nginx = Nginx::logging(dir, FORMAT);
    let config = config_of(&nginx.log(), "dir = 'state'", "exemplars = 'trace_id'");
    (nginx, Daemon::configured(dir, &config))
}

#[test]
fn every_format_shows_the_exemplars_that_independent_parsers_read() {
    let dir = tempfile::tempdir().unwrap();
    let (nginx, daemon) = follow(dir.path());
    for (number, target) in (1..=20).zip(["/a/", "/b/", "/c/"].into_iter().cycle()) {
        ask(&nginx, target, &parent(number));
    }
    ask(
        &nginx,
        "/made-up/",
        "00-jane@example.org-00f067aa0ba902b7-01",
    );
    daemon.metrics_after(&[("web", 21)]);
    let url = format!("http://{}/metrics", daemon.socket());
    let output = python("tests/stack/exemplars.py")
        .arg(url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let found: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(found.len() > 3, "{said}");
    let sent: BTreeSet<String> = (1..=20).map(trace).collect();
    let now = SystemClock::new()
        .wall()
        .duration_since(UNIX_EPOCH)
        .unwrap();
    for exemplar in found {
        let (labels, ids) = (&exemplar[1], &exemplar[2]);
        assert!(sent.contains(ids["trace_id"].as_str().unwrap()), "{ids}");
        assert_eq!(ids["span_id"], "00f067aa0ba902b7");
        assert_ne!(labels["route"], "/made-up/");
        let age = now.as_secs_f64() - exemplar[4].as_f64().unwrap();
        assert!((0.0..60.0).contains(&age), "{exemplar}");
    }
}

#[test]
fn prometheus_stores_the_exemplars_of_every_scrape() {
    // Prometheus asks for OpenMetrics, and for protobuf if it takes native histograms.
    for features in ["exemplar-storage", "exemplar-storage,native-histograms"] {
        let dir = tempfile::tempdir().unwrap();
        let (nginx, daemon) = follow(dir.path());
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: web\n  static_configs: [{{targets: ['{}']}}]\n",
            daemon.socket()
        );
        let option = format!("--enable-feature={features}");
        let prometheus = Prometheus::with_options(dir.path(), free_port(), &text, &[&option]);
        let mut sent = BTreeSet::new();
        let found = until(|| {
            let number = sent.len() as u64 + 1;
            ask(&nginx, "/page/", &parent(number));
            sent.insert(trace(number));
            let found = prometheus.exemplars("httplog_request_duration_seconds_bucket")?;
            // Of several scrapes.
            let most = found.iter().map(Vec::len).max();
            (most >= Some(4))
                .then_some(found)
                .ok_or_else(|| format!("{most:?} exemplars of a bucket"))
        });
        for bucket in &found {
            for exemplar in bucket {
                let labels = &exemplar["labels"];
                assert!(
                    sent.contains(labels["trace_id"].as_str().unwrap()),
                    "{labels}"
                );
                assert_eq!(labels.as_object().unwrap().len(), 2, "{labels}");
            }
            let times = bucket.iter().map(|one| one["timestamp"].as_f64().unwrap());
            assert!(times.is_sorted_by(|one, next| one < next), "{bucket:?}");
        }
        let refused = prometheus.own("prometheus_tsdb_exemplar_out_of_order_exemplars_total");
        assert_eq!(refused, 0);
        assert!(prometheus.own("prometheus_tsdb_exemplar_exemplars_appended_total") >= 4);
    }
}
