//! Tests of readiness, and of what the first responses after a start contain.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::lifecycle::{Manager, run_configured, set_up};
use crate::scrape::Scrape;
use crate::support::{Daemon, until};

#[test]
fn readiness_tells_which_source_is_not_open_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    let config = format!(
        "{}[[source]]\nname = \"tcp\"\nsyslog = \"tcp://{address}\"\npattern = \"nginx-combined\"\n",
        set_up(dir.path())
    );
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let mut daemon = Daemon::launch(dir.path(), run_configured(dir.path()));
    daemon.wait_until_said("WARN 1 of 2 sources open; `tcp`: cannot read");
    daemon.wait_until_listening();
    let (status, ready) = readiness(&daemon);
    assert_eq!((status, &ready["ready"]), (503, &false.into()));
    assert_eq!((&ready["open"], &ready["sources"]), (&1.into(), &2.into()));
    let [source] = not_open(&ready);
    assert_eq!((source[0], source[1]), ("tcp", "failing"));
    assert!(source[2].contains("in use"), "{source:?}");
    assert!(!daemon.said().contains("every source is open"));
    drop(busy);
    daemon.wait_until_ready();
    daemon.wait_until_said("INFO every source is open");
    let (status, ready) = readiness(&daemon);
    assert_eq!((status, &ready["ready"]), (200, &true.into()));
    assert_eq!(ready["not_open"], serde_json::json!([]));
}

#[test]
fn a_missing_log_is_not_ready_and_lets_the_service_start() {
    let dir = tempfile::tempdir().unwrap();
    let manager = Manager::bind(&dir.path().join("notify"));
    let missing = dir.path().join("a \"quoted\" <name>.log");
    let source = format!(
        "[[source]]\nname = \"late\"\npaths = ['{}']\npattern = \"nginx-combined\"\n",
        missing.display()
    );
    let config = set_up(dir.path()) + &source;
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let mut command = run_configured(dir.path());
    command.env("NOTIFY_SOCKET", dir.path().join("notify"));
    let mut daemon = Daemon::launch(dir.path(), command);
    assert_eq!(manager.receive(), ["READY=1"]);
    daemon.wait_until_said("WARN 1 of 2 sources open; `late`: no file at ");
    daemon.wait_until_listening();
    let (status, ready) = readiness(&daemon);
    assert_eq!(status, 503);
    // Messages write paths with escapes.
    let path = missing.display().to_string().replace('"', "\\\"");
    let reason = format!("no file at {path}");
    assert_eq!(not_open(&ready), [["late", "waiting", reason.as_str()]]);
    fs::write(&missing, "").unwrap();
    daemon.wait_until_ready();
    daemon.wait_until_said("INFO every source is open");
}

#[test]
fn a_source_that_a_reload_adds_takes_part_in_readiness() {
    let dir = tempfile::tempdir().unwrap();
    let config = set_up(dir.path());
    let daemon = Daemon::configured(dir.path(), &config);
    let missing =
        "[[source]]\nname = \"late\"\npaths = ['late.log']\npattern = \"nginx-combined\"\n";
    fs::write(dir.path().join("config.toml"), config.clone() + missing).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_until_said("WARN 1 of 2 sources open; `late`: no file at ");
    assert_eq!(readiness(&daemon).0, 503);
    fs::write(dir.path().join("config.toml"), config).unwrap();
    daemon.signal(Signal::HUP);
    until(|| match readiness(&daemon) {
        (200, _) => Ok(()),
        (status, ready) => Err(format!("{status}: {ready}")),
    });
}

/// Returns the status and the body of `/-/ready`.
fn readiness(daemon: &Daemon) -> (u16, Value) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = ureq::Agent::from(agent.build());
    let url = format!("http://{}/-/ready", daemon.socket());
    let mut response = agent.get(url).call().unwrap();
    let content_type = response.headers()["content-type"].clone();
    assert_eq!(content_type, "application/json");
    let body = response.body_mut().read_to_string().unwrap();
    assert!(body.ends_with("}\n"), "{body:?}");
    (
        response.status().as_u16(),
        serde_json::from_str(&body).unwrap(),
    )
}

/// Returns the sources that are not open, each with its state and the reason.
fn not_open<const N: usize>(ready: &Value) -> [[&str; 3]; N] {
    let sources = ready["not_open"].as_array().unwrap();
    let sources: Vec<_> = sources
        .iter()
        .map(|source| ["source", "state", "reason"].map(|key| source[key].as_str().unwrap()))
        .collect();
    sources.try_into().unwrap()
}

#[test]
fn the_first_response_after_a_start_is_right() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let socket = dir.path().join("web.sock");
    let config = fs::read_to_string(dir.path().join("config.toml")).unwrap();
    let listen = format!("unix:{}", socket.display());
    fs::write(
        dir.path().join("config.toml"),
        config.replace("127.0.0.1:0", &listen),
    )
    .unwrap();
    for _ in 0..5 {
        let daemon = Daemon::launch(dir.path(), run_configured(dir.path()));
        let mut stream = until(|| UnixStream::connect(&socket).map_err(|error| error.to_string()));
        let requests = "GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n\
            GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(requests.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
        let page = Scrape::parse(said.rsplit("\r\n\r\n").next().unwrap());
        assert_eq!(page.lines("nginx", None), 1);
        for name in [
            "process_cpu_seconds_total",
            "process_start_time_seconds",
            "process_resident_memory_bytes",
        ] {
            assert!(page.value(name, &[]).unwrap() > 0.0, "{name}");
        }
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.end(), 0);
    }
}
