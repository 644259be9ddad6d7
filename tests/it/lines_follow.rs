//! Tests of `lines --follow`: each line is printed once, whatever is done to the log.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::{Pid, Signal, kill_process};

use crate::lines::assert_ends_without_reader;
use crate::recorded::line;
use crate::replay::gzip;
use crate::support::{append, program, rename, run, until, wait_for_end};

/// A running `lines --follow`.
struct Follower {
    child: Child,
    out: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Follower {
    fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = follow(dir, args).stdout(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let out = Arc::<Mutex<Vec<u8>>>::default();
        let collected = Arc::clone(&out);
        let reader = thread::spawn(move || {
            let mut part = [0; 4096];
            loop {
                match pipe.read(&mut part).unwrap() {
                    0 => return,
                    got => collected.lock().unwrap().extend_from_slice(&part[..got]),
                }
            }
        });
        Self { child, out, reader }
    }

    fn out(&self) -> String {
        String::from_utf8(self.out.lock().unwrap().clone()).unwrap()
    }

    /// Waits until so many lines were printed.
    fn wait_for(&self, lines: usize) {
        until(|| match self.out().lines().count() {
            printed if printed >= lines => Ok(()),
            printed => Err(format!("{printed} of {lines} lines")),
        });
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Interrupts it. Asserts its success, and returns standard output and standard error.
    fn interrupt(self) -> (String, String) {
        self.signal(Signal::INT);
        self.end()
    }

    fn end(mut self) -> (String, String) {
        let status = wait_for_end(&mut self.child);
        self.reader.join().unwrap();
        let mut err = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_string(&mut err).unwrap();
        assert_eq!(status.code(), Some(0), "{err}");
        let out = self.out.lock().unwrap().clone();
        (String::from_utf8(out).unwrap(), err)
    }

    /// Interrupts it once `expected` was printed. Asserts that nothing else was.
    fn printed(self, expected: &str) {
        self.wait_for(expected.lines().count());
        let (out, err) = self.interrupt();
        assert_eq!((out.as_str(), err.as_str()), (expected, ""));
    }
}

fn follow(dir: &Path, args: &[&str]) -> Command {
    let mut command = program(["lines", "--follow"]);
    command.args(args).current_dir(dir).stderr(Stdio::piped());
    command
}

/// Returns lines of these numbers, with status 200 if even and 502 if odd.
fn numbered(numbers: impl Iterator<Item = u64>) -> String {
    let text = |number: u64| {
        let status = if number.is_multiple_of(2) { 200 } else { 502 };
        line("GET", status).replacen("/a ", &format!("/a?{number} "), 1)
    };
    numbers.map(text).collect()
}

/// Returns the lines of a text in a sequence that does not depend on the files they stood in.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// A log that is written and rotated.
struct Log {
    dir: PathBuf,
    path: PathBuf,
    file: File,
}

impl Log {
    fn new(dir: &Path) -> Self {
        let path = dir.join("access.log");
        Self {
            dir: dir.to_owned(),
            file: append(&path),
            path,
        }
    }

    fn write(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
    }

    fn number(&self, number: usize) -> PathBuf {
        self.dir.join(format!("access.log.{number}"))
    }

    /// Moves rotated files to the next number.
    fn make_room(&self) {
        for number in (1..9).rev().filter(|number| self.number(*number).exists()) {
            rename(&self.number(number), &self.number(number + 1));
        }
    }

    fn rotate(&mut self) {
        self.make_room();
        rename(&self.path, &self.number(1));
        self.file = append(&self.path);
    }

    fn copy_and_truncate(&mut self) {
        self.make_room();
        fs::copy(&self.path, self.number(1)).unwrap();
        self.file.set_len(0).unwrap();
    }
}

#[test]
fn lines_that_are_written_follow_those_that_were_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(dir.path());
    let all = numbered(0..4);
    let (first, second) = all.split_at(all.len() - 40);
    log.write(first);
    let follower = Follower::start(dir.path(), &["access.log"]);
    follower.wait_for(3);
    log.write(second);
    follower.printed(&all);
}

#[test]
fn conditions_and_forms_apply_to_lines_that_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(dir.path());
    log.write(&numbered(0..2));
    let series = "httplog_requests_total{status=\"502\"}";
    let args = [series, "--fields", "status,target", "access.log"];
    let columns = Follower::start(dir.path(), &args);
    let objects = Follower::start(
        dir.path(),
        &["--where", "status=5..", "--json", "access.log"],
    );
    let rejected = Follower::start(dir.path(), &["--reject", "mismatch", "access.log"]);
    columns.wait_for(1);
    objects.wait_for(1);
    log.write(&format!("junk\n{}", numbered(2..4)));
    rejected.wait_for(1);
    columns.wait_for(2);
    objects.wait_for(2);
    let (out, err) = columns.interrupt();
    assert_eq!(out, "502\t/a?1\n502\t/a?3\n");
    assert!(err.starts_with("warning: 1 of 5 lines rejected\n"), "{err}");
    let (out, _) = objects.interrupt();
    let is_it =
        |line: &str| line.contains(r#""target":"/a?1""#) || line.contains(r#""target":"/a?3""#);
    assert!(out.lines().all(is_it), "{out}");
    assert_eq!(rejected.interrupt().0, "junk\n");
}

/// Writes lines and rotates the log between them. Asserts that each line is printed once.
fn check_rotations(mut rotate: impl FnMut(&mut Log, &Follower, usize)) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(dir.path());
    log.write(&numbered(0..10));
    let follower = Follower::start(dir.path(), &["access.log"]);
    follower.wait_for(10);
    for part in 1..30 {
        log.write(&numbered(part * 10..part * 10 + 5));
        rotate(&mut log, &follower, usize::try_from(part).unwrap());
        log.write(&numbered(part * 10 + 5..part * 10 + 10));
    }
    follower.wait_for(300);
    let (out, err) = follower.interrupt();
    assert_eq!(sorted(&out), sorted(&numbered(0..300)));
    assert_eq!(err, "");
}

