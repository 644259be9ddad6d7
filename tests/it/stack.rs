//! Follows the logs of a real nginx in front of a real gunicorn while requests come in.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use flate2::read::MultiGzDecoder;

use crate::counts::{self, Counts};
use crate::scrape::Scrape;
use crate::support::{Daemon, Source, project, run_command};

/// Number of requests: more than 3,000, so that every hostile request is sent several times.
const REQUESTS: u64 = 3300;

/// The running site behind its servers. Dropping it ends their standard input, which stops them.
pub struct Site {
    servers: Child,
    said: Lines<BufReader<ChildStdout>>,
    dir: PathBuf,
    port: String,
}

/// A program that sends requests to the site.
pub struct Traffic {
    driver: Child,
    said: Lines<BufReader<ChildStdout>>,
}

/// Sends one request and returns the response, read until the connection ends or fails.
pub fn send(server: impl ToSocketAddrs, host: &str, target: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn every_request_is_counted_once_from_the_logs_of_both_servers() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start(dir.path());
    let logs = [
        ("nginx", "nginx-django", site.log("access.log")),
        ("timed", "nginx-timed", site.log("timed.log")),
        ("combined", "nginx-combined", site.log("combined.log")),
        ("gunicorn", "gunicorn-django", site.log("gunicorn.log")),
    ];
    let sources = logs
        .each_ref()
        .map(|(name, pattern, log)| Source { name, pattern, log });
    let daemon = Daemon::follow(dir.path(), &sources);

    site.drive(7).finish();
    site.stop();
    let expected = logs
        .each_ref()
        .map(|(name, _, log)| (*name, counts::of_log(&fs::read(log).unwrap())));
    assert_mixed(&expected[0].1);
    let page = check(&daemon, &expected);
    promtool_finds_no_fault(&page);
}

#[test]
fn rotation_by_logrotate_loses_no_line_and_repeats_none() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start(dir.path());
    let (access, gunicorn) = (site.log("access.log"), site.log("gunicorn.log"));
    let daemon = Daemon::follow(
        dir.path(),
        &[
            Source {
                name: "nginx",
                pattern: "nginx-django",
                log: &access,
            },
            Source {
                name: "gunicorn",
                pattern: "gunicorn-django",
                log: &gunicorn,
            },
        ],
    );

    let mut traffic = site.drive(8);
    for milestone in ["sent 1000", "sent 2000", "sent 2500"] {
        traffic.wait_for(milestone);
        site.rotate();
    }
    traffic.finish();
    site.stop();
    let rotated = [
        "access.log",
        "access.log.1",
        "access.log.2.gz",
        "access.log.3.gz",
    ];
    let expected = [
        (
            "nginx",
            counts::of_log(&read_all(&dir.path().join("log"), &rotated)),
        ),
        ("gunicorn", counts::of_log(&fs::read(gunicorn).unwrap())),
    ];
    assert_mixed(&expected[0].1);
    check(&daemon, &expected);
}

/// Asserts that the daemon's counts equal those of the logs, and returns the page of metrics.
fn check(daemon: &Daemon, expected: &[(&str, Counts)]) -> String {
    let lines: Vec<_> = expected
        .iter()
        .map(|(source, counts)| (*source, counts::total(counts)))
        .collect();
    let page = daemon.metrics_after(&lines);
    let scrape = Scrape::parse(&page);
    for (source, counts) in expected {
        scrape.assert_counted(source, counts);
    }
    page
}

/// Asserts that the traffic has every kind of request; otherwise equal counts would prove little.
fn assert_mixed(counts: &Counts) {
    assert!(
        counts::total(counts) >= 3000,
        "too few requests: {counts:?}"
    );
    for (method, status) in [
        ("GET", "200"),
        ("GET", "301"),
        ("GET", "404"),
        ("GET", "444"),
        ("GET", "499"),
        ("GET", "500"),
        ("GET", "502"),
        ("GET", "504"),
        ("POST", "201"),
        ("PUT", "200"),
        ("DELETE", "204"),
        ("TRACE", "405"),
        (counts::OTHER, "400"),
        (counts::OTHER, "408"),
    ] {
        assert!(
            counts.contains_key(&(method.into(), status.into())),
            "no {method} with {status}: {counts:?}"
        );
    }
}

/// Asserts that `promtool check metrics` reports nothing for a page.
pub fn promtool_finds_no_fault(page: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    assert_eq!(run_command(promtool, page).succeeded(), "");
}

/// Reads several logs, of which some are compressed.
fn read_all(dir: &Path, names: &[&str]) -> Vec<u8> {
    let mut content = Vec::new();
    for name in names {
        let file = File::open(dir.join(name)).unwrap();
        let before = content.len();
        if Path::new(name).extension().is_some_and(|kind| kind == "gz") {
            MultiGzDecoder::new(file).read_to_end(&mut content).unwrap();
        } else {
            BufReader::new(file).read_to_end(&mut content).unwrap();
        }
        assert!(content.len() > before, "{name} is empty");
    }
    content
}

