//! Tests of the sockets that the daemon listens on, of the paths on them, and of orders that clients send.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::lifecycle::{configuration, run_configured, set_up};
use crate::support::{Daemon, HEAD, get, run};

/// Requests a path over a unix socket.
fn get_over(socket: &Path, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Returns a configuration of one log with these lines in `[web]`.
fn with_web(dir: &Path, web: &str) -> String {
    let config = configuration(dir);
    config.replace(HEAD, &format!("[web]\n{web}\n"))
}

#[test]
fn a_unix_socket_has_the_configured_mode() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("metrics.sock");
    for mode in [0o660, 0o600, 0o666] {
        let path = socket.display();
        let web = format!("listen = ['127.0.0.1:0', 'unix:{path}']\nsocket_mode = 0o{mode:o}");
        let _daemon = Daemon::configured(dir.path(), &with_web(dir.path(), &web));
        let found = fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode);
        assert!(get_over(&socket, "/metrics").contains("httplog_requests_total{"));
    }
}

#[test]
fn metrics_are_served_at_the_chosen_path_only() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let mut command = run_configured(dir.path());
    command.args(["--web.telemetry-path", "/prometheus"]);
    let daemon = Daemon::start(dir.path(), command);
    let at = |path: &str| get(&format!("http://{}{path}", daemon.socket()));
    assert!(
        at("/prometheus")
            .unwrap()
            .contains("httplog_requests_total{")
    );
    assert!(at("/metrics").unwrap_err().contains("404"));
    assert!(at("/").unwrap().contains("href=\"prometheus\""));
    drop(daemon);
    let config = with_web(
        dir.path(),
        "listen = ['127.0.0.1:0']\ntelemetry_path = '/a'",
    );
    let daemon = Daemon::configured(dir.path(), &config);
    assert!(get(&format!("http://{}/a", daemon.socket())).is_ok());
}

#[test]
fn options_of_the_server_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let config = dir.path().join("config.toml");
    let config = config.to_str().unwrap();
    let base = ["run", "--config", config];
    let failed = |options: &[&str], code| {
        let args = [&base[..], options].concat();
        run(dir.path(), args, "").failed(code)
    };
    let said = failed(&["--web.telemetry-path", "metrics"], 64);
    assert!(said.contains("a path starts with `/`"), "{said}");
    let said = failed(&["--web.systemd-socket", "--web.listen-address", ":1"], 64);
    assert!(said.contains("cannot be used with"), "{said}");
    let said = failed(&["--web.systemd-socket"], 74);
    assert!(said.contains("systemd has passed none"), "{said}");
    assert!(said.contains(".socket unit"), "{said}");
}

#[test]
fn a_reload_by_http_tells_its_outcome_and_a_stop_ends_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_web(
        dir.path(),
        "listen = ['127.0.0.1:0']\nenable_lifecycle = true",
    );
    let daemon = Daemon::configured(dir.path(), &config);
    let post = |path: &str| {
        let agent = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = ureq::Agent::from(agent.build());
        let url = format!("http://{}{path}", daemon.socket());
        let mut response = agent.post(url).send_empty().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), text)
    };
    assert_eq!(post("/-/reload"), (200, "reloaded\n".to_owned()));
    let path = dir.path().join("config.toml");
    fs::write(&path, "[[source").unwrap();
    let (status, said) = post("/-/reload");
    assert_eq!(status, 500);
    assert!(said.contains("1 error in"), "{said}");
    fs::write(&path, config).unwrap();
    assert_eq!(post("/-/reload").0, 200);
    daemon.metrics_after(&[("nginx", 1)]);
    assert_eq!(post("/-/quit"), (200, "shutting down\n".to_owned()));
    assert_eq!(daemon.end(), 0);
}

/// Real socket activation, as by a `.socket` unit: over TCP and over a unix socket.
#[cfg(feature = "stack")]
#[test]
fn sockets_of_systemd_are_listened_on() {
    use std::process::Command;

    use rustix::process::Signal;

    use crate::prometheus::free_port;

    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path());
    let config = config.replace("127.0.0.1:0", "systemd");
    fs::write(dir.path().join("config.toml"), config).unwrap();
    let socket = dir.path().join("activated.sock");
    let started = run_configured(dir.path());
    let mut command = Command::new("systemd-socket-activate");
    command
        .arg(format!("--listen=127.0.0.1:{}", free_port()))
        .arg("--listen")
        .arg(&socket);
    command.arg(started.get_program()).args(started.get_args());
    let mut daemon = Daemon::launch(dir.path(), command);
    // The first client starts the daemon, and is served by it.
    crate::support::until(|| {
        let is_there = socket.exists();
        is_there.then_some(()).ok_or_else(|| "no socket".to_owned())
    });
    assert!(get_over(&socket, "/-/healthy").ends_with("ok\n"));
    daemon.wait_until_ready();
    daemon.metrics_after(&[("nginx", 1)]);
    assert!(get_over(&socket, "/metrics").contains("httplog_requests_total{"));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0);
    // The socket file is systemd's.
    assert!(socket.exists());
}