#[test]
fn rotations_lose_and_repeat_no_line() {
    check_rotations(|log, _, part| {
        if part % 3 == 0 {
            log.rotate();
        }
    });
}

#[test]
fn copying_and_truncating_loses_and_repeats_no_line() {
    check_rotations(|log, follower, part| {
        if part % 7 == 0 {
            // What is written between the copying and the truncation is lost to everyone.
            follower.wait_for(part * 10 + 5);
            log.copy_and_truncate();
        }
    });
}

#[test]
fn rotated_files_and_archives_are_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(dir.path());
    fs::write(
        dir.path().join("access.log.2.gz"),
        gzip(numbered(0..2).as_bytes()),
    )
    .unwrap();
    log.write(&numbered(2..4));
    log.rotate();
    log.write(&numbered(4..6));
    let args = ["access.log.2.gz", "access.log.1", "access.log"];
    let follower = Follower::start(dir.path(), &args);
    follower.wait_for(6);
    log.rotate();
    log.write(&numbered(6..8));
    follower.printed(&numbered(0..8));
}

/// Rotates a log, after it was opened and before it is read.
fn check_seam(args: &[&str], rotate: impl FnOnce(&mut Log), expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    mkfifoat(CWD, &pipe, Mode::RWXU).unwrap();
    let mut log = Log::new(dir.path());
    log.write(&numbered(0..2));
    log.rotate();
    log.write(&numbered(2..4));
    let follower = Follower::start(dir.path(), args);
    // Opened by the follower once it waits for its lines.
    let mut pipe = File::options().write(true).open(pipe).unwrap();
    rotate(&mut log);
    pipe.write_all(numbered(100..101).as_bytes()).unwrap();
    drop(pipe);
    log.write(&numbered(6..8));
    follower.wait_for(expected.lines().count());
    let (out, _) = follower.interrupt();
    assert_eq!(sorted(&out), sorted(expected), "{args:?}");
}

