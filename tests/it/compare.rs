//! Tests of `compare`: where it reads pages, which ones it refuses, and what it prints.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Daemon, Ended, HEAD, Source, run};

const RESPONSES: &str = "django_http_responses_total_by_status_view_method_total";

/// Returns a page of django-prometheus.
fn theirs(count: u32) -> String {
    format!(
        "# TYPE django_http_requests_before_middlewares_total counter\n\
         django_http_requests_before_middlewares_total {count}.0\n\
         django_http_responses_before_middlewares_total {count}.0\n\
         {RESPONSES}{{method=\"GET\",status=\"200\",view=\"home\"}} {count}.0\n"
    )
}

/// Returns a page of the exporter.
fn ours(count: u32) -> String {
    format!(
        "httplog_exporter_build_info{{version=\"0.1.0\"}} 1\n\
         django_http_requests_before_middlewares_total {count}\n\
         django_http_responses_before_middlewares_total {count}\n\
         {RESPONSES}{{method=\"GET\",status=\"200\",view=\"home\"}} {count}\n"
    )
}

/// A directory with pages of both sides, before and after.
fn saved() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("theirs-0", theirs(10)),
        ("ours-0", ours(110)),
        ("theirs", theirs(30)),
        ("ours", ours(130)),
        ("more", ours(137)),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn compared(dir: &TempDir, django: &str, ours: &str, more: &[&str]) -> Ended {
    let args = ["compare", "--django", django, "--ours", ours];
    run(dir.path(), [&args[..], more].concat(), "")
}

const BEFORE: [&str; 4] = ["--django-before", "theirs-0", "--ours-before", "ours-0"];

#[test]
fn saved_pages_are_compared_over_their_interval() {
    let dir = saved();
    let said = compared(&dir, "theirs", "ours", &BEFORE).succeeded();
    let expected = "django-prometheus  theirs\n\
        httplog-exporter   ours\n\
        counts             since both were saved\n\n";
    assert!(said.starts_with(expected), "{said}");
    assert!(
        said.ends_with("\n3 series: 3 equal, 0 explained, 0 unexplained\n"),
        "{said}"
    );
    // Without the interval, the exporter has counted since an earlier time.
    let said = compared(&dir, "theirs", "ours", &[]).succeeded();
    assert!(said.contains("which may not be at the same time"), "{said}");
    assert!(said.contains("beginning 100"), "{said}");
}

#[test]
fn a_difference_without_a_cause_is_listed_and_the_exit_code_is_1() {
    let dir = saved();
    let ended = compared(&dir, "theirs", "more", &BEFORE);
    assert_eq!((ended.code, &*ended.err), (Some(1), ""));
    let row = "responses_total_by_status_view_method_total  method=GET status=200 view=home      20    27          +7  unexplained +7\n";
    assert!(ended.out.contains(row), "{}", ended.out);
    assert!(
        ended.out.ends_with("0 equal, 0 explained, 3 unexplained\n"),
        "{}",
        ended.out
    );
    let json = compared(&dir, "theirs", "more", &[&BEFORE[..], &["--json"]].concat());
    assert_eq!(json.code, Some(1));
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["unexplained"], 3);
    let series = json.pointer("/families/9/series/0").unwrap();
    assert_eq!(json.pointer("/families/9/name").unwrap(), RESPONSES);
    assert_eq!(
        (&series["django"], &series["ours"], &series["unexplained"]),
        (&20.into(), &27.into(), &7.into())
    );
}

