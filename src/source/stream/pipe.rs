//! Reads standard input and FIFOs.
//!
//! Invariant: nothing is read while the queue is full, so that the writer waits and no line is
//! lost.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::context::ReceiveContext;
use super::deframe::{Deframer, LineBuffer};
use super::event::StreamEvent;
use super::queue::{Queue, REST_BYTES, RETRY_INTERVAL};
use super::settings::Stream;
use super::wait::Descriptor;
use crate::source::frame::READ_BYTES;

/// Result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PipeRead {
    /// So many bytes, at least one.
    Bytes(usize),
    Nothing,
    End,
}

/// Name of standard input.
const STDIN: &str = "standard input";

/// The descriptors of standard input.
struct StandardInput {
    /// The one that the process was started with, which tells of the end.
    polled: Descriptor,
    /// The one to read.
    read: Descriptor,
}

/// Reads one pipe after another into the queue.
struct PipeReader<'q> {
    queue: &'q Queue,
    deframer: Deframer,
    buffer: Vec<u8>,
    lines: LineBuffer,
}

/// Reads standard input until its end or until the receiver is stopped.
pub(super) async fn read_stdin(head: &[u8], context: &ReceiveContext) {
    let queue = &context.queue;
    let Some(stdin) = context
        .open(&STDIN, || StandardInput::open(io::stdin()))
        .await
    else {
        return;
    };
    let mut reader = PipeReader::new(context);
    let what = STDIN.to_owned();
    queue.report(StreamEvent::Opened { what, buffer: None });
    queue.set_open(1);
    reader.push(head);
    let mut is_failure_reported = false;
    while !queue.is_stopped() {
        if !queue.wait_to_read(&stdin.polled).await {
            continue;
        }
        match reader.read(&stdin.read, READ_BYTES) {
            Ok(PipeRead::Bytes(_) | PipeRead::Nothing) => {}
            Ok(PipeRead::End) => break,
            Err(error) => {
                if !std::mem::replace(&mut is_failure_reported, true) {
                    let (what, error) = (STDIN.to_owned(), error.to_string());
                    queue.report(StreamEvent::Unavailable {
                        what,
                        error,
                        is_missing: false,
                    });
                }
                queue.wait(Vec::new(), Some(RETRY_INTERVAL)).await;
            }
        }
    }
    if queue.is_stopped() {
        reader.read_rest(&stdin.polled, &stdin.read).await;
    }
    reader.finish();
    queue.set_open(0);
    if !queue.is_stopped() {
        queue.report(StreamEvent::Ended);
    }
}

/// Reads a FIFO, across its writers and its replacements, until the receiver is stopped.
pub(super) async fn read_fifo(path: &Path, context: &ReceiveContext) {
    let queue = &context.queue;
    let stream = Stream::Fifo(path.to_owned());
    let mut reader = PipeReader::new(context);
    while !queue.is_stopped() {
        let Some(mut fifo) = context.open(&stream, || open_fifo(path)).await else {
            return;
        };
        let (what, buffer) = (stream.to_string(), None);
        queue.report(StreamEvent::Opened { what, buffer });
        queue.set_open(1);
        // Ends when the path leads to another file and this FIFO was read to its end.
        while !queue.is_stopped() {
            if !queue.has_room() {
                queue.wait(Vec::new(), None).await;
                continue;
            }
            let fds = vec![Arc::clone(&fifo)];
            queue.wait(fds, Some(RETRY_INTERVAL)).await;
            match reader.read(&fifo, READ_BYTES) {
                Ok(PipeRead::Bytes(_)) => {}
                // A writer may still hold this FIFO open until another one replaces it.
                Ok(PipeRead::Nothing) if leads_to(path, &fifo) != Some(false) => {}
                Ok(PipeRead::End) if leads_to(path, &fifo) == Some(true) => {
                    // The last writer has closed the FIFO, which ends its last line. The FIFO is
                    // opened again before it is closed, so that it always has a reader.
                    reader.finish();
                    match open_fifo(path) {
                        Ok(next) => fifo = next,
                        Err(_) => break,
                    }
                }
                Ok(PipeRead::Nothing | PipeRead::End) => break,
                Err(_) => {
                    queue.wait(Vec::new(), Some(RETRY_INTERVAL)).await;
                    break;
                }
            }
        }
        if queue.is_stopped() {
            reader.read_rest(&fifo, &fifo).await;
        }
        reader.finish();
        queue.set_open(0);
    }
}