impl Site {
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// Starts the site with settings of Django, which are passed to `serve.py`.
    pub fn start_with(dir: &Path, settings: &[&str]) -> Self {
        let mut command = python("tests/stack/serve.py");
        command.arg(dir).args(settings);
        Self::launch(dir, command)
    }

    /// Starts with so many workers, each of which counts for itself.
    pub fn start_with_workers(dir: &Path, settings: &str, workers: u32) -> Self {
        Self::start_with(dir, &[settings, &workers.to_string()])
    }

    /// Starts with a single synchronous worker, so that concurrent requests queue.
    pub fn start_with_one_worker(dir: &Path) -> Self {
        let mut command = python("tests/stack/serve.py");
        command.arg(dir).env(
            "GUNICORN_CMD_ARGS",
            "--workers=1 --threads=1 --worker-class=sync",
        );
        Self::launch(dir, command)
    }

    fn launch(dir: &Path, mut command: Command) -> Self {
        let mut servers = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut said = lines_of(&mut servers);
        let port = wait_for(&mut said, "ready ");
        Self {
            servers,
            said,
            dir: dir.to_owned(),
            port,
        }
    }

    /// Returns nginx's address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the path of one of the servers' logs.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("log").join(name)
    }

    fn drive(&self, seed: u64) -> Traffic {
        self.drive_with(REQUESTS, seed)
    }

    /// Sends so many requests of `drive.py`.
    pub fn drive_with(&self, requests: u64, seed: u64) -> Traffic {
        let mut driver = python("tests/stack/drive.py");
        driver.args(["--requests", &requests.to_string()]);
        self.send(driver, seed)
    }

    /// Sends the traffic of `compare.py`, all of which Django counts too.
    pub fn compare(&self, requests: usize, seed: u64) -> Traffic {
        let mut driver = python("tests/stack/compare.py");
        driver.args(["--requests", &requests.to_string()]);
        driver.arg("--dir").arg(&self.dir);
        self.send(driver, seed)
    }

    fn send(&self, mut driver: Command, seed: u64) -> Traffic {
        driver
            .args(["--port", &self.port])
            .args(["--seed", &seed.to_string()]);
        let mut driver = driver.spawn().unwrap();
        let said = lines_of(&mut driver);
        Traffic { driver, said }
    }

    /// Rotates the logs as Debian's nginx package configures it.
    fn rotate(&self) {
        let dir = self.dir.display();
        let text = format!(
            "\"{dir}/log/access.log\" {{\n\
             rotate 9\ncreate\ncompress\ndelaycompress\nsharedscripts\n\
             postrotate\nkill -USR1 \"$(cat '{dir}/nginx.pid')\"\nendscript\n}}\n"
        );
        let faults = logrotate(&self.dir, &text);
        assert!(faults.is_empty(), "{faults}");
    }

    /// Lets both servers finish their requests, after which the logs are complete.
    pub fn stop(mut self) {
        drop(self.servers.stdin.take());
        let status = self.servers.wait().unwrap();
        assert!(status.success(), "the servers ended with {status}");
        assert!(self.said.next().is_none());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.servers.stdin.take());
        let _ = self.servers.wait();
    }
}

impl Traffic {
    fn wait_for(&mut self, milestone: &str) {
        wait_for(&mut self.said, milestone);
    }

    /// Waits until all requests are sent and their responses received.
    pub fn finish(mut self) {
        for line in self.said.by_ref() {
            line.unwrap();
        }
        let status = self.driver.wait().unwrap();
        assert!(status.success(), "the traffic ended with {status}");
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Returns the command of a script, with the interpreter of the tests' virtual environment.
pub fn python(script: &str) -> Command {
    let interpreter = project(".venv/bin/python");
    assert!(
        interpreter.exists(),
        "{} is missing: tests/run creates it",
        interpreter.display()
    );
    let mut command = Command::new(interpreter);
    command
        .arg(project(script))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

fn lines_of(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

/// Waits for a line that begins with a prefix, and returns the rest of the line.
fn wait_for(said: &mut Lines<BufReader<ChildStdout>>, prefix: &str) -> String {
    said.map_while(Result::ok)
        .find_map(|line| line.strip_prefix(prefix).map(str::to_owned))
        .unwrap_or_else(|| panic!("it ended before it printed {prefix:?}"))
}

/// Runs `logrotate --force` on a configuration and returns its messages.
pub fn logrotate(dir: &Path, config: &str) -> String {
    let path = dir.join("logrotate.conf");
    fs::write(&path, config).unwrap();
    let output = Command::new("logrotate")
        .env("PATH", path_with_sbin())
        .args(["--force", "--state"])
        .arg(dir.join("logrotate.state"))
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() || !said.is_empty());
    said
}

/// Returns the `PATH` extended by `sbin`: Debian installs nginx there, outside an ordinary user's `PATH`.
pub fn path_with_sbin() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}
