//! Runs real servers on each configuration of `fixtures/init/gunicorn` and `fixtures/init/nginx`: what `init` generates from
//! it counts every request, or a remark says why not.
//!
//! Invariant: each remark is listed here, so that a false one fails the test.

mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::nginx::Nginx;
use crate::prometheus::free_port;
use crate::scrape::Scrape;
use crate::support::{Ended, project, run, run_command, until, wait_for_end};
use served::Outcome::{Counted, Unknown};
use served::{NO_DURATION, SERVED, Served};

/// Paths to request, each with its status.
const TRAFFIC: [(&str, &str); 4] = [
    ("/", "200"),
    ("/a/b/?x=1&y=%20", "200"),
    ("/404/", "404"),
    ("/404/c%C3%A9?q", "404"),
];

/// Number of times each path is requested.
const TIMES: u64 = 3;

/// A configuration of nginx: its name, lines of the draft, and the beginnings of the remarks.
type Tree = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const TREES: [Tree; 10] = [
    ("adjacent", &[], &[]),
    ("tabs", &[], &[]),
    ("ingress", &[], &[]),
    ("json_map", &["stands for $upstream_response_time"], &[]),
    (
        "json_untimed",
        &[],
        &["log_format `untimed`: no duration", NO_DURATION],
    ),
    (
        "better",
        &[],
        &[
            "log_format `main`: no duration",
            "no duration is logged here, but the format `timed` has one",
        ],
    ),
    ("variables", &[], &[]),
    ("decoded", &[], &[]),
    ("hosts", &["name = \"shop\"", "name = \"blog\""], &[]),
    ("lists", &["pattern = \"lists\""], &[]),
];

/// A server in its directory. Dropping it ends it.
struct Server {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Served {
    fn start(&self) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let files = fs::read_dir(project("fixtures/init/gunicorn")).unwrap();
        for file in files.map(|file| file.unwrap().path()) {
            let text = fs::read_to_string(&file).unwrap();
            let copy = dir.path().join(file.file_name().unwrap());
            fs::write(copy, placed(&text, dir.path(), port)).unwrap();
        }
        let command = placed(self.command, dir.path(), port);
        let shell = command.contains("exec ");
        let mut child = shell_command(
            dir.path(),
            &format!("{}{command}", if shell { "" } else { "exec " }),
        );
        let messages = File::create(dir.path().join("messages")).unwrap();
        child.stdout(messages.try_clone().unwrap()).stderr(messages);
        let child = child.spawn().unwrap();
        Server { child, dir, port }
    }
}

