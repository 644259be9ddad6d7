//! Follows the journal of a unit, through `journalctl`.
//!
//! Invariant: each entry is counted once, however often `journalctl` is restarted; it has exited and is reaped before the
//! receiver that reads it ends.

mod cursor;
mod errors;
mod export;
mod messages;

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::context::ReceiveContext;
use super::deframe::LineBuffer;
use super::event::{JOURNAL_GAP, SUPPRESSED, StreamEvent};
use super::queue::{Queue, RETRY_INTERVAL};
use super::settings::{Journal, Stream};
use super::wait::Descriptor;
use crate::source::Start;
use crate::source::frame::READ_BYTES;

pub use export::is_journal_export;
pub use messages::JournalMessages;

pub(super) use cursor::is_cursor;

use errors::ErrorOutput;
use export::{ExportParser, Origin};

/// Program that reads the journal, searched for on the `PATH`.
pub const JOURNAL_PROGRAM: &str = "journalctl";

/// Longest pause before the program is restarted.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Progress in the journal across runs of the program.
struct Follower<'c> {
    journal: &'c Journal,
    context: &'c ReceiveContext,
    /// Start position without a cursor, in microseconds since 1970.
    since: Option<u128>,
    /// Last entry that was handed over or skipped.
    cursor: Option<String>,
    /// Entries received by all runs.
    received: u64,
}

/// The running program; killed and reaped when dropped.
struct Program {
    child: Child,
    output: Descriptor,
    errors: ErrorOutput,
}

/// Follows the journal until the receiver is stopped, from the entry after `from`.
pub(super) async fn follow(journal: &Journal, from: Option<String>, context: &ReceiveContext) {
    let now = || context.clock.wall().duration_since(std::time::UNIX_EPOCH);
    let mut follower = Follower {
        journal,
        context,
        since: match journal.start {
            Start::End => Some(now().unwrap_or_default().as_micros()),
            Start::Beginning => None,
        },
        cursor: from,
        received: 0,
    };
    let queue = &context.queue;
    let stream = Stream::Journal(journal.clone());
    let mut pause = RETRY_INTERVAL;
    while !queue.is_stopped() {
        let Some(mut program) = context.open(&stream, || follower.start()).await else {
            return;
        };
        let (what, buffer) = (stream.to_string(), None);
        queue.report(StreamEvent::Opened { what, buffer });
        queue.set_open(1);
        let before = follower.received;
        follower.read(&mut program).await;
        let how = program.end(queue).await;
        queue.set_open(0);
        if queue.is_stopped() {
            return;
        }
        // Only a run without any entry makes the next pause longer.
        pause = if follower.received > before {
            RETRY_INTERVAL
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        queue.report(StreamEvent::ReaderEnded { how, pause });
        let until = context.clock.monotonic() + pause;
        while !queue.is_stopped() && context.clock.monotonic() < until {
            let left = until.saturating_sub(context.clock.monotonic());
            queue.wait(Vec::new(), Some(left)).await;
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
            // Requests the last entry again, not the one after it, to find out whether the journal
            // still holds it. With --after-cursor, older versions skip an entry if it does not.
            (Some(cursor), _) => _ = command.arg(format!("--cursor={cursor}")),
            (None, Some(since)) => {
                let (seconds, micros) = (since / 1_000_000, since % 1_000_000);
                command.arg(format!("--since=@{seconds}.{micros:06}"));
            }
            (None, None) => {}
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{JOURNAL_PROGRAM}: {error}")))?;
        let output = (child.stdout.take()).ok_or(io::Error::other("journalctl has no output"))?;
        Ok(Program {
            output: Arc::new(output.into()),
            errors: ErrorOutput::new(
                child
                    .stderr
                    .take()
                    .map(|pipe| Arc::new(OwnedFd::from(pipe))),
            ),
            child,
        })
    }

    /// Reads until the program closes its output or the receiver is stopped.
    async fn read(&mut self, program: &mut Program) {
        let queue = &self.context.queue;
        let mut parser = ExportParser::new(self.context.line_bytes);
        let mut lines = LineBuffer::default();
        let mut expected = self.cursor.clone();
        let mut buffer = vec![0; READ_BYTES];
        while !queue.is_stopped() {
            if !program.wait_for_output(queue).await {
                continue;
            }
            let length = match rustix::io::read(&program.output, &mut buffer[..]) {
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            let mut reached = None;
            parser.push(&buffer[..length], &mut |entry| {
                self.received += 1;
                if let Some(expected) = expected.take() {
                    if expected == entry.cursor {
                        return;
                    }
                    queue.count_lost(JOURNAL_GAP, 1);
                }
                match (entry.origin, entry.message) {
                    (Origin::System, _) => {}
                    (Origin::Suppressed(count), _) => queue.count_lost(SUPPRESSED, count.into()),
                    (Origin::Unit, Some(message)) => lines.push_message(message),
                    (Origin::Unit, None) => lines.overlong += 1,
                }
                if is_cursor(entry.cursor) {
                    let reached = reached.get_or_insert_with(String::new);
                    reached.clear();
                    reached.push_str(entry.cursor);
                }
            });
            queue.put(&lines, reached.as_deref());
            lines.clear();
            if reached.is_some() {
                self.cursor = reached;
            }
        }
    }
}

impl Program {
    /// Waits until there is room and something to read, and reports what comes from the standard error. Returns true if
    /// the output may be read now.
    async fn wait_for_output(&mut self, queue: &Queue) -> bool {
        if !queue.has_room() {
            queue.wait(Vec::new(), None).await;
            return false;
        }
        let mut fds = vec![Arc::clone(&self.output)];
        fds.extend(self.errors.fd());
        let ready = queue.wait(fds, None).await;
        if ready.get(1) == Some(&true) {
            self.errors.read(queue);
        }
        ready.first() == Some(&true)
    }

    /// Kills and reaps the program, and describes how it ended.
    async fn end(&mut self, queue: &Queue) -> String {
        // After closing its output it is useless, even if it still runs. Fails if it was reaped already.
        let _ = self.child.kill();
        // Without such a descriptor, the thread has to wait below.
        if let Ok(process) = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty()) {
            let process = Arc::new(process);
            while let Ok(None) = self.child.try_wait() {
                let fds = vec![Arc::clone(&process)];
                queue.wait(fds, Some(RETRY_INTERVAL)).await;
            }
        }
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
