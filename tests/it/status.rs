//! Tests of `status`: how it reaches an exporter, and what it says if it does not.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::thread::{self, JoinHandle};

use httplog_exporter::status::{Status, VERSION, Verdict};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Daemon, Ended, HEAD, Source, program, run_command, wait_for_end};
use crate::web::{Made, Site, users};

fn status(args: &[&str]) -> Ended {
    run_command(program(["status"].iter().chain(args)), "")
}

/// Runs `status` with these arguments, with an address in place of `URL`, where a server gives one response.
fn answered(args: &[&str], response: &str) -> (Ended, String) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let response = response.to_owned();
    let server: JoinHandle<String> = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut part).unwrap() {
                0 => break,
                got => request.extend_from_slice(&part[..got]),
            }
        }
        // The client may have seen enough.
        let _ = stream.write_all(response.as_bytes());
        String::from_utf8(request).unwrap()
    });
    let ended = status(&[&["--url", &url], args].concat());
    (ended, server.join().unwrap())
}

fn refused(response: &str) -> String {
    answered(&[], response).0.failed(74)
}

#[test]
fn every_refusal_names_its_remedy() {
    let check = |response: &str, message: &str, help: &str| {
        let said = refused(response);
        assert!(said.contains(message) && said.contains(help), "{said}");
    };
    let head = |status: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nLocation: https://other/\r\n\r\n")
    };
    check(&head("401 Unauthorized"), "responds with 401", "--user");
    check(
        &head("404 Not Found"),
        "/api/v1/status responds with 404",
        "--url",
    );
    check(
        &head("301 Moved"),
        "responds with 301",
        "refers to https://other/",
    );
    check(&head("503 Busy"), "responds with 503", "try again");
    check(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
        "is not a status (text/html)",
        "exporter of this version",
    );
    check(
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        "no complete response",
        "stopping",
    );
    check("SSH-2.0-x\r\n", "no complete response", "another program");
    check("", "no complete response", "another program");
    let https_only = "this address speaks HTTPS only: use https://, or TLS";
    check(
        &format!("HTTP/1.1 400 Bad Request\r\nContent-Length: 52\r\n\r\n{https_only}"),
        "responds with 400",
        "https://",
    );
}

#[test]
fn an_endless_response_is_cut() {
    let body = "x".repeat(33 << 20);
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let said = refused(&response);
    assert!(said.contains("has more than"), "{said}");
}

#[test]
fn what_cannot_be_reached_is_named_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let check = |url: &str, code, message: &str, help: &str| {
        let said = status(&["--url", url]).failed(code);
        assert!(said.contains(message) && said.contains(help), "{said}");
    };
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    check(
        &format!("http://{free}"),
        74,
        "cannot connect to http://127.0.0.1:",
        "is the service running",
    );
    let socket = |name: &str| format!("unix:{}", dir.path().join(name).display());
    check(
        &socket("missing"),
        74,
        "cannot connect to unix:",
        "is the service running",
    );
    drop(UnixListener::bind(dir.path().join("closed")).unwrap());
    check(
        &socket("closed"),
        74,
        "cannot connect to unix:",
        "is the service running",
    );
    check(
        "http://no-such-host.invalid",
        74,
        "cannot connect",
        "name of the host",
    );
    check("ftp://x", 64, "`ftp:` is not supported", "http:");
    check("http://me:secret@x", 64, "--user", "");
    check("unix:x.sock", 64, "absolute path", "");
}

#[test]
fn a_password_is_sent_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    fs::write(&file, "s3cret\nother\n").unwrap();
    let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let args = ["--user", "ops", "--password-file", file.to_str().unwrap()];
    let (ended, request) = answered(&args, refusal);
    let said = ended.failed(74);
    assert!(
        said.contains("the user or the password is not one of basic_auth_users"),
        "{said}"
    );
    assert!(
        request.starts_with("GET /api/v1/status HTTP/1.1\r\n"),
        "{request}"
    );
    // ops:s3cret
    assert!(
        request
            .to_lowercase()
            .contains("authorization: basic b3bzonmzy3jlda=="),
        "{request}"
    );
    let said = status(&["--user", "ops"]).failed(64);
    assert!(
        said.contains("HTTPLOG_EXPORTER_PASSWORD") && said.contains("--password-file"),
        "{said}"
    );
    fs::write(&file, "").unwrap();
    let said = status(&args).failed(66);
    assert!(said.contains("is empty"), "{said}");
}

