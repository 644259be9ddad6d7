//! Tests of what people see: the page, the status as JSON, and the commands to paste.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use httplog_exporter::status::Status;
use serde_json::Value;

use crate::hostile::letters;
use crate::support::{Daemon, HEAD, Source, append, project, rename, run_command, until};

const DEMO: &str = "fixtures/demo/access.log";

/// Personal data of clients. Views, hosts and the names of logs are not.
const CANARIES: [&str; 6] = [
    "198.51.100.77",
    "canary.person",
    "canarytoken4Yq8Zr1Lm",
    "canary-referer",
    "CanaryAgent",
    "canaryuser",
];

/// Returns a daemon that has counted the lines of a log.
fn counted(dir: &Path, lines: &[u8], more: &str) -> (Daemon, PathBuf) {
    let log = dir.join("access.log");
    fs::write(&log, lines).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-django",
        log: &log,
    };
    let config = format!("{HEAD}{}{more}", source.toml());
    let daemon = Daemon::configured(dir, &config);
    let lines = memchr::memchr_iter(b'\n', lines).count();
    daemon.metrics_after(&[("nginx", lines as u64)]);
    (daemon, log)
}

fn status(daemon: &Daemon) -> Status {
    serde_json::from_str(&daemon.get("/api/v1/status").unwrap()).unwrap()
}

#[test]
fn the_numbers_are_those_of_the_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let (daemon, _) = counted(dir.path(), &fs::read(project(DEMO)).unwrap(), "");
    let scrape = daemon.scrape();
    // A status is shared for a second.
    let status = until(|| {
        let status = status(&daemon);
        let lines = status.sources[0].lines.recorded;
        let counted = scrape.lines("nginx", Some("recorded"));
        (lines == counted)
            .then_some(status)
            .ok_or(format!("{lines} of {counted} lines"))
    });
    let by_route = |status: &str| {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        let all = scrape
            .all()
            .filter(|sample| sample.name == "httplog_requests_total");
        for sample in all.filter(|sample| sample.labels["status"].starts_with(status)) {
            *counts.entry(sample.labels["route"].clone()).or_default() += sample.value;
        }
        counts.retain(|_, count| *count > 0.0);
        counts
    };
    let routes = status.routes.iter();
    let totals: BTreeMap<String, f64> = routes
        .map(|route| {
            (
                route.route.clone(),
                f64::from(u32::try_from(route.requests_total).unwrap()),
            )
        })
        .collect();
    assert_eq!(totals, by_route(""));
    let errors: BTreeMap<String, f64> = (status.routes.iter())
        .map(|route| {
            (
                route.route.clone(),
                f64::from(u32::try_from(route.errors).unwrap()),
            )
        })
        .filter(|(_, errors)| *errors > 0.0)
        .collect();
    assert_eq!(errors, by_route("5"));
    let used = scrape.value("httplog_exporter_series", &[]);
    assert_eq!(
        used,
        Some(f64::from(u32::try_from(status.series.used).unwrap()))
    );
    // The page has them too.
    let page = daemon.get("/").unwrap();
    for route in &status.routes {
        let row = page.split("<tr ").find(|row| {
            row.contains(&format!(
                "nginx {}\"",
                route.route.replace('<', "&lt;").replace('>', "&gt;")
            ))
        });
        let row = row.unwrap_or_else(|| panic!("no row of {route:?}"));
        assert!(
            row.contains(&format!("<td class=\"n\">{}</td>", route.requests)),
            "{row}"
        );
    }
}

#[test]
fn one_paste_leads_from_a_row_to_its_lines_after_a_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let (daemon, log) = counted(dir.path(), &fs::read(project(DEMO)).unwrap(), "");
    rename(&log, &dir.path().join("access.log.1"));
    append(&log).write_all(b"").unwrap();
    let routes = until(|| {
        let document = daemon.get("/api/v1/status")?;
        let document: Value = serde_json::from_str(&document).map_err(|error| error.to_string())?;
        let routes = document["routes"].as_array().cloned().unwrap_or_default();
        (!routes.is_empty())
            .then_some(routes)
            .ok_or("no routes".into())
    });
    assert!(routes.len() > 15);
    for route in routes {
        let pasted = |command: &Value| {
            let command = command.as_str().unwrap();
            let program = env!("CARGO_BIN_EXE_httplog-exporter");
            let command = command.replacen("httplog-exporter", program, 1);
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &command]);
            let ended = run_command(shell, "");
            let lines = ended.out.lines().count() as u64;
            assert_eq!(
                ended.code,
                Some(i32::from(lines == 0)),
                "{command}: {}",
                ended.err
            );
            lines
        };
        assert_eq!(pasted(&route["lines"]), route["requests_total"], "{route}");
        assert_eq!(pasted(&route["error_lines"]), route["errors"], "{route}");
    }
}

