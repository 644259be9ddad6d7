//! A time of the test's own for a program: `tests/clock.c`, preloaded.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use httplog_exporter::clock::{Clock as _, SystemClock};

use crate::support::{project, run_command, until};

/// Number of waits of a thread after which it has read the time, done what was due, and waits again: one may have
/// begun before, and one may be for a lock.
const WAITS: u64 = 4;

/// The time that programs see which preload it.
pub struct FastClock {
    preloaded: PathBuf,
    pairs: File,
    number: u64,
    ahead: Duration,
}

impl FastClock {
    /// Makes a clock that is not shifted yet, in a directory.
    pub fn new(dir: &Path) -> Self {
        let (preloaded, pairs) = (dir.join("clock.so"), dir.join("clock"));
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .arg(&preloaded)
            .arg(format!("-DCLOCK=\"{}\"", pairs.display()))
            .arg(project("tests/clock.c"));
        run_command(compiler, "").succeeded();
        fs::write(&pairs, [0; 4096]).unwrap();
        Self {
            preloaded,
            pairs: File::options().write(true).open(pairs).unwrap(),
            number: 0,
            ahead: Duration::ZERO,
        }
    }

    /// Makes a command use this clock.
    pub fn govern(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.preloaded);
    }

    /// Moves the time forward.
    pub fn advance(&mut self, by: Duration) {
        self.ahead += by;
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap().to_ne_bytes();
        let now = SystemClock::new()
            .wall()
            .duration_since(UNIX_EPOCH)
            .unwrap();
        let place = 16 * self.number;
        // The time last: it makes the pair valid.
        self.pairs
            .write_all_at(&nanos(self.ahead), place + 8)
            .unwrap();
        self.pairs.write_all_at(&nanos(now), place).unwrap();
        self.number += 1;
    }
}

/// Waits until all threads of this name have read the time, and wait again.
pub fn until_rested(process: u32, name: &str) {
    let before = waits(process, name);
    assert!(!before.is_empty(), "no thread {name}");
    until(|| {
        let now = waits(process, name);
        let mut pairs = before.iter().zip(&now);
        let are_rested = pairs.all(|(before, now)| *now >= before + WAITS);
        are_rested
            .then_some(())
            .ok_or_else(|| format!("{now:?} waits after {before:?}"))
    });
}

/// Returns how often each thread of this name has waited.
fn waits(process: u32, name: &str) -> Vec<u64> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut tasks: Vec<_> = tasks.map(|task| task.unwrap().path()).collect();
    tasks.sort();
    let waits = |task: PathBuf| {
        // A thread may end meanwhile.
        let status = fs::read_to_string(task.join("status")).ok()?;
        let field = |key| status.lines().find_map(|line| line.strip_prefix(key));
        let is_named = field("Name:").is_some_and(|found| found.trim() == name);
        is_named.then(|| {
            field("voluntary_ctxt_switches:")
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        })
    };
    tasks.into_iter().filter_map(waits).collect()
}
