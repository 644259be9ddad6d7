//! The formats of `/metrics`, read by Prometheus' own Python library, and by Google's for protobuf.

use std::fs;

use crate::stack::python;
use crate::support::{Daemon, HEAD, Source, project};

#[test]
fn each_format_is_valid_and_has_the_same_samples() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::copy(project("fixtures/corpora/nginx_timed.log"), &log).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-timed",
        log: &log,
    };
    let sets = "[metrics]\nsets = ['httplog', 'django', 'nginxlog', 'connections']\n";
    let config = format!("{HEAD}{sets}{}", source.toml());
    let daemon = Daemon::configured(dir.path(), &config);
    daemon.metrics_after(&[("nginx", 300)]);

    let url = format!("http://{}/metrics", daemon.socket());
    let output = python("tests/stack/formats.py").arg(url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let types: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(
        types,
        [
            "text/plain; version=0.0.4; charset=utf-8",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            "application/openmetrics-text; version=0.0.1; charset=utf-8",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        ]
    );
    assert!(said.lines().all(|line| line.ends_with("\t5600")), "{said}");
}
