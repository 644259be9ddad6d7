//! Tests of the manifests for Kubernetes and of the file for Docker Compose.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::tool;
use crate::scrape::Scrape;
use crate::stack::path_with_sbin;
use crate::support::{Daemon, get, project, until};

#[test]
fn manifests_and_compose_match_their_schemas_and_each_other() {
    let python = project(".venv/bin/python");
    let program = env!("CARGO_BIN_EXE_httplog-exporter");
    let said = tool(
        python.to_str().unwrap(),
        &["tests/stack/manifests.py", program],
    );
    eprintln!("{said}");
    assert!(said.starts_with("9 resources, "), "{said}");
}

/// Ends a process with SIGTERM when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Returns a file of the sidecar's `ConfigMap`, with the directories and ports of a test.
fn of_the_sidecar(file: &str, dir: &Path, ports: [u16; 2]) -> String {
    let manifest = fs::read_to_string(project("deploy/kubernetes/sidecar.yaml")).unwrap();
    let (_, after) = manifest.split_once(&format!("  {file}: |\n")).unwrap();
    let lines = after
        .lines()
        .map_while(|line| line.strip_prefix("    ").or(line.is_empty().then_some("")));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    for (from, name) in [
        // First: the directory of the test is in it.
        ("/tmp", "tmp"),
        ("/var/log/site", "log"),
        ("/run/site", "run"),
        ("/var/lib/httplog-exporter", "state"),
    ] {
        text = text.replace(from, dir.join(name).to_str().unwrap());
    }
    text.replace("0.0.0.0:9914", "127.0.0.1:0")
        .replace("8000", &ports[0].to_string())
        .replace("listen 8080", &format!("listen 127.0.0.1:{}", ports[1]))
}

/// Runs real servers on the files of the `ConfigMap`, with the script that rotates their logs, in a temporary directory.
#[test]
fn the_sidecar_counts_every_request_while_its_script_rotates_the_logs() {
    const LEAST: u64 = 300;
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = ports.map(|listener| listener.local_addr().unwrap().port());
    for name in ["log", "run", "tmp", "exporter"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    let write = |name: &str, head: &str| {
        let text = of_the_sidecar(name, dir, ports);
        fs::write(dir.join(name), head.to_owned() + &text).unwrap();
        dir.join(name)
    };
    // The pod's user is not root, and has no other to change to.
    let nginx_conf = write("nginx.conf", "user root root;\n");
    let gunicorn_conf = write("gunicorn.conf.py", "");
    let script = write("rotate.sh", "");
    let config = of_the_sidecar("config.toml", dir, ports);

    let daemon = Daemon::waiting(&dir.join("exporter"), &config);
    let _gunicorn = Running::start(
        Command::new(project(".venv/bin/gunicorn"))
            .arg("--config")
            .arg(gunicorn_conf)
            .args(["--log-level", "warning", "shop:application"])
            .current_dir(project("deploy/example")),
    );
    let _nginx = Running::start(
        Command::new("nginx")
            .env("PATH", path_with_sbin())
            .args(["-e", "stderr", "-g", "daemon off;", "-c"])
            .arg(nginx_conf),
    );
    let site = format!("http://127.0.0.1:{}", ports[1]);
    until(|| get(&format!("http://127.0.0.1:{}/", ports[0])));
    until(|| get(&format!("{site}/nginx-is-up")));
    let _rotate = Running::start(
        Command::new("sh")
            .arg(script)
            .env("EVERY_SECONDS", "0.5")
            .env("MOST_BYTES", "10000"),
    );
    let is_rotated = |name: &str| dir.join("log").join(name).exists();
    let mut sent = 0;
    while sent < LEAST || !is_rotated("nginx.log.1") || !is_rotated("gunicorn.log.1") {
        get(&format!("{site}/articles/{sent}/")).unwrap();
        sent += 1;
    }
    // The first of gunicorn was not sent by nginx.
    let expected = [("nginx", sent), ("gunicorn", sent + 1)];
    let page = Scrape::parse(&daemon.metrics_after(&expected));
    for (source, lines) in expected {
        assert_eq!(page.lines(source, Some("recorded")), lines, "{source}");
        assert_eq!(page.lines(source, None), lines, "{source}");
    }
}
