//! The built program, run to its end or as a daemon.
//!
//! Invariant: waits are for conditions, under a deadline; what a test started ends with the test.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use httplog_exporter::clock::{Clock, SystemClock, Waker};
use rustix::process::{Pid, Signal, kill_process};

use crate::scrape::Scrape;

/// How long anything may take on a slow machine that does several things at once.
const DEADLINE: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How the configurations of the tests begin: a free port, and no state.
pub const HEAD: &str = "[web]\nlisten = [\"127.0.0.1:0\"]\n\n[state]\ndurability = \"none\"\n";

/// A file that the daemon is to follow from its beginning.
pub struct Source<'a> {
    pub name: &'a str,
    pub pattern: &'a str,
    pub log: &'a Path,
}

/// How a run of the program ended, and what it wrote.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A running daemon, killed when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    address: String,
}

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Asks again and again until there is an answer; an error says what is missing yet.
pub fn until<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let clock = SystemClock::new();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(missing) if clock.monotonic() > DEADLINE => {
                panic!("after {DEADLINE:?} still {missing}")
            }
            Err(_) => Waker::default().wait(POLL_INTERVAL),
        };
    }
}

/// Rename as logrotate does it.
#[expect(
    clippy::disallowed_methods,
    reason = "plays logrotate; nothing here is to be durable"
)]
pub fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}

/// A file that is appended to, as servers write their logs.
pub fn append(path: &Path) -> File {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

/// The program, untouched by the environment the tests run in.
pub fn program(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httplog-exporter"));
    command.args(args).stdin(Stdio::null());
    for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program in a folder to its end, with this on its standard input.
pub fn run(
    dir: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    input: impl Into<Vec<u8>>,
) -> Ended {
    let mut command = program(args);
    command.current_dir(dir);
    run_command(command, input)
}

/// Runs a command to its end, under the deadline.
pub fn run_command(mut command: Command, input: impl Into<Vec<u8>>) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.into());
    let writer = std::thread::spawn(move || {
        // The program need not read it.
        let _ = stdin.write_all(&input);
    });
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let status = wait_for_end(&mut child);
    writer.join().unwrap();
    Ended {
        code: status.code(),
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    })
}

/// Waits for a process to end, under the deadline.
pub fn wait_for_end(child: &mut Child) -> ExitStatus {
    let clock = SystemClock::new();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if clock.monotonic() > DEADLINE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it runs on after {DEADLINE:?}");
        }
        Waker::default().wait(POLL_INTERVAL);
    }
}

impl Ended {
    /// Its standard error, after a check of its code; nothing may stand on its standard output.
    pub fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        self.err
    }

    /// Its standard output; it must have succeeded and have nothing to complain about.
    pub fn succeeded(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }
}

impl Source<'_> {
    /// As a configuration says it.
    pub fn toml(&self) -> String {
        let Self { name, pattern, log } = self;
        format!(
            "\n[[source]]\nname = '{name}'\npaths = ['{}']\npattern = '{pattern}'\nstart = 'beginning'\n",
            log.display()
        )
    }
}

impl Daemon {
    /// Starts it on a free port with nothing but these sources, and waits until it is ready.
    pub fn follow(dir: &Path, sources: &[Source]) -> Self {
        let mut config = String::from(HEAD);
        for source in sources {
            config.write_str(&source.toml()).unwrap();
        }
        Self::configured(dir, &config)
    }

    /// Starts it on a configuration, and waits until it is ready.
    pub fn configured(dir: &Path, config: &str) -> Self {
        let path = dir.join("config.toml");
        fs::write(&path, config).unwrap();
        let mut command = program(["run", "--config"]);
        command.arg(path);
        Self::start(dir, command)
    }

    /// Starts it on a free port with these logs and options and no configuration, and waits until
    /// it is ready.
    pub fn bare(dir: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = program(["run", "--listen", "127.0.0.1:0"]);
        command.args(args).current_dir(dir);
        Self::start(dir, command)
    }

    /// Starts a command that becomes a daemon, and waits until it is ready.
    pub fn start(dir: &Path, command: Command) -> Self {
        let mut daemon = Self::launch(dir, command);
        daemon.wait_until_ready();
        daemon
    }

    /// Starts a command that becomes a daemon; its log goes to a file in `dir`.
    pub fn launch(dir: &Path, mut command: Command) -> Self {
        let log = dir.join("exporter.log");
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self {
            child,
            log,
            address: String::new(),
        }
    }

    /// Waits until it has an address and says there that it is ready.
    pub fn wait_until_ready(&mut self) {
        self.address = until(|| {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "the daemon has ended");
            listening_on(&self.said()).ok_or_else(|| "no address".into())
        });
        until(|| self.get("/-/ready"));
    }

    /// The current page of metrics, as text.
    pub fn metrics(&self) -> String {
        self.get("/metrics").unwrap()
    }

    /// The current page of metrics.
    pub fn scrape(&self) -> Scrape {
        Scrape::parse(&self.metrics())
    }

    /// The page once every source has counted the given number of lines, rejected ones included.
    pub fn metrics_after(&self, lines: &[(&str, u64)]) -> String {
        until(|| {
            let page = self.metrics();
            let scrape = Scrape::parse(&page);
            for (source, expected) in lines {
                let counted = scrape.lines(source, None);
                if counted < *expected {
                    return Err(format!("{counted} of {expected} lines of {source}"));
                }
            }
            Ok(page)
        })
    }

    /// Waits until it has said this.
    pub fn wait_until_said(&self, what: &str) {
        until(|| {
            let said = self.said();
            said.contains(what)
                .then_some(())
                .ok_or_else(|| format!("no {what:?} in\n{said}"))
        });
    }

    /// What it has written on its standard error.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; its exit code.
    pub fn end(mut self) -> i32 {
        let status = wait_for_end(&mut self.child);
        let code = status.code();
        code.unwrap_or_else(|| panic!("ended by signal {:?}", status.signal()))
    }

    /// Where it listens, as `HOST:PORT`.
    pub fn socket(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory it has had so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kib: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kib * 1024
    }

    fn get(&self, path: &str) -> Result<String, String> {
        get(&format!("{}{path}", self.address))
    }
}

/// What a URL answers.
pub fn get(url: &str) -> Result<String, String> {
    ureq::get(url)
        .call()
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .map_err(|error| format!("{url}: {error}"))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; that is the test's affair, not this one's.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon said:\n{}", self.said());
        }
    }
}

/// `listening on http://127.0.0.1:PORT`, in a whole line of the daemon's log.
fn listening_on(log: &str) -> Option<String> {
    let (_, after) = log.split_once("listening on ")?;
    let (line, _) = after.split_once('\n')?;
    let address = line.split_whitespace().next()?;
    Some(address.trim_end_matches(['/', '.', ',']).to_owned())
}

#[test]
fn the_address_is_taken_from_a_whole_line() {
    assert_eq!(listening_on("INFO listening on http://127.0.0.1:12"), None);
    assert_eq!(
        listening_on("a\nINFO x: listening on http://127.0.0.1:1234\nb\n").as_deref(),
        Some("http://127.0.0.1:1234")
    );
}
