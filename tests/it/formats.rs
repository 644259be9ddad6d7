//! The formats of `/metrics`, read by Prometheus' own Python library, and by Google's for protobuf.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::nginx::Nginx;
use crate::prometheus::{Prometheus, free_port};
use crate::stack::python;
use crate::support::{Daemon, HEAD, Source, project, until};

/// Starts a daemon that has counted a recorded log in all sets.
fn counted(dir: &Path) -> Daemon {
    let log = dir.join("access.log");
    fs::copy(project("fixtures/corpora/nginx_timed.log"), &log).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-timed",
        log: &log,
    };
    let sets = "[metrics]\nsets = ['httplog', 'django', 'nginxlog', 'connections']\n\
        native = ['httplog_request_duration_seconds', 'httplog_response_size_bytes', 'httplog_connection_duration_seconds']\n";
    let config = format!("{HEAD}{sets}{}", source.toml());
    let daemon = Daemon::configured(dir, &config);
    daemon.metrics_after(&[("nginx", 300)]);
    daemon
}

#[test]
fn each_format_is_valid_and_has_the_same_samples() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = counted(dir.path());
    let page = daemon.scrape();
    let url = format!("http://{}/metrics", daemon.socket());
    let output = python("tests/stack/formats.py").arg(url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let mut expected = [
        "text/plain; version=0.0.4; charset=utf-8",
        "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        "application/openmetrics-text; version=0.0.1; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
    ]
    .map(|kind| format!("{kind}\t5600\t0"))
    .to_vec();
    let natives: usize = [
        "httplog_request_duration_seconds_count",
        "httplog_response_size_bytes_count",
        "httplog_connection_duration_seconds_count",
    ]
    .map(|name| page.samples(name, &[]).count())
    .iter()
    .sum();
    let protobuf = format!(
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited\t5600\t{natives}"
    );
    expected.extend([protobuf.clone(), protobuf]);
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

/// Configures nginx to pass scrapes on, with this directive, and to log the format of each response.
fn proxy(dir: &Path, port: u16, target: &str, directive: &str) {
    let text = format!(
        "pid nginx.pid; error_log error.log;\nevents {{}}\nhttp {{\n\
         log_format types '$sent_http_content_type'; access_log types.log types;\n\
         server {{ listen 127.0.0.1:{port};\n\
         location / {{ proxy_pass http://{target}; {directive} }} }} }}\n"
    );
    fs::create_dir_all(dir.join("etc")).unwrap();
    fs::write(dir.join("etc/nginx.conf"), text).unwrap();
}

/// Waits until this many scrapes got a format after those of `from`, and returns the number of all scrapes.
fn scraped(dir: &Path, from: usize, format: &str, wanted: usize) -> usize {
    until(|| {
        let types = fs::read_to_string(dir.join("types.log")).unwrap();
        let found = types.lines().skip(from);
        let found = found.filter(|line| line.starts_with(format)).count();
        let all = types.lines().count();
        (found >= wanted)
            .then_some(all)
            .ok_or_else(|| format!("{found} scrapes of {format}"))
    })
}

#[test]
fn a_prometheus_that_changes_from_text_to_openmetrics_goes_on_with_the_same_series() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = counted(dir.path());
    let port = free_port();
    let text_only = "proxy_set_header Accept \"text/plain; version=0.0.4\";";
    proxy(dir.path(), port, daemon.socket(), text_only);
    let nginx = Nginx::start(dir.path(), port);
    let prometheus = Prometheus::start(dir.path(), &format!("127.0.0.1:{port}"));
    // The second page has what the first scrape added to the exporter's own metrics.
    let so_far = scraped(dir.path(), 0, "text/plain", 4);
    let before = prometheus.series("{job=\"django\"}");
    assert!(before.len() > 5_000, "{} series", before.len());

    proxy(dir.path(), port, daemon.socket(), "");
    nginx.signal(Signal::HUP);
    scraped(dir.path(), so_far, "application/openmetrics-text", 3);
    let after = prometheus.series("{job=\"django\"}");
    let added: Vec<_> = after.difference(&before).take(5).collect();
    assert!(added.is_empty(), "{added:?}");
    assert_eq!(after.len(), before.len());
    // None of them has ended.
    let live = prometheus.answer("count({job=\"django\"})");
    assert_eq!(live[0].1.to_string(), before.len().to_string());
}