#[test]
fn nothing_personal_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let [address, person, token, referer, agent, user] = CANARIES;
    let line = |path: &str, status: u16| {
        format!(
            "{address} - {user} [22/Nov/2026:18:47:15 +0000] \"GET {path} HTTP/1.1\" {status} 12 \"https://{referer}/\" \
             \"{agent}\" rt=0.500 urt=\"0.5\" uct=\"0.0\" uht=\"0.5\" us=\"{status}\" host=\"h\" scheme=https cl=- rid={token} view=\"-\"\n"
        )
    };
    let lines = [
        line(&format!("/reset/{person}@example.org/?token={token}"), 200),
        line(&format!("/reset/{token}/"), 502),
        format!("{address} junk of {user} with {token}\n"),
    ];
    let (daemon, _) = counted(dir.path(), lines.concat().as_bytes(), "");
    let mut shown = daemon.get("/api/v1/status").unwrap();
    for language in ["en", "fr"] {
        let page = ureq::get(&format!("http://{}/", daemon.socket()))
            .header("Accept-Language", language)
            .call()
            .unwrap();
        shown += &page.into_body().read_to_string().unwrap();
    }
    assert!(shown.contains("/reset/") && shown.contains("<html lang=\"fr\">"));
    for canary in CANARIES {
        assert!(!shown.contains(canary), "{canary}");
        assert!(!daemon.said().contains(canary), "{canary}");
    }
}

#[test]
fn the_history_of_a_route_takes_a_few_kibibytes() {
    const ROUTES: u32 = 400;
    let dir = tempfile::tempdir().unwrap();
    let demo = fs::read_to_string(project(DEMO)).unwrap();
    let line = demo.lines().next().unwrap();
    let lines: String = (0..ROUTES)
        .map(|route| line.replace("view=\"-\"", &format!("view=\"app:{}\"", letters(route))) + "\n")
        .collect();
    let (daemon, _) = counted(dir.path(), lines.as_bytes(), "");
    let before = daemon.peak_memory();
    until(|| {
        let routes = status(&daemon).routes;
        let sampled = routes
            .iter()
            .filter(|route| route.durations.is_some())
            .count();
        (sampled == ROUTES as usize)
            .then_some(())
            .ok_or(format!("{sampled} routes"))
    });
    daemon.get("/").unwrap();
    // With the page, its JSON and what both are made of.
    let each = (daemon.peak_memory() - before) / u64::from(ROUTES);
    assert!(each < 64 << 10, "{each} bytes a route");
}

#[test]
fn a_thousand_open_pages_take_bounded_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (daemon, _) = counted(dir.path(), &fs::read(project(DEMO)).unwrap(), "");
    daemon.get("/").unwrap();
    let before = daemon.peak_memory();
    let count = |daemon: &Daemon| {
        let page = daemon.scrape();
        page.value("httplog_exporter_scrape_duration_seconds_count", &[])
    };
    let scrapes = count(&daemon);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(daemon.get("/").unwrap().contains("</html>"));
                }
            });
        }
    });
    let grown = daemon.peak_memory() - before;
    assert!(grown < 16 << 20, "{grown} bytes");
    // None of them was a scrape.
    assert_eq!(count(&daemon), scrapes.map(|scrapes| scrapes + 1.0));
}

/// Checks a value against the parts of JSON Schema that `docs/status.schema.json` uses. Fields that it does not name are faults.
fn check(value: &Value, schema: &Value, root: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return check(value, &root["$defs"][name], root, place);
    }
    if let Some(kinds) = schema["oneOf"].as_array() {
        assert_eq!(kinds[1]["type"], "null");
        if !value.is_null() {
            check(value, &kinds[0], root, place);
        }
        return;
    }
    if let Some(values) = schema["enum"].as_array() {
        return assert!(values.contains(value), "{place}: {value}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = schema["type"].as_array().cloned();
    let kinds = kinds.unwrap_or_else(|| vec![schema["type"].clone()]);
    let is_known = kinds
        .iter()
        .any(|known| known == kind || (known == "number" && kind == "integer"));
    assert!(is_known, "{place}: {value} is not one of {kinds:?}");
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &schema["items"], root, &format!("{place}[{at}]"));
    }
    let Some(fields) = value.as_object() else {
        return;
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(
            fields.contains_key(required.as_str().unwrap()),
            "{place}: no {required}"
        );
    }
    for (name, field) in fields {
        let known = schema["properties"]
            .get(name)
            .or(schema.get("additionalProperties"));
        let known = known.unwrap_or_else(|| panic!("{place}.{name} is not in the schema"));
        check(field, known, root, &format!("{place}.{name}"));
    }
}

#[test]
fn the_status_is_as_its_schema_says() {
    let dir = tempfile::tempdir().unwrap();
    let schema = fs::read_to_string(project("docs/status.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let back = dir.path().join("back.log");
    append(&back);
    let back = Source {
        name: "gunicorn",
        pattern: "gunicorn-django",
        log: &back,
    };
    let mut lines = fs::read(project(DEMO)).unwrap();
    lines.extend_from_slice(b"junk\n");
    let more = format!("{}behind = 'nginx'\n", back.toml());
    let (daemon, _) = counted(dir.path(), &lines, &more);
    // Waits for the first point of the history.
    until(|| {
        let is_known = status(&daemon).traffic.until.is_some();
        is_known.then_some(()).ok_or("no point".into())
    });
    let status = daemon.get("/api/v1/status").unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    for list in ["troubles", "sources", "routes", "queues", "other"] {
        assert_ne!(status[list], serde_json::json!([]), "{list}");
    }
    check(&status, &schema, &schema, "status");
}
