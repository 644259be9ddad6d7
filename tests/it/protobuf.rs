//! `/metrics` in Prometheus' protobuf format, and what only this format shows.

use std::fs;

use rustix::process::Signal;

use crate::support::{Daemon, HEAD, Source, append, project};

const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Requests a page in a format.
fn page(daemon: &Daemon, accept: &str) -> Vec<u8> {
    let url = format!("http://{}/metrics", daemon.socket());
    let mut answer = ureq::get(url).header("Accept", accept).call().unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap();
    let (media, _) = accept.split_once(';').unwrap();
    assert_eq!(kind.split(';').next(), Some(media));
    answer.body_mut().read_to_vec().unwrap()
}

/// Returns the messages of the site's families of a page in protobuf.
fn families(daemon: &Daemon) -> Vec<Vec<u8>> {
    let page = page(daemon, PROTOBUF);
    let mut rest = &page[..];
    let mut families = Vec::new();
    while !rest.is_empty() {
        let (mut length, mut shift) = (0, 0);
        while let Some((byte, behind)) = rest.split_first() {
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            rest = behind;
            if *byte < 0x80 {
                break;
            }
        }
        let (family, behind) = rest.split_at(length);
        rest = behind;
        // The first field is the name, behind its tag and its length.
        let name = &family[2..][..usize::from(family[1])];
        if name.starts_with(b"httplog_") && !name.starts_with(b"httplog_exporter_") {
            families.push(family.to_vec());
        }
    }
    families
}

/// Returns the lines of a page in OpenMetrics that say when the site's series were created.
fn created(daemon: &Daemon) -> Vec<String> {
    let page = String::from_utf8(page(daemon, OPENMETRICS)).unwrap();
    let lines = page
        .lines()
        .filter(|line| line.contains("_created{") && !line.starts_with("httplog_exporter_"));
    lines.map(str::to_owned).collect()
}

#[test]
fn start_times_and_native_histograms_outlive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let lines = fs::read_to_string(project("fixtures/corpora/nginx_timed.log")).unwrap();
    fs::write(&log, &lines).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-timed",
        log: &log,
    };
    let head = HEAD.replace("durability = \"none\"", "dir = 'state'");
    let metrics = "[metrics]\ncreated = true\nnative = ['httplog_request_duration_seconds']\n";
    let config = format!("{head}{metrics}{}", source.toml());
    let daemon = Daemon::configured(dir.path(), &config);
    daemon.metrics_after(&[("nginx", 300)]);
    let before = (families(&daemon), created(&daemon));
    assert_eq!(before.0.len(), 5);
    assert!(before.1.len() > 100, "{} lines", before.1.len());

    daemon.signal(Signal::KILL);
    drop(daemon);
    let daemon = Daemon::configured(dir.path(), &config);
    daemon.metrics_after(&[("nginx", 300)]);
    assert!((families(&daemon), created(&daemon)) == before);

    // Further lines are counted in the same series, which are as old as before; routes learned meanwhile have others.
    std::io::Write::write_all(&mut append(&log), lines.as_bytes()).unwrap();
    daemon.metrics_after(&[("nginx", 600)]);
    assert!(families(&daemon) != before.0);
    let after = created(&daemon);
    assert!(before.1.iter().all(|line| after.contains(line)));
}