impl Server {
    /// Sends the traffic once the server listens, then ends the server, whose log is complete then.
    fn drive(&mut self) {
        let (address, dir) = (("127.0.0.1", self.port), self.dir.path());
        until(|| {
            let messages = || fs::read_to_string(dir.join("messages")).unwrap_or_default();
            TcpStream::connect(address).map_err(|error| format!("{error}: {}", messages()))
        });
        drive(self.port, "shop.example.org");
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        wait_for_end(&mut self.child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a command of a shell that finds the programs of the tests' virtual environment.
fn shell_command(dir: &Path, text: &str) -> Command {
    let mut command = Command::new("bash");
    let bin = project(".venv/bin");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    command
        .args(["-c", text])
        .current_dir(dir)
        .env("PATH", path);
    command
        .env("PYTHONPATH", dir)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null());
    command
}

/// Replaces the placeholders of a configuration.
fn placed(text: &str, dir: &Path, port: u16) -> String {
    text.replace("@DIR@", &dir.display().to_string())
        .replace("@BIN@", &project(".venv/bin").display().to_string())
        .replace("@PORT@", &port.to_string())
}

/// Requests every path, as a client of this host.
fn drive(port: u16, host: &str) {
    for (path, status) in TRAFFIC {
        for _ in 0..TIMES {
            let response = first_bytes(port, host, path);
            assert_eq!(
                response.split(' ').nth(1),
                Some(status),
                "{path}: {response}"
            );
        }
    }
}

/// Sends a request, and returns the start of the response. Some servers reset the connection after it.
fn first_bytes(port: u16, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    String::from_utf8_lossy(&response).into_owned()
}

/// Checks the remarks and the draft, which must pass `check`; returns it.
fn check_draft(dir: &Path, name: &str, drafted: &Ended, lines: &[&str], remarks: &[&str]) {
    let starts = drafted
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "));
    let starts: Vec<&str> = starts.collect();
    let is_listed = starts.len() == remarks.len()
        && starts
            .iter()
            .zip(remarks)
            .all(|(found, expected)| found.starts_with(expected));
    assert!(
        is_listed && !drafted.err.contains("panicked"),
        "{name}: {}\n{}",
        drafted.err,
        drafted.out
    );
    for line in lines {
        assert!(
            drafted.out.contains(line),
            "{name}: no {line} in {}",
            drafted.out
        );
    }
    // `replay` refuses a configuration that does not pass `check`.
    fs::write(dir.join("config.toml"), &drafted.out).unwrap();
}

/// Checks that the draft counts exactly the traffic from the logs.
fn check_counts(dir: &Path, name: &str, draft: &str) {
    let path = |line: &str| {
        Some(
            line.strip_prefix("paths = [\"")?
                .strip_suffix("\"]")?
                .to_owned(),
        )
    };
    let paths: Vec<String> = draft.lines().filter_map(path).collect();
    let mut args: Vec<&str> = vec!["replay", "--config", "config.toml", "--output", "metrics"];
    args.extend(paths.iter().map(|path| &**path));
    let replayed = run(dir, args, "");
    assert_eq!(replayed.code, Some(0), "{name}: {replayed:?}\n{draft}");
    let scrape = Scrape::parse(&replayed.out);
    let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (_, status) in TRAFFIC {
        *expected
            .entry(("GET".to_owned(), status.to_owned()))
            .or_default() += TIMES;
    }
    // `replay` names what it counts by the pattern.
    let pattern = |line: &str| {
        Some(
            line.strip_prefix("pattern = \"")?
                .strip_suffix('"')?
                .to_owned(),
        )
    };
    let patterns: BTreeSet<String> = draft.lines().filter_map(pattern).collect();
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    for source in patterns {
        for (key, count) in scrape.requests(&source) {
            *found.entry(key).or_default() += count;
        }
    }
    assert_eq!(found, expected, "{name}: {}\n{draft}", replayed.out);
}

#[test]
fn drafts_for_gunicorn_as_people_write_it_count_every_request() {
    let servers: Vec<Server> = SERVED.iter().map(Served::start).collect();
    std::thread::scope(|scope| {
        for (served, server) in SERVED.iter().zip(servers) {
            scope.spawn(move || check_served(served, server));
        }
    });
}

fn check_served(case: &Served, mut server: Server) {
    let (name, port) = (case.given, server.port);
    server.drive();
    let dir = server.dir.path();
    let given = placed(case.given, dir, port);
    let drafted = if given.is_empty() {
        let command = case
            .command
            .replace("gunicorn ", "gunicorn --print-config ");
        let printed = run_command(shell_command(dir, &command), "").out;
        run(dir, ["init", "-g", "-"], printed)
    } else {
        run(dir, ["init", "-g", &*given], "")
    };
    let (code, lines) = match case.outcome {
        Counted(lines) => (0, lines),
        Unknown => (78, [].as_slice()),
    };
    assert_eq!(drafted.code, Some(code), "{name}: {drafted:?}");
    check_draft(dir, name, &drafted, lines, case.remarks);
    if code == 0 {
        check_counts(dir, name, &drafted.out);
    }
}

#[test]
fn drafts_for_nginx_as_people_write_it_count_every_request() {
    std::thread::scope(|scope| {
        for tree in TREES {
            scope.spawn(move || check_tree(tree));
        }
    });
}

fn check_tree((name, lines, remarks): Tree) {
    let dir = tempfile::tempdir().unwrap();
    let (port, other) = (free_port(), free_port());
    let conf = fs::read_to_string(project(&format!("fixtures/init/nginx/{name}.conf"))).unwrap();
    let conf = placed(&conf, dir.path(), port).replace("@OTHER@", &other.to_string());
    let etc = dir.path().join("etc");
    fs::create_dir(&etc).unwrap();
    fs::write(etc.join("nginx.conf"), conf).unwrap();
    let nginx = Nginx::start(dir.path(), port);
    drive(port, "shop.example.org");
    nginx.stop();
    let drafted = run(dir.path(), ["init", "--nginx-config", "etc/nginx.conf"], "");
    assert_eq!(drafted.code, Some(0), "{name}: {drafted:?}");
    check_draft(dir.path(), name, &drafted, lines, remarks);
    check_counts(dir.path(), name, &drafted.out);
}
