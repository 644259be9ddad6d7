//! Runs the built program to its end or as a daemon.
//!
//! Invariant: every wait is for a condition and has a deadline; processes end with the test that started them.

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

/// Time limit of every wait, generous for a slow and busy machine.
const DEADLINE: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Start of the tests' configurations: a free port, and no saved state.
pub const HEAD: &str = "[web]\nlisten = [\"127.0.0.1:0\"]\n\n[state]\ndurability = \"none\"\n";

/// A log that the daemon follows from its beginning.
pub struct Source<'a> {
    pub name: &'a str,
    pub pattern: &'a str,
    pub log: &'a Path,
}

/// Exit code and output of a run of the program.
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

/// Returns the path of a file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Polls until `ask` succeeds. At the deadline, the last error fails the test.
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

/// Renames a file as logrotate does.
#[expect(
    clippy::disallowed_methods,
    reason = "stands in for logrotate; durability is not needed"
)]
pub fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}

/// Opens a file for appending, as servers do with their logs.
pub fn append(path: &Path) -> File {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

/// Returns a command of the program that is independent of the tests' environment.
pub fn program(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httplog-exporter"));
    command.args(args).stdin(Stdio::null());
    for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program in a directory to its end, with `input` on its standard input.
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
pub fn run_command(command: Command, input: impl Into<Vec<u8>>) -> Ended {
    run_within(command, input, DEADLINE)
}

/// Runs a command to its end, under a deadline of its own.
pub fn run_within(mut command: Command, input: impl Into<Vec<u8>>, deadline: Duration) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.into());
    let writer = std::thread::spawn(move || {
        // The program may end without reading its input.
        let _ = stdin.write_all(&input);
    });
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let status = wait_within(&mut child, deadline);
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
    wait_within(child, DEADLINE)
}

fn wait_within(child: &mut Child, deadline: Duration) -> ExitStatus {
    let clock = SystemClock::new();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if clock.monotonic() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("still running after {deadline:?}");
        }
        Waker::default().wait(POLL_INTERVAL);
    }
}

impl Ended {
    /// Returns the standard error. Asserts the exit code and an empty standard output.
    pub fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        self.err
    }

    /// Returns the standard output. Asserts success and an empty standard error.
    pub fn succeeded(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }
}

impl Source<'_> {
    /// Returns the source's section of a configuration.
    pub fn toml(&self) -> String {
        let Self { name, pattern, log } = self;
        format!(
            "\n[[source]]\nname = '{name}'\npaths = ['{}']\npattern = '{pattern}'\nstart = 'beginning'\n",
            log.display()
        )
    }
}

impl Daemon {
    /// Starts a daemon on a free port with these sources, and waits until it is ready.
    pub fn follow(dir: &Path, sources: &[Source]) -> Self {
        Self::configured(dir, &following(sources))
    }

    /// Starts a daemon on a configuration, and waits until it is ready.
    pub fn configured(dir: &Path, config: &str) -> Self {
        Self::start(dir, configured(dir, config))
    }

    /// Starts a daemon on a configuration some of whose inputs may not exist, and waits until every source was tried.
    pub fn waiting(dir: &Path, config: &str) -> Self {
        let mut daemon = Self::launch(dir, configured(dir, config));
        daemon.wait_until_listening();
        until(|| {
            let said = daemon.said();
            let was_tried = [" open; ", "every source is open"];
            let was_tried = was_tried.iter().any(|what| said.contains(what));
            was_tried
                .then_some(())
                .ok_or(format!("not tried in\n{said}"))
        });
        daemon
    }

    /// Starts a daemon on a free port with these logs and options and without a configuration, and waits
    /// until it is ready.
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

    /// Waits until the daemon listens and its readiness page reports success.
    pub fn wait_until_ready(&mut self) {
        self.wait_until_listening();
        until(|| self.get("/-/ready"));
    }

    /// Waits until the daemon listens.
    pub fn wait_until_listening(&mut self) {
        self.address = until(|| {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "the daemon has ended");
            listening_on(&self.said()).ok_or_else(|| "no address".into())
        });
    }

    /// Returns the current page of metrics as text.
    pub fn metrics(&self) -> String {
        self.get("/metrics").unwrap()
    }

    /// Returns the current page of metrics, parsed.
    pub fn scrape(&self) -> Scrape {
        Scrape::parse(&self.metrics())
    }

    /// Returns whether the daemon has not ended.
    #[cfg(feature = "stack")]
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Returns the current page of metrics as text, if the daemon listens and responds.
    #[cfg(feature = "stack")]
    pub fn try_metrics(&self) -> Option<String> {
        let address = listening_on(&self.said())?;
        get(&format!("{address}/metrics")).ok()
    }

    /// Waits until every source has counted the given number of lines, rejected ones included, and returns the page.
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

    /// Waits until the daemon's log contains this text.
    pub fn wait_until_said(&self, what: &str) {
        until(|| {
            let said = self.said();
            said.contains(what)
                .then_some(())
                .ok_or_else(|| format!("no {what:?} in\n{said}"))
        });
    }

    /// Returns the daemon's log so far: its standard error.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Sends a signal to the daemon.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the daemon's end and returns its exit code.
    pub fn end(mut self) -> i32 {
        let status = wait_for_end(&mut self.child);
        let code = status.code();
        code.unwrap_or_else(|| panic!("ended by signal {:?}", status.signal()))
    }

    /// Returns the listen address as `HOST:PORT`.
    pub fn socket(&self) -> &str {
        let (_, socket) = self.address.split_once("://").unwrap();
        socket
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the peak resident memory so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kib: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kib * 1024
    }

    /// Returns the page at a path, if it can be had.
    pub fn get(&self, path: &str) -> Result<String, String> {
        get(&format!("{}{path}", self.address))
    }
}

/// Returns a configuration that follows these sources.
pub fn following(sources: &[Source]) -> String {
    let mut config = String::from(HEAD);
    for source in sources {
        config.write_str(&source.toml()).unwrap();
    }
    config
}

/// Writes a configuration into a directory, and returns the command that runs on it.
fn configured(dir: &Path, config: &str) -> Command {
    let path = dir.join("config.toml");
    fs::write(&path, config).unwrap();
    let mut command = program(["run", "--config"]);
    command.arg(path);
    command
}

/// Fetches a URL and returns the response body.
pub fn get(url: &str) -> Result<String, String> {
    ureq::get(url)
        .call()
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .map_err(|error| format!("{url}: {error}"))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The daemon may have ended already, as some tests expect.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.said());
        }
    }
}

/// Finds the address of `listening on http://127.0.0.1:PORT` in a complete line of the daemon's log.
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
