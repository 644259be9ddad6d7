//! Reads the journal of a unit, through `journalctl`.
//!
//! Invariant: each entry comes once, however often the program is started again; the program is
//! ended and reaped before the thread that reads it ends.

mod export;
mod place;
mod read;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;

use super::deframe::Lines;
use super::event::{JOURNAL_GAP, StreamEvent};
use super::settings::Journal;
use super::{RETRY, Ties};
use crate::source::{READ_BYTES, Start};

pub use export::is_export;
pub use read::Messages;

pub(super) use place::Place;

use export::{Entry, Export};

/// The program that reads the journal, looked for on the `PATH`.
pub const JOURNAL_PROGRAM: &str = "journalctl";

/// Longest pause before the program is started again.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How far the journal was read.
struct Follower<'t> {
    journal: &'t Journal,
    ties: &'t Ties,
    /// Where reading begins as long as no entry is known, in microseconds since 1970.
    since: Option<u128>,
    /// The last entry that was handed over, or passed over.
    cursor: Option<String>,
    /// Bytes of entries received, ever.
    received: u64,
}

/// The running program; ended and reaped when dropped.
struct Program {
    child: Child,
    output: OwnedFd,
}

/// Follows until it is told to stop. `from` is the entry after which to begin.
pub(super) fn follow(journal: &Journal, from: Option<String>, ties: &Ties) {
    let now = || ties.clock.wall().duration_since(std::time::UNIX_EPOCH);
    let mut follower = Follower {
        journal,
        ties,
        since: match journal.start {
            Start::End => Some(now().unwrap_or_default().as_micros()),
            Start::Beginning => None,
        },
        cursor: from,
        received: 0,
    };
    let queue = &ties.queue;
    let mut pause = RETRY;
    while !queue.is_stopped() {
        let what = super::Stream::Journal(journal.clone());
        let Some(mut program) = ties.open(&what, || follower.start()) else {
            return;
        };
        let (what, buffer) = (what.to_string(), None);
        queue.tell(StreamEvent::Opened { what, buffer });
        queue.set_open(1);
        let before = follower.received;
        follower.read(&program);
        queue.set_open(0);
        if queue.is_stopped() {
            return;
        }
        // One that gave something is no hopeless case.
        pause = if follower.received > before {
            RETRY
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        let how = program.end();
        queue.tell(StreamEvent::ReaderEnded { how, pause });
        let until = ties.clock.monotonic() + pause;
        while !queue.is_stopped() && ties.clock.monotonic() < until {
            let left = until.saturating_sub(ties.clock.monotonic());
            queue.wait(&[], Some(left));
        }
    }
}

impl Follower<'_> {
    fn start(&self) -> io::Result<Program> {
        let mut command = Command::new(JOURNAL_PROGRAM);
        command.args([
            "--output=export",
            "--follow",
            "--no-tail",
            "--no-pager",
            "--quiet",
        ]);
        command.arg(format!("--unit={}", self.journal.unit));
        match (&self.cursor, self.since) {
            // The last entry again, not the one after it: only so it can be told whether the
            // journal still holds it. With --after-cursor, older versions pass over an entry when
            // it doesn't.
            (Some(cursor), _) => _ = command.arg(format!("--cursor={cursor}")),
            (None, Some(since)) => {
                let (seconds, micros) = (since / 1_000_000, since % 1_000_000);
                command.arg(format!("--since=@{seconds}.{micros:06}"));
            }
            (None, None) => {}
        }
        // What it has to complain about stands beside our own log.
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{JOURNAL_PROGRAM}: {error}")))?;
        match child.stdout.take() {
            Some(output) => Ok(Program {
                child,
                output: output.into(),
            }),
            None => Err(io::Error::other("journalctl has no output")),
        }
    }

    /// Reads until the program ends or we are told to stop.
    fn read(&mut self, program: &Program) {
        let queue = &self.ties.queue;
        let mut export = Export::new(self.ties.line_bytes);
        let mut lines = Lines::default();
        let mut expected = self.cursor.clone();
        let mut buffer = vec![0; READ_BYTES];
        while !queue.is_stopped() {
            if !queue.has_room() {
                queue.wait(&[], None);
                continue;
            }
            if !queue.wait(&[program.output.as_fd()], None).contains(&true) {
                continue;
            }
            let length = match rustix::io::read(&program.output, &mut buffer[..]) {
                Ok(0) => return,
                Ok(length) => length,
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(_) => return,
            };
            let mut mark = None;
            export.push(&buffer[..length], &mut |entry| {
                self.received += 1;
                if let Some(expected) = expected.take() {
                    if expected == entry.cursor {
                        return;
                    }
                    queue.lose(JOURNAL_GAP, 1);
                }
                match entry.message {
                    _ if entry.is_managers => {}
                    Some(message) => lines.push_message(message),
                    None => lines.overlong += 1,
                }
                if place::is_cursor(entry.cursor) {
                    mark.get_or_insert_with(String::new).clear();
                    mark.get_or_insert_default().push_str(entry.cursor);
                }
            });
            queue.put(&lines.bytes, lines.overlong, mark.as_deref());
            lines.clear();
            if mark.is_some() {
                self.cursor = mark;
            }
        }
    }
}

impl Program {
    /// Waits for its end, which has begun; says how it ended.
    fn end(&mut self) -> String {
        // It closed its output: whatever it does now is of no use.
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail when it was reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