#[test]
fn a_rotation_before_a_log_is_read_loses_and_repeats_no_line() {
    let rotate = |log: &mut Log| {
        log.rotate();
        log.write(&numbered(4..6));
        log.rotate();
    };
    let both = numbered((0..2).chain(2..8));
    let piped = numbered(100..101);
    let args = ["pipe", "access.log.1", "access.log"];
    check_seam(&args, rotate, &(piped.clone() + &both));
    let args = ["pipe", "access.log"];
    check_seam(&args, rotate, &(piped.clone() + &numbered(2..8)));
    let args = ["pipe", "access.log.1", "access.log"];
    let copied = numbered((0..4).chain(6..8));
    check_seam(&args, Log::copy_and_truncate, &(piped + &copied));
}

#[test]
fn a_log_that_is_missing_is_awaited() {
    let dir = tempfile::tempdir().unwrap();
    let follower = Follower::start(dir.path(), &["--where", "status=502", "access.log"]);
    let mut log = Log::new(dir.path());
    log.write(&numbered(0..2));
    follower.wait_for(1);
    let (out, err) = follower.interrupt();
    assert_eq!(out, numbered(1..2));
    let is_right = err.is_empty() || err.starts_with("warning: no file at ");
    assert!(is_right, "{err}");
}

#[test]
fn a_value_that_no_line_has_is_named_while_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(dir.path());
    log.write(&line("GET", 200));
    let mut follower = Follower::start(dir.path(), &["--where", "status=503", "access.log"]);
    let mut said = [0; 29];
    let err = follower.child.stderr.as_mut().unwrap();
    err.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"warning: no such line yet\n = ");
    log.write(&line("GET", 503));
    follower.wait_for(1);
    let (out, _) = follower.interrupt();
    assert_eq!(out, line("GET", 503));
}

#[test]
fn a_reader_that_leaves_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    Log::new(dir.path()).write(&numbered(0..2));
    let mut child = follow(dir.path(), &["access.log"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Nothing is written any more.
    assert_ends_without_reader(&mut child);
}

#[test]
fn signals_end_it_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    Log::new(dir.path()).write(&numbered(0..2));
    for signal in [Signal::INT, Signal::TERM] {
        let follower = Follower::start(dir.path(), &["access.log"]);
        follower.wait_for(2);
        follower.signal(signal);
        assert_eq!(follower.end(), (numbered(0..2), String::new()));
    }
}

#[test]
fn a_signal_ends_it_while_nobody_reads_its_output() {
    let dir = tempfile::tempdir().unwrap();
    Log::new(dir.path()).write(&line("GET", 200).repeat(50_000));
    let mut child = follow(dir.path(), &["access.log"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(wait_for_end(&mut child).code(), Some(0));
}

#[test]
fn what_has_an_end_is_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["lines", "--follow", "--where", "status=502", "-"];
    let ended = run(dir.path(), args, numbered(0..4));
    assert_eq!(ended.succeeded(), numbered(1..2) + &numbered(3..4));
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let check = |args: &[&str], code, expected: &str| {
        let args = ["lines", "--follow"].iter().chain(args);
        let said = run(dir.path(), args, "").failed(code);
        assert!(said.contains(expected), "{said}");
    };
    let mut log = Log::new(dir.path());
    log.write(&numbered(0..2));
    fs::write(dir.path().join("access.log.2.gz"), gzip(b"")).unwrap();
    check(&["--count", "access.log"], 64, "--count");
    check(&["access.log.2.gz"], 64, "leave out --follow");
    check(&["access.log", "./access.log"], 64, "given twice");
    check(&["access.log", "access.log.1"], 66, "access.log.1");
    check(&["."], 66, "directory");
    check(&["--where", "host=x", "access.log"], 64, "host");
    log.write("junk\n");
    fs::write(dir.path().join("other.log"), "junk\n").unwrap();
    check(&["other.log"], 78, "--pattern");
}