/// Returns the response with a status of this verdict.
fn document(verdict: Verdict) -> String {
    let document = Status {
        version: VERSION,
        verdict,
        ..Status::default()
    };
    let body = serde_json::to_string(&document).unwrap();
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn the_exit_code_tells_whether_numbers_are_wrong() {
    let well = answered(&[], &document(Verdict::Well)).0.succeeded();
    assert!(well.starts_with("all well\n"), "{well}");
    let attention = answered(&[], &document(Verdict::Attention)).0.succeeded();
    assert!(attention.starts_with("needs attention\n"), "{attention}");
    let broken = answered(&[], &document(Verdict::Broken)).0;
    assert_eq!((broken.code, broken.err.as_str()), (Some(1), ""));
    assert!(broken.out.starts_with("broken\n"), "{}", broken.out);
}

#[test]
fn the_document_is_printed_as_received() {
    let response = document(Verdict::Broken);
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let ended = answered(&["--json"], &response).0;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.out, format!("{body}\n"));
}

#[test]
fn a_running_exporter_is_asked_over_tls_with_a_password() {
    let mut site = Site::new();
    site.start("", &users(&[("ops", "right")]));
    fs::write(site.path("password"), "right\n").unwrap();
    let (ca, password) = (site.path("ca.pem"), site.path("password"));
    let [ca, password] = [&ca, &password].map(|path| path.to_str().unwrap());
    let (_, port) = site.daemon().socket().rsplit_once(':').unwrap();
    let url = format!("https://localhost:{port}");
    let user = ["--user", "ops", "--password-file", password];
    let shown = status(&[&["--url", &url, "--ca", ca][..], &user].concat());
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""), "{shown:?}");
    assert!(
        shown.out.contains(&format!(" at {url}, up ")),
        "{}",
        shown.out
    );
    let document = status(&[&["--json", "--url", &url, "--ca", ca][..], &user].concat());
    let document: Status = serde_json::from_str(&document.out).unwrap();
    assert_eq!(document.sources[0].name, "a");
    let check = |args: &[&str], message: &str, help: &str| {
        let said = status(args).failed(74);
        assert!(said.contains(message) && said.contains(help), "{said}");
    };
    check(&["--url", &url, "--ca", ca], "responds with 401", "--user");
    check(&["--url", &url], "no TLS connection", "--ca FILE");
    check(
        &["--url", &url, "--ca", password],
        "trusted certificates",
        "--ca",
    );
    let other = format!("https://127.0.0.2:{port}");
    check(
        &["--url", &other, "--ca", ca],
        "cannot connect",
        "is the service running",
    );
    let plain = format!("http://127.0.0.1:{port}");
    check(&["--url", &plain], "responds with 400", "https://");
}

#[test]
fn a_self_signed_certificate_is_trusted_if_it_was_given() {
    let mut site = Site::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // As `openssl req -x509` makes it.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    site.put_server(&Made {
        pem: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    });
    site.start("", "");
    let (_, port) = site.daemon().socket().rsplit_once(':').unwrap();
    let given = site.path("server.pem");
    let ask = |host: &str, ca: &Path| {
        let url = format!("https://{host}:{port}");
        status(&["--url", &url, "--ca", ca.to_str().unwrap()])
    };
    assert_eq!(ask("localhost", &given).code, Some(0));
    let said = ask("127.0.0.1", &given).failed(74);
    assert!(said.contains("as its certificate does"), "{said}");
    let said = ask("localhost", &site.path("ca.pem")).failed(74);
    assert!(said.contains("--ca FILE"), "{said}");
}

#[test]
fn a_unix_socket_is_asked_and_watched() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    fs::write(&log, "").unwrap();
    let url = format!("unix:{}", dir.path().join("s").display());
    let source = Source {
        name: "a",
        pattern: "nginx-combined",
        log: &log,
    };
    let listen = format!("listen = ['127.0.0.1:0', '{url}']");
    let head = HEAD.replace("listen = [\"127.0.0.1:0\"]", &listen);
    let daemon = Daemon::configured(dir.path(), &format!("{head}{}", source.toml()));
    assert_eq!(status(&["--url", &url]).code, Some(0));
    let mut watching = program(["status", "--watch", "--url", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut wait_for = |text: &str| {
        let found = lines.find(|line| line.as_ref().unwrap().contains(text));
        assert!(found.is_some(), "{text}");
    };
    wait_for("httplog-exporter");
    wait_for("---");
    wait_for("httplog-exporter");
    drop(daemon);
    wait_for("cannot connect");
    kill_process(Pid::from_child(&watching), Signal::INT).unwrap();
    assert_eq!(wait_for_end(&mut watching).code(), Some(0));
}
