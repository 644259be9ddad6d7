//! Kills the exporter at each system call with which it recovers, reads a log or commits: a start afterwards counts exactly.
//!
//! strace kills it as it enters the N-th call of one kind that concerns the log or the state, before the call has an effect.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::recorded::line;
use crate::scrape::Scrape;
use crate::support::{Daemon, HEAD, Source, append, program, rename, until};
use std::io::Write as _;

/// Calls of one kind that concern certain files, and the least number of places at which a test kills the exporter.
#[derive(Clone, Copy, Debug)]
struct Aim {
    call: &'static str,
    /// Paths in the test's directory, or names relative to the open directory of the state.
    paths: &'static [&'static str],
    least: usize,
}

const LOGS: &[&str] = &["access.log", "access.log.1"];
const STATE: &[&str] = &[
    "state",
    "state/lock",
    "state/state",
    "state/state.prev",
    "state/state.tmp",
];

/// strace counts the calls of each thread by itself: what one thread does less often than another is aimed at by its files.
const AIMS: [Aim; 15] = [
    aim("fdatasync", LOGS, 1),
    aim("flock", STATE, 1),
    aim("fsync", STATE, 4),
    aim("ftruncate", STATE, 1),
    aim("linkat", STATE, 2),
    aim("?open,openat", LOGS, 1),
    aim("openat", STATE, 5),
    aim("openat", &["state.tmp"], 2),
    aim("pread64", LOGS, 4),
    aim("read", STATE, 3),
    aim("renameat", STATE, 2),
    aim("statx", LOGS, 4),
    aim("statx", STATE, 2),
    aim("unlinkat", STATE, 4),
    aim("write", &["state/state.tmp"], 2),
];

const fn aim(call: &'static str, paths: &'static [&'static str], least: usize) -> Aim {
    Aim { call, paths, least }
}

/// Most places of one call at which the exporter is killed.
const MOST: usize = 12;
/// Sweeps at a time.
const THREADS: usize = 3;
/// Commits of new lines while the exporter is driven. On a slow machine, a scrape may not wait for its commit.
const COMMITS: usize = 3;

/// A log and its exporter, which is killed again and again.
struct Sweep {
    dir: tempfile::TempDir,
    /// Lines that were written.
    lines: u32,
    /// Highest count that was served.
    served: u64,
}

impl Sweep {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            lines: 0,
            served: 0,
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("access.log")
    }

    fn config(&self) -> String {
        let source = Source {
            name: "nginx",
            pattern: "nginx-combined",
            log: &self.log(),
        };
        HEAD.replace("durability = \"none\"", "dir = 'state'") + &source.toml()
    }

    /// Appends lines, each with a size of its own: none is like another.
    fn append(&mut self, lines: u32) {
        for _ in 0..lines {
            self.lines += 1;
            let text = line("GET", 200).replace("200 ", &format!("200 {}", self.lines));
            append(&self.log()).write_all(text.as_bytes()).unwrap();
        }
    }

    /// Notes what a page serves, which is never less than a page before.
    fn note(&mut self, page: &str) {
        let counted = Scrape::parse(page).lines("nginx", None);
        assert!(counted >= self.served, "{counted} after {}", self.served);
        self.served = counted;
    }

    /// Starts the exporter, to be killed at its `number`-th call of this kind, and drives it: it recovers, commits, and commits
    /// again after a rotation. Returns whether it was killed.
    fn drive(&mut self, aim: Aim, number: usize) -> bool {
        self.append(3);
        let dir = self.dir.path().to_owned();
        let mut daemon = Daemon::launch(&dir, self.killed_at(aim, number));
        for commit in 0..COMMITS {
            let is_committed = until(|| {
                if !daemon.is_running() {
                    return Ok(false);
                }
                if let Some(page) = daemon.try_metrics() {
                    self.note(&page);
                }
                let is_committed = self.served == u64::from(self.lines);
                let missing = || format!("{} of {} lines", self.served, self.lines);
                is_committed.then_some(true).ok_or_else(missing)
            });
            if !is_committed {
                return true;
            }
            if commit == 0 {
                rename(&self.log(), &self.log().with_extension("log.1"));
            }
            self.append(2);
        }
        false
    }

    /// Returns the command that strace runs, as its own child.
    fn killed_at(&self, aim: Aim, number: usize) -> Command {
        let dir = self.dir.path();
        let config = dir.join("config.toml");
        std::fs::write(&config, self.config()).unwrap();
        let exporter = program(["run", "--config"]);
        let Aim { call, paths, .. } = aim;
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e"]);
        command.arg(format!("trace={call}"));
        command.arg("-e");
        command.arg(format!("inject={call}:signal=KILL:when={number}"));
        for path in paths {
            command.arg("-P").arg(dir.join(path));
            command.arg("-P").arg(path);
        }
        command
            .arg(exporter.get_program())
            .args(exporter.get_args())
            .arg(&config);
        command
    }

    /// Starts the exporter again: it counts each line once.
    fn check(&mut self, aim: Aim, number: usize) {
        let daemon = Daemon::configured(self.dir.path(), &self.config());
        let expected = u64::from(self.lines);
        until(|| {
            self.note(&daemon.metrics());
            let (counted, what) = (self.served, format!("call {number} of {aim:?}"));
            assert!(counted <= expected, "{what}: {counted} of {expected}");
            (counted == expected)
                .then_some(())
                .ok_or_else(|| format!("{what}: {counted} of {expected}"))
        });
    }

    /// Kills the exporter at each of these calls, and returns their number.
    fn run(aim: Aim) -> usize {
        let mut sweep = Self::new();
        // A first start has no state to read.
        sweep.append(3);
        sweep.check(aim, 0);
        for number in 1..=MOST {
            let was_killed = sweep.drive(aim, number);
            sweep.check(aim, number);
            if !was_killed {
                return number - 1;
            }
        }
        MOST
    }
}

#[test]
fn killed_at_any_call_it_counts_exactly_after_a_start() {
    let aims = Mutex::new(AIMS.to_vec());
    let take = || aims.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(aim) = take() {
                    let killed = Sweep::run(aim);
                    assert!(killed >= aim.least, "killed at {killed} calls of {aim:?}");
                }
            });
        }
    });
}
