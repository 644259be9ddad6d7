//! Counts the requests of a log, without any of the project's code.
//!
//! In a line of text, the request is between the first two quotes without a backslash before them, and the status
//! follows. That holds for nginx's default escaping (which writes `"` as `\x22`), gunicorn's, uvicorn's and Apache's. In
//! a line of keys, the names of the corpora are expected.

use std::collections::BTreeMap;

/// Label value of methods and statuses outside the list.
pub const OTHER: &str = "<other>";

/// The methods with a label value.
const METHODS: [&[u8]; 9] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
];

/// Requests by the labels `method` and `status`.
pub type Counts = BTreeMap<(String, String), u64>;

/// Counts the requests of a log, which must end with a newline.
pub fn of_log(log: &[u8]) -> Counts {
    assert!(
        log.is_empty() || log.ends_with(b"\n"),
        "the log ends in the middle of a line"
    );
    let mut counts = Counts::new();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        // Events of WebSockets, as Daphne logs them, are not requests.
        if line.windows(3).any(|window| window == b"\"WS") {
            continue;
        }
        let labels = of_line(line)
            .unwrap_or_else(|| panic!("no request in {:?}", String::from_utf8_lossy(line)));
        *counts.entry(labels).or_default() += 1;
    }
    counts
}

/// Returns the number of requests.
pub fn total(counts: &Counts) -> u64 {
    counts.values().sum()
}

fn of_line(line: &[u8]) -> Option<(String, String)> {
    let (request, status) = if line.starts_with(b"{") {
        of_object(line)?
    } else if line.starts_with(b"time:") {
        of_labels(line)?
    } else if line.starts_with(b"[pid: ") {
        of_uwsgi(line)?
    } else {
        of_text(line)
            .filter(|(_, status)| is_status(status))
            .or_else(|| of_unescaped(line))?
    };
    let method = request.split(|byte| *byte == b' ').next()?;
    Some((method_label(method), status_label(&status)))
}

/// Request line and status.
type Request = (Vec<u8>, Vec<u8>);

fn of_text(line: &[u8]) -> Option<Request> {
    let opening = bare_quote(line)?;
    let quoted = &line[opening + 1..];
    let closing = bare_quote(quoted)?;
    let (request, after) = (&quoted[..closing], &quoted[closing + 1..]);
    let status = after
        .split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty())?;
    Some((request.to_vec(), status.to_vec()))
}

/// Reads a line of a server that does not escape quotes: the request ends before the status.
fn of_unescaped(line: &[u8]) -> Option<Request> {
    let opening = line.iter().position(|byte| *byte == b'"')?;
    let rest = &line[opening + 1..];
    let closing = rest.windows(6).position(|window| {
        window.starts_with(b"\" ") && window.ends_with(b" ") && is_status(&window[2..5])
    });
    let closing = closing.or_else(|| bare_quote(rest))?;
    let status = rest.get(closing + 2..)?;
    let status = status.split(u8::is_ascii_whitespace).next()?;
    Some((rest[..closing].to_vec(), status.to_vec()))
}

/// Reads uWSGI's line, `[pid: …] … [time] METHOD PATH => … in … msecs (HTTP/1.1 STATUS) …`.
fn of_uwsgi(line: &[u8]) -> Option<Request> {
    let line = String::from_utf8_lossy(line);
    let (_, request) = line.split_once("} [")?.1.split_once("] ")?;
    let (request, after) = request.split_once(" => ")?;
    let times = after.split_once(" msecs (");
    let (_, response) = times.or_else(|| after.split_once(" micros ("))?;
    let (protocol, _) = response.split_once(')')?;
    Some((request.into(), protocol.rsplit(' ').next()?.into()))
}

fn is_status(text: &[u8]) -> bool {
    text.len() == 3 && text.iter().all(u8::is_ascii_digit)
}

/// Reads a JSON line. nginx leaves invalid UTF-8 as it is; no known method contains any.
fn of_object(line: &[u8]) -> Option<Request> {
    let object: serde_json::Value = serde_json::from_str(&String::from_utf8_lossy(line)).unwrap();
    let status = object.get("status")?.as_u64()?.to_string();
    Some((object.get("request")?.as_str()?.into(), status.into()))
}

fn of_labels(line: &[u8]) -> Option<Request> {
    let value = |label: &[u8]| {
        let mut pairs = line.split(|byte| matches!(byte, b'\t' | b'\n'));
        pairs.find_map(|pair| Some(pair.strip_prefix(label)?.to_vec()))
    };
    Some((value(b"req:")?, value(b"status:")?))
}

/// Finds the first quote without a backslash before it.
fn bare_quote(text: &[u8]) -> Option<usize> {
    (0..text.len()).find(|at| text[*at] == b'"' && (*at == 0 || text[at - 1] != b'\\'))
}

fn method_label(method: &[u8]) -> String {
    let known = METHODS.into_iter().find(|known| *known == method);
    known.map_or_else(|| OTHER.into(), |known| text(known).into())
}

fn status_label(status: &[u8]) -> String {
    let known = (100..=599).map(|known: u32| known.to_string());
    known
        .into_iter()
        .find(|known| known.as_bytes() == status)
        .unwrap_or_else(|| OTHER.into())
}

fn text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).unwrap()
}

#[test]
fn requests_are_read_as_the_servers_quote_them() {
    fn check(line: &str, method: &str, status: &str) {
        assert_eq!(
            of_line(line.as_bytes()),
            Some((method.into(), status.into())),
            "{line}"
        );
    }
    check(
        r#"::1 - - [t] "GET / HTTP/1.1" 200 9 "-" "x""#,
        "GET",
        "200",
    );
    check(
        r#" - - [t] "GET /\"a\" HTTP/1.1" 404 9 "-" "x\""#,
        "GET",
        "404",
    );
    check(
        r#" - bob \"the\" b [t] "GET / HTTP/1.1" 200 9"#,
        "GET",
        "200",
    );
    check(r#"::1 - - [t] "" 408 0 "-" "-""#, OTHER, "408");
    check(r#"::1 - - [t] "GE\x22T / HTTP/1.1" 400 0"#, OTHER, "400");
    check(r#"::1 - - [t] "\x16\x03" 000 0 "-" "-""#, OTHER, OTHER);
    check(
        r#"{"request":"PUT /\"\\ HTTP/1.1","status":204}"#,
        "PUT",
        "204",
    );
    check("time:t\treq:HEAD / HTTP/1.0\tstatus:301\n", "HEAD", "301");
    check(
        "INFO:  ::1:5 - \"POST / HTTP/1.1\" 201 Created\n",
        "POST",
        "201",
    );
}
