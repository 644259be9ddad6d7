//! Native histograms, as Prometheus scrapes them.

use std::collections::BTreeMap;
use std::fs;

use crate::prometheus::{Prometheus, free_port};
use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, Source, project};

/// A histogram without native buckets, of the values of `httplog_request_duration_seconds`.
const CLASSIC: &str = "
[metrics]
native = ['httplog_request_duration_seconds']
created = true

[[metric]]
name = 'classic_seconds'
help = 'Duration.'
type = 'histogram'
value = 'duration'
labels = ['source']
buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30]
when = { status = ['!101'] }
";

/// Factor between two bounds of a native histogram.
const FACTOR: f64 = 1.0906;

#[test]
fn prometheus_scrapes_native_histograms_whose_quantiles_are_those_of_the_classic_ones() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::copy(project("fixtures/corpora/nginx_timed.log"), &log).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-timed",
        log: &log,
    };
    let daemon = Daemon::configured(dir.path(), &format!("{HEAD}{CLASSIC}{}", source.toml()));
    let page = Scrape::parse(&daemon.metrics_after(&[("nginx", 300)]));
    let config = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n\
         - job_name: django\n  static_configs: [{{targets: [\"{}\"]}}]\n",
        daemon.socket()
    );
    let options = ["--enable-feature=native-histograms"];
    let prometheus = Prometheus::with_options(dir.path(), free_port(), &config, &options);

    // Counters and counts of observations are those of the text page.
    let check = |name: &str, query: &str| {
        let mut expected: Vec<(String, f64)> = page
            .samples(name, &[])
            .map(|sample| (format!("{:?}", sample.labels), sample.value))
            .collect();
        let found = prometheus.answer(query).into_iter();
        let mut found: Vec<(String, f64)> = found
            .map(|(labels, value)| {
                let labels = labels.as_object().unwrap().iter();
                let shown: BTreeMap<String, String> = labels
                    .filter(|(name, _)| !["__name__", "instance", "job"].contains(&name.as_str()))
                    .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                    .collect();
                (format!("{shown:?}"), value)
            })
            .collect();
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        found.sort_by(|one, other| one.0.cmp(&other.0));
        assert!(expected.len() > 1, "{name}");
        assert_eq!(found, expected, "{query}");
    };
    check("httplog_requests_total", "httplog_requests_total");
    check("classic_seconds_bucket", "classic_seconds_bucket");
    check(
        "httplog_response_size_bytes_bucket",
        "httplog_response_size_bytes_bucket",
    );
    let native = "httplog_request_duration_seconds";
    check(
        &format!("{native}_count"),
        &format!("histogram_count({native})"),
    );
    check(
        &format!("{native}_sum"),
        &format!("histogram_sum({native})"),
    );
    // It has them instead of classic series.
    assert_eq!(prometheus.ask(&format!("{native}_bucket")), Ok(Vec::new()));

    let bounds: Vec<f64> = page
        .samples("classic_seconds_bucket", &[])
        .map(|sample| sample.labels["le"].parse().unwrap())
        .collect();
    for quantile in [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99] {
        let only = |query: &str| match prometheus.answer(query)[..] {
            [(_, value)] => value,
            ref other => panic!("{other:?}"),
        };
        let classic = only(&format!(
            "histogram_quantile({quantile}, classic_seconds_bucket)"
        ));
        let native = only(&format!("histogram_quantile({quantile}, sum({native}))"));
        // Both name the same observation: it is in the classic bucket of the one, and in the native bucket of the other.
        let upper = bounds
            .iter()
            .copied()
            .find(|bound| classic <= *bound)
            .unwrap();
        let lower = bounds
            .iter()
            .copied()
            .rfind(|bound| *bound < classic)
            .unwrap_or(0.0);
        assert!(
            lower / FACTOR <= native && native <= upper * FACTOR,
            "{quantile}: {native}, but {classic} in {lower} to {upper}"
        );
    }
}