/// Opens a FIFO without waiting for a writer; a file of another type is an error.
fn open_fifo(path: &Path) -> io::Result<Descriptor> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    match file_type(&file)? {
        FileType::Fifo => Ok(Arc::new(file)),
        FileType::RegularFile => Err(io::Error::other(
            "it is a regular file; follow it with `paths`, not with `fifo`",
        )),
        _ => Err(io::Error::other(
            "it is not a FIFO; create one with mkfifo(1)",
        )),
    }
}

/// Returns whether the path still leads to this file, or `None` if it leads nowhere.
fn leads_to(path: &Path, file: &OwnedFd) -> Option<bool> {
    let found = rustix::fs::stat(path).ok()?;
    let open = rustix::fs::fstat(file).ok()?;
    Some((found.st_dev, found.st_ino) == (open.st_dev, open.st_ino))
}

fn file_type(file: &OwnedFd) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode))
}

impl StandardInput {
    /// Prepares to read standard input. Other processes may share it, so it stays blocking. A pipe is opened a second time,
    /// so that reading it does not wait if such a process has read what it held.
    fn open(stdin: impl AsFd) -> io::Result<Self> {
        let polled = Arc::new(stdin.as_fd().try_clone_to_owned()?);
        let again = match file_type(&polled)? {
            FileType::Fifo => open_fifo(format!("/proc/self/fd/{}", polled.as_raw_fd()).as_ref()),
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(Self {
            read: again.unwrap_or_else(|_| Arc::clone(&polled)),
            polled,
        })
    }
}

impl<'q> PipeReader<'q> {
    fn new(context: &'q ReceiveContext) -> Self {
        Self {
            queue: &context.queue,
            deframer: Deframer::lines(context.line_bytes),
            buffer: vec![0; READ_BYTES],
            lines: LineBuffer::default(),
        }
    }

    /// Reads once, at most `most` bytes.
    fn read(&mut self, from: &OwnedFd, most: usize) -> io::Result<PipeRead> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let most = most.min(buffer.len());
        let outcome = match rustix::io::read(from, &mut buffer[..most]) {
            Ok(0) => Ok(PipeRead::End),
            Ok(length) => {
                self.push(&buffer[..length]);
                Ok(PipeRead::Bytes(length))
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(PipeRead::Nothing),
            Err(error) => Err(error.into()),
        };
        self.buffer = buffer;
        outcome
    }

    /// Reads what has arrived already, at most [`REST_BYTES`], so that a writer without an end cannot
    /// delay the stop.
    async fn read_rest(&mut self, polled: &Descriptor, from: &OwnedFd) {
        let mut left = REST_BYTES;
        while left > 0 && self.queue.wait_for_room().await {
            let fds = vec![Arc::clone(polled)];
            let ready = self.queue.wait(fds, Some(Duration::ZERO)).await;
            if !ready.contains(&true) {
                return;
            }
            let Ok(PipeRead::Bytes(read)) = self.read(from, left) else {
                return;
            };
            left -= read;
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        // Plain lines have no frames that could be broken.
        let _ = self.deframer.push(bytes, &mut self.lines);
        self.hand_over();
    }

    /// Ends the text: an unfinished line is handed over, too.
    fn finish(&mut self) {
        self.deframer.finish(&mut self.lines);
        self.hand_over();
    }

    fn hand_over(&mut self) {
        self.queue.put(&self.lines, None);
        self.lines.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{SystemClock, Waker};
    use crate::source::stream::poller::Poller;

    #[test]
    fn a_pipe_that_another_process_has_emptied_is_not_waited_for() {
        let poller = Arc::new(Poller::new().unwrap());
        let context = ReceiveContext {
            queue: Arc::new(Queue::new(1_000, Waker::default(), Arc::clone(&poller))),
            line_bytes: 100,
            clock: Arc::new(SystemClock::new()),
            udp: Arc::default(),
        };
        let (stdin, writer) = rustix::pipe::pipe().unwrap();
        let shared = StandardInput::open(&stdin).unwrap();
        let mut reader = PipeReader::new(&context);
        rustix::io::write(&writer, b"a\nb\n").unwrap();
        let is_readable = |polled: &OwnedFd| {
            let ready = poller.wait(&[polled.as_fd()], Some(Duration::ZERO));
            ready.unwrap().contains(&true)
        };
        assert!(is_readable(&shared.polled));
        rustix::io::read(&stdin, &mut [0; 2]).unwrap();
        assert_eq!(reader.read(&shared.read, 10).unwrap(), PipeRead::Bytes(2));
        assert_eq!(reader.read(&shared.read, 10).unwrap(), PipeRead::Nothing);
        assert!(!is_readable(&shared.polled));
        drop(writer);
        assert!(is_readable(&shared.polled));
        assert_eq!(reader.read(&shared.read, 10).unwrap(), PipeRead::End);
    }
}
