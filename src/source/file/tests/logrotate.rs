//! A real logrotate with its options: every line is counted once, whether each of its rotations is seen or several are
//! not.

use std::process::Command;

use super::*;

/// Options of logrotate; `DATE` is another date at each rotation.
const OPTIONS: [&[&str]; 19] = [
    &["create"],
    &["nocreate"],
    &["create", "compress"],
    &["create", "compress", "delaycompress"],
    &["create", "compress", "shred"],
    &["create", "start 7"],
    &["create", "dateext", "dateformat -DATE"],
    &["create", "dateext", "dateformat .DATE", "compress"],
    &["create", "extension .log"],
    &["create", "extension .log", "compress"],
    &["create", "extension .log", "dateext", "dateformat -DATE"],
    &["create", "olddir old"],
    &["copytruncate"],
    &["copytruncate", "compress"],
    &["copytruncate", "compress", "delaycompress"],
    &["copytruncate", "compress", "shred"],
    &["copytruncate", "extension .log"],
    &["copytruncate", "olddir old", "compress"],
    &["copy"],
];

/// A log that logrotate rotates.
struct Rotated {
    bench: Bench,
    /// Path of the log itself, in the bench's directory.
    log: &'static str,
    options: &'static [&'static str],
    rotations: u32,
    lines: u32,
}

impl Rotated {
    fn new(pattern: &str, log: &'static str, options: &'static [&'static str]) -> Self {
        let mut bench = Bench::new(&[pattern], Start::Beginning);
        for directory in ["old", "disk", "disk/old"] {
            create_dir(bench.path(directory)).unwrap();
        }
        bench.append(log, "a line before the first rotation\n");
        if log != "a.log" {
            symlink(log, bench.path("a.log")).unwrap();
        }
        assert_eq!(bench.take_lines(), ["a line before the first rotation"]);
        let (rotations, lines) = (0, 0);
        Self {
            bench,
            log,
            options,
            rotations,
            lines,
        }
    }

    fn rotate(&mut self) {
        self.rotations += 1;
        let date = format!("202611{:02}", self.rotations);
        let log = self.bench.path(self.log);
        let options = self.options.join("\n").replace("DATE", &date);
        let text = format!(
            "\"{}\" {{\nrotate 4\nifempty\n{options}\n}}\n",
            log.display()
        );
        write(self.bench.path("configuration"), text).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("logrotate")
            .env("PATH", format!("{path}:/usr/sbin:/sbin"))
            .args(["--force", "--state"])
            .args([self.bench.path("state"), self.bench.path("configuration")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Writes lines, each in its own write, and returns them.
    fn write(&mut self, count: u32) -> Vec<String> {
        let lines = (0..count).map(|_| {
            self.lines += 1;
            let line = format!("line {} after the rotation {}", self.lines, self.rotations);
            self.bench.append(self.log, &(line.clone() + "\n"));
            line
        });
        lines.collect()
    }

    /// Expects these lines, each once, in any sequence.
    fn expect(&mut self, expected: &[String]) {
        // A log that was truncated is read after a second.
        self.bench.drain();
        self.bench.clock.advance(Duration::from_secs(1));
        let lines = self.bench.take_lines();
        let missing = expected.iter().filter(|line| !lines.contains(line)).count();
        let options = self.options;
        assert!(
            missing == 0 && lines.len() == expected.len(),
            "{options:?} rotation {}: {missing} of {} missing, {} counted",
            self.rotations,
            expected.len(),
            lines.len(),
        );
    }
}

/// Rotates with a poll after each step.
fn rotate_seen(pattern: &str, options: &'static [&'static str]) {
    let mut log = Rotated::new(pattern, "a.log", options);
    for round in 0..5 {
        log.rotate();
        if round % 2 == 0 {
            log.expect(&[]);
        }
        for count in [3, 20 + round] {
            let lines = log.write(count);
            log.expect(&lines);
            log.bench.clock.advance(Duration::from_secs(50));
        }
        if round == 2 {
            log.bench.clock.advance(Duration::from_hours(30));
        }
    }
    log.bench.clock.advance(2 * WAIT);
    log.expect(&[]);
}

/// Rotates several times between two polls. Each rotation keeps what it rotates.
fn rotate_unseen(pattern: &str, log: &'static str, options: &'static [&'static str], times: u32) {
    let mut log = Rotated::new(pattern, log, options);
    for round in 0..2 {
        let mut lines = log.write(20);
        for _ in 0..times {
            log.rotate();
            lines.extend(log.write(3 + round));
        }
        log.expect(&lines);
        log.bench.clock.advance(3 * WAIT);
        log.expect(&[]);
    }
}

/// Calls `play` with each of the options that pass the filter.
fn with_options(
    is_wanted: impl Fn(&[&str]) -> bool,
    play: impl Fn(&'static [&'static str]) + Sync,
) {
    std::thread::scope(|scope| {
        for options in OPTIONS.into_iter().filter(|options| is_wanted(options)) {
            scope.spawn(|| play(options));
        }
    });
}

#[test]
fn rotations_that_are_seen() {
    for pattern in ["a.log", "**/*.log*"] {
        let is_wanted = |options: &[&str]| {
            let is_elsewhere = ["extension .log", "olddir old"]
                .iter()
                .any(|option| options.contains(option));
            pattern == "a.log" || !(options.contains(&"copytruncate") && is_elsewhere)
        };
        with_options(is_wanted, |options| rotate_seen(pattern, options));
    }
}

#[test]
fn rotations_between_two_polls() {
    // A copy that is not where it is searched for, and one of a text that grows on, is not found; nor is a text that was
    // destroyed.
    let hidden = ["olddir old", "copy", "shred"];
    for pattern in ["a.log", "*.log"] {
        let is_wanted = |options: &[&str]| {
            let is_hidden = hidden.iter().any(|option| options.contains(option));
            let is_copy_in_glob = pattern == "*.log"
                && options.contains(&"copytruncate")
                && options.contains(&"extension .log");
            !is_hidden && !is_copy_in_glob
        };
        with_options(is_wanted, |options| {
            rotate_unseen(pattern, "a.log", options, 3);
        });
    }
}

#[test]
fn rotations_behind_a_symbolic_link_between_two_polls() {
    let hidden = ["olddir old", "copy", "shred"];
    let is_wanted = |options: &[&str]| !hidden.iter().any(|option| options.contains(option));
    with_options(is_wanted, |options| {
        rotate_unseen("a.log", "disk/real.log", options, 3);
    });
}
