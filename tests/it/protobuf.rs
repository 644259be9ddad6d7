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

#[cfg(feature = "stack")]
mod labels {
    use std::fs;

    use httplog_exporter::expose::{encode_json, encode_protobuf};
    use httplog_exporter::model::{Families, Family, Kind, Series};

    use crate::stack::python;

    /// A text of random bytes, which is valid UTF-8 as label values are.
    fn any_text(state: &mut u64) -> String {
        let mut byte = || {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (*state >> 56) as u8
        };
        // Some are longer than 127 bytes: their lengths take two.
        let length = byte() % 200;
        let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn any_label_value_is_read_by_another_library_as_it_was() {
        const SERIES: u32 = 2_000;
        let dir = tempfile::tempdir().unwrap();
        let mut state = 1;
        let series = (0..SERIES).map(|number| {
            let texts = [
                any_text(&mut state),
                number.to_string(),
                any_text(&mut state),
            ];
            let labels = ["label", "number", "route"].into_iter().zip(texts);
            let labels = labels.map(|(name, text)| (name.into(), text.into()));
            Series::from_count(labels.collect(), state >> 20)
        });
        let families = Families::new([Family {
            name: "a_total".into(),
            help: any_text(&mut 2).into(),
            kind: Kind::Counter,
            series: series.collect(),
        }]);
        let pages = [
            ("page", encode_protobuf as fn(&Families, &mut Vec<u8>)),
            ("json", encode_json),
        ];
        let paths = pages.map(|(name, encode)| {
            let mut page = Vec::new();
            encode(&families, &mut page);
            let path = dir.path().join(name);
            fs::write(&path, page).unwrap();
            path
        });
        let output = python("tests/stack/labels.py")
            .args(paths)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            SERIES.to_string()
        );
    }
}