#[test]
fn what_cannot_be_compared_is_refused_with_a_remedy() {
    let dir = saved();
    let check = |django: &str, ours: &str, more: &[&str], code, message: &str, help: &str| {
        let said = compared(&dir, django, ours, more).failed(code);
        assert!(said.contains(message) && said.contains(help), "{said}");
    };
    for (name, text) in [
        ("empty", ""),
        ("html", "<!DOCTYPE html><title>Log in</title>"),
        ("node", "node_cpu_seconds_total 1\n"),
        (
            "cut",
            "django_http_requests_before_middlewares_total 1\ndjango_http_requ",
        ),
        ("lone", "httplog_exporter_build_info 1\n"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    check("missing", "ours", &[], 66, "missing", "No such file");
    check("empty", "ours", &[], 66, "empty is empty", "saved whole");
    check(
        "html",
        "ours",
        &[],
        66,
        "html is a page for people",
        "/metrics",
    );
    check("cut", "ours", &[], 66, "line 2 is not a sample", "curl");
    check(
        "node",
        "ours",
        &[],
        66,
        "node has no metrics of django-prometheus",
        "MIDDLEWARE",
    );
    check(
        "ours",
        "theirs",
        &[],
        66,
        "ours is the exporter's own page",
        "--django",
    );
    check(
        "theirs",
        "node",
        &[],
        66,
        "node is not a page of httplog-exporter",
        "--ours",
    );
    check(
        "theirs",
        "lone",
        &[],
        66,
        "lone has no metrics of the set `django`",
        "sets = ",
    );
    let before = ["--django-before", "ours-0", "--ours-before", "theirs-0"];
    check(
        "theirs",
        "ours",
        &before,
        66,
        "ours-0 is the exporter's own page",
        "--django",
    );
    let later = ["--django-before", "theirs", "--ours-before", "ours"];
    check(
        "theirs-0",
        "ours-0",
        &later,
        66,
        "theirs-0 has counted less",
        "saved first",
    );
    check("theirs", "ours", &BEFORE[..2], 64, "--ours-before", "");
    check(
        "ftp://x",
        "ours",
        &[],
        64,
        "`ftp:` is not supported",
        "http:",
    );
    check("http://me:secret@x/", "ours", &[], 64, "--user", "");
}

/// Starts a server that gives responses in turn, and returns its address and the requests.
fn server(responses: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let serve = move || {
        let answer = |response: String| {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = Vec::new();
            let mut part = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                let got = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..got]);
            }
            stream.write_all(response.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        };
        responses.into_iter().map(answer).collect()
    };
    (address, thread::spawn(serve))
}

fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nLocation: /login/\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_running_exporter_is_read_around_the_other_page_and_alone_gets_the_password() {
    let dir = saved();
    fs::write(dir.path().join("password"), "s3cret\n").unwrap();
    let good = |text: String| response("200 OK", &text);
    let (django, their_requests) = server(vec![good(theirs(30))]);
    let (exporter, our_requests) = server(vec![good(ours(128)), good(ours(131))]);
    let more = [
        &BEFORE[..],
        &["--user", "ops", "--password-file", "password"],
    ]
    .concat();
    // Two lines were read before the page of the site, and one after it.
    let said = compared(
        &dir,
        &format!("http://{django}"),
        &format!("http://{exporter}"),
        &more,
    )
    .succeeded();
    assert!(said.contains("in_flight 1"), "{said}");
    let their_requests = their_requests.join().unwrap().concat();
    assert!(
        their_requests.starts_with("GET /metrics HTTP/1.1\r\n"),
        "{their_requests}"
    );
    assert!(
        !their_requests.to_lowercase().contains("authorization"),
        "{their_requests}"
    );
    let our_requests = our_requests.join().unwrap();
    assert!(
        our_requests
            .iter()
            .all(|request| request.to_lowercase().contains("authorization: basic"))
    );
    assert!(!said.contains("s3cret"));
}

#[test]
fn refusals_of_a_site_name_what_to_do() {
    let dir = saved();
    let check = |status: &str, help: &str| {
        let (django, _) = server(vec![response(status, "")]);
        let said = compared(&dir, &format!("http://{django}/metrics/"), "ours", &[]).failed(74);
        let code = status.split(' ').next().unwrap();
        assert!(
            said.contains(&format!("/metrics/ responds with {code}")),
            "{said}"
        );
        assert!(said.contains(help), "{said}");
    };
    check("403 Forbidden", "curl");
    check("302 Found", "it refers to /login/");
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let said = compared(&dir, &format!("http://{free}/metrics"), "ours", &[]).failed(74);
    assert!(said.contains("is the site running"), "{said}");
}

#[test]
fn a_page_of_the_exporter_itself_is_read() {
    let dir = saved();
    let log = dir.path().join("access.log");
    let line =
        "192.0.2.7 - - [22/Nov/2026:18:47:15 +0000] \"GET / HTTP/1.1\" 200 12 \"-\" \"ua\"\n";
    fs::write(&log, line.repeat(30)).unwrap();
    let source = Source {
        name: "nginx",
        pattern: "nginx-combined",
        log: &log,
    };
    let config = format!(
        "{HEAD}\n{}sets = ['django']\nroutes = 'shop'\n[routes.shop.templates]\n'/' = 'home'\n",
        source.toml()
    );
    let daemon = Daemon::configured(dir.path(), &config);
    daemon.metrics_after(&[("nginx", 30)]);
    let said = compared(&dir, "theirs", daemon.socket(), &[]);
    // An address without a scheme is the name of a file.
    assert!(
        said.failed(66)
            .contains("write http:// in front of an address")
    );
    let said = compared(&dir, "theirs", &format!("http://{}", daemon.socket()), &[]);
    // This page of django-prometheus lacks all other families.
    assert!(
        said.out.contains(
            "responses_total_by_status_view_method_total          1      1      30    30\n"
        ),
        "{said:?}"
    );
}
