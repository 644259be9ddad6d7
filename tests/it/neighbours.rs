//! The presets of servers in front of a site, on lines that these wrote (`tests/stack/neighbours.py`).

use std::fs;

use httplog_exporter::pattern::{Preset, Recognition, recognise};

use crate::support::project;

/// Presets, and what the server writes in a target in place of a quote and of `é`.
const SERVERS: [(&str, &str); 4] = [
    ("haproxy", "#22"),
    ("caddy", "\\\""),
    ("envoy", "\""),
    ("ingress-nginx", "\\x22"),
];

#[test]
fn each_line_has_the_method_the_target_and_the_status_that_the_client_saw() {
    for (name, quote) in SERVERS {
        let path = |end: &str| project(&format!("fixtures/corpora/{name}.{end}"));
        let log = fs::read(path("log")).unwrap();
        let truth = fs::read_to_string(path("truth")).unwrap();
        let lines: Vec<&[u8]> = log.trim_ascii_end().split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), truth.lines().count(), "{name}");
        let pattern = Preset::find(name).unwrap().pattern().unwrap();
        let mut scratch = pattern.scratch();
        for (line, truth) in lines.iter().zip(truth.lines()) {
            let record = pattern.parse(&mut scratch, line);
            let record = record.unwrap_or_else(|error| panic!("{name}: {truth}: {error:?}"));
            let mut columns = truth.split('\t');
            let mut next = || columns.next().unwrap();
            let (method, target, status) = (next(), next(), next());
            let code = record.status.map(|status| status.code().to_string());
            // Some servers write the status that a client would have got; Caddy 2.6 writes none of a WebSocket.
            if status == "-" || (code.as_deref(), status) == (Some("0"), "101") {
                assert!(record.duration.is_some(), "{name}: {truth}");
            } else {
                assert_eq!(code.as_deref(), Some(status), "{name}: {truth}");
            }
            let text =
                |value: Option<&[u8]>| value.map(|it| String::from_utf8_lossy(it).into_owned());
            // A request that the server could not read has neither, or dashes.
            if let (Some(found), Some(path)) = (text(record.method), text(record.target))
                && found != "-"
            {
                assert_eq!(found, method, "{name}: {truth}");
                let target = target.replace('"', quote);
                let is_part = path.ends_with(&target) || target.starts_with(&path);
                // Envoy writes the path of an absolute target only.
                let is_it = is_part || target.ends_with(&path) || !path.is_ascii();
                let is_escaped = path.contains("\\x") || path.contains("\\\\");
                assert!(is_it || is_escaped, "{name}: {path} for {truth}");
            }
        }
        let Recognition::Known(found) = recognise(lines.iter().copied()) else {
            panic!("{name} is not recognised");
        };
        assert_eq!(found.name(), name);
    }
}
