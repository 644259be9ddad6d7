//! Tests of `demo`, as a first-time user sees it.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use httplog_exporter::clock::{Clock as _, SystemClock};

use crate::scrape::Scrape;
use crate::support::{get, program, until, wait_for_end};

/// A running demo, killed when dropped.
struct Demo {
    child: Child,
    said: Option<Lines<BufReader<ChildStdout>>>,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let mut child = program(["demo", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            said: Some(said),
        }
    }

    /// Iterates over the lines that the demo prints from now on.
    fn said(&mut self) -> impl Iterator<Item = String> {
        self.said.as_mut().unwrap().map(Result::unwrap)
    }

    /// Reads the introduction and returns the address in it.
    fn address(&mut self) -> String {
        let lines: Vec<String> = self.said().take_while(|line| !line.is_empty()).collect();
        let line = lines
            .iter()
            .find_map(|line| line.split_once("/metrics "))
            .unwrap_or_else(|| panic!("no address in {lines:?}"));
        line.0.trim().to_owned()
    }

    /// Waits for the end of the demo; returns its exit code and its standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let status = wait_for_end(&mut self.child);
        let err = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        (status.code(), err)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the number after a word of a status line: `written 26,000  counted 26,000  rotations 1`.
fn number(account: &str, word: &str) -> u64 {
    let (_, after) = account
        .split_once(word)
        .unwrap_or_else(|| panic!("no {word} in {account:?}"));
    let digits = after.split_whitespace().next().unwrap().replace(',', "");
    digits.parse().unwrap()
}

#[test]
fn counters_grow_and_after_a_rotation_equal_the_lines_written() {
    let clock = SystemClock::new();
    let mut demo = Demo::start(&["--seconds", "13", "--rate", "2000"]);
    let address = demo.address();
    let lines =
        || Some(Scrape::parse(&get(&format!("{address}/metrics")).ok()?).lines("nginx", None));
    // The address is printed once it accepts connections.
    let first = lines().unwrap();
    // The first lines take a second; the limit allows for a busy machine, but is below the time to the first rotation.
    let took = clock.monotonic().as_secs();
    assert!(
        took < 8 && first < 2_000 * 8,
        "{first} lines after {took} s"
    );
    assert!(get(&address).unwrap().contains("<html"));
    let second = until(|| {
        lines()
            .filter(|lines| *lines > first)
            .ok_or("no growth".into())
    });
    until(|| {
        lines()
            .filter(|lines| *lines > second)
            .ok_or("no further growth".into())
    });

    let accounts: Vec<String> = demo.said().collect();
    let last = accounts.last().unwrap();
    assert_eq!(number(last, "written"), 2_000 * 13, "{accounts:?}");
    assert_eq!(number(last, "counted"), 2_000 * 13, "{accounts:?}");
    assert!(number(last, "rotations") >= 1, "{accounts:?}");
    assert_eq!(demo.end(), (Some(0), String::new()));
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    let mut demo = Demo::start(&[]);
    let introduction: Vec<String> = demo.said().take(2).collect();
    let log = std::path::PathBuf::from(introduction[1].trim());
    assert!(log.exists(), "{introduction:?}");
    demo.address();
    let pid = rustix::process::Pid::from_child(&demo.child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(demo.end(), (Some(0), String::new()));
    assert!(!log.parent().unwrap().exists());
}

#[test]
fn a_demo_ends_when_its_output_is_closed() {
    let mut demo = Demo::start(&["--seconds", "60"]);
    demo.address();
    // A status line is printed every five seconds.
    demo.said = None;
    assert_eq!(demo.end(), (Some(0), String::new()));
}
