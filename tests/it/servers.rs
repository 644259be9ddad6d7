//! Reads what real servers log under mixed traffic: every line is recorded or skipped, as its client saw the request.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use httplog_exporter::model::Status;
use httplog_exporter::pattern::{Pattern, Recognition, recognise};
use serde_json::Value;

use crate::stack::python;
use crate::support::{run, run_command};

/// A log and what its server writes to it.
struct Case {
    log: &'static str,
    server: &'static str,
    preset: &'static str,
    /// True if a handshake of a WebSocket is logged as a request.
    has_handshakes: bool,
}

/// A request as its client saw it.
struct Seen {
    method: String,
    target: String,
    status: u64,
}

const fn case(
    log: &'static str,
    server: &'static str,
    preset: &'static str,
    has_handshakes: bool,
) -> Case {
    Case {
        log,
        server,
        preset,
        has_handshakes,
    }
}

const CASES: [Case; 14] = [
    case("nginx-combined", "nginx", "nginx-combined", true),
    case("nginx-common", "nginx", "common", true),
    case("apache-common", "apache", "common", true),
    case("apache-combined", "apache", "apache-combined", true),
    case("apache-vhost", "apache", "apache-vhost", true),
    case("gunicorn-sync", "gunicorn-sync", "gunicorn", true),
    case("gunicorn-gthread", "gunicorn-gthread", "gunicorn", true),
    // uvicorn reports handshakes in its messages.
    case("gunicorn-uvicorn", "gunicorn-uvicorn", "uvicorn", false),
    case("uvicorn", "uvicorn", "uvicorn", false),
    case("hypercorn", "hypercorn", "hypercorn", true),
    case("granian", "granian", "granian", true),
    case("granian-wsgi", "granian-wsgi", "granian", true),
    case("daphne", "daphne", "daphne", false),
    case("uwsgi", "uwsgi", "uwsgi", true),
];

/// uWSGI with `--log-micros`.
const MICROS: Case = case("uwsgi-micros", "uwsgi-micros", "uwsgi-micros", true);

#[test]
fn every_line_of_real_servers_is_read_as_its_client_saw_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut servers = python("tests/stack/servers.py");
    servers.arg(dir.path());
    run_command(servers, "").succeeded();
    for case in CASES.iter().chain([&MICROS]) {
        check(dir.path(), case);
    }
}

fn check(dir: &Path, case: &Case) {
    let name = case.log;
    let text = fs::read(dir.join(format!("{name}.log"))).unwrap();
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let (_, lines) = lines.split_last().unwrap();
    let Recognition::Known(pattern) = recognise(lines.iter().copied()) else {
        panic!("{name} is not recognised")
    };
    assert_eq!(pattern.name(), case.preset, "{name}");

    let seen = seen(&dir.join(format!("{}.jsonl", case.server)));
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut recorded, mut skipped) = (0, 0);
    for line in lines {
        if let Some(number) = read(name, &pattern, line, &seen, &mut skipped) {
            *counts.entry(number).or_default() += 1;
        }
        recorded += 1;
    }
    recorded -= skipped;
    for (number, request) in &seen {
        let is_handshake = ["/ws/", "/refused/"]
            .iter()
            .any(|start| request.target.starts_with(start));
        let expected = u32::from(case.has_handshakes || !is_handshake);
        let count = counts.get(number).copied().unwrap_or_default();
        // Requests to nginx and Apache reach uvicorn too.
        let is_right = count == expected || name == "uvicorn" && count > expected;
        assert!(is_right, "{name}: {count} lines of {}", request.target);
    }

    let summary = run(dir, ["replay", &format!("{name}.log")], "").succeeded();
    let grouped = |number: usize| match number {
        1000.. => format!("{},{:03}", number / 1000, number % 1000),
        _ => number.to_string(),
    };
    let expected = format!(
        "{}: {} lines, {} recorded, 0 rejected, {} skipped",
        case.preset,
        grouped(lines.len()),
        grouped(recorded),
        grouped(skipped)
    );
    assert_eq!(summary.lines().next(), Some(&*expected), "{name}");
}

/// Compares a line with what the client saw, and returns the number of the request; `None` if it has none.
fn read(
    name: &str,
    pattern: &Pattern,
    line: &[u8],
    seen: &BTreeMap<u64, Seen>,
    skipped: &mut usize,
) -> Option<u64> {
    let shown = String::from_utf8_lossy(line);
    let Ok(record) = pattern.parse(&mut pattern.scratch(), line) else {
        assert!(pattern.skips(line), "{name}: {shown} is rejected");
        *skipped += 1;
        return None;
    };
    let number = number_in(&shown)?;
    let request = &seen[&number];
    let target = record.target.unwrap_or_default();
    let mut unescaped = Vec::new();
    let target = pattern.escaping().undo(target, &mut unescaped);
    let path = |target: &[u8]| decoded(target.split(|byte| *byte == b'?').next().unwrap());
    let has_query = target.contains(&b'?');
    // WSGI has the bytes of a path as characters, which Granian writes as such.
    let found = match (name, str::from_utf8(target)) {
        ("granian-wsgi", Ok(text)) => text.chars().map(|char| char as u8).collect(),
        _ => path(target),
    };
    assert_eq!(
        String::from_utf8_lossy(&found),
        String::from_utf8_lossy(&path(request.target.as_bytes())),
        "{name}: {shown}"
    );
    assert!(!has_query || target.ends_with(request.target.split_once('?').unwrap().1.as_bytes()));
    if name.starts_with("granian") && record.method.is_none() {
        // Granian logs a handshake without its method, and with 101 though it was refused.
        assert_eq!(record.status.map(Status::code), Some(101), "{shown}");
        return Some(number);
    }
    let method = record.method.map(String::from_utf8_lossy);
    assert_eq!(method.as_deref(), Some(&*request.method), "{name}: {shown}");
    let status = record.status.map(|status| u64::from(status.code()));
    assert_eq!(status, Some(request.status), "{name}: {shown}");
    Some(number)
}

/// Reads the requests that a client sent and the statuses it received.
fn seen(path: &Path) -> BTreeMap<u64, Seen> {
    let text = fs::read_to_string(path).unwrap();
    let requests = text.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        let seen = Seen {
            method: text("method"),
            target: text("target"),
            status: value["status"].as_u64().unwrap(),
        };
        (value["n"].as_u64().unwrap(), seen)
    });
    let seen: BTreeMap<u64, Seen> = requests.collect();
    let answered = seen.values().filter(|request| request.status > 0).count();
    assert!(answered >= 950, "{}: {answered}", path.display());
    seen
}

/// Finds the number of a request, which its path contains as `/n17/`.
fn number_in(line: &str) -> Option<u64> {
    let mut pieces = line.split("/n").skip(1);
    pieces.find_map(|piece| piece.split_once('/')?.0.parse().ok())
}

/// Undoes the percent-encoding of a path, if there is one.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|code| str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        if let Some(byte) = byte.filter(|_| *first == b'%') {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}
