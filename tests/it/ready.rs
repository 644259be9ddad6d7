//! Tests of readiness, and of what the first responses after a start contain.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::lifecycle::{run_configured, set_up};
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
    daemon.wait_until_said("not ready: 1 of 2 sources open; `tcp`: cannot read");
    assert!(!daemon.said().contains("every source is open"));
    drop(busy);
    daemon.wait_until_ready();
    daemon.wait_until_said("ready: every source is open");
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
