//! Reads standard input and FIFOs.
//!
//! Invariant: nothing is read for which there is no room, so that a writer waits rather than a
//! line gets lost.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::deframe::{Deframer, Lines};
use super::event::StreamEvent;
use super::queue::Queue;
use super::{RETRY, Ties};
use crate::source::READ_BYTES;

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Bytes,
    Nothing,
    End,
}

/// A reader of one stream of lines.
struct Reader {
    deframer: Deframer,
    buffer: Vec<u8>,
    lines: Lines,
}

/// Reads standard input to its end, or until it is told to stop.
pub(super) fn read_stdin(head: &[u8], ties: &Ties) {
    let queue = &ties.queue;
    let stdin = io::stdin();
    let mut reader = Reader::new(ties.line_bytes);
    let what = "standard input".to_owned();
    queue.tell(StreamEvent::Opened { what, buffer: None });
    queue.set_open(1);
    reader.take_in(head, queue);
    let mut is_failure_told = false;
    while !queue.is_stopped() {
        if !queue.has_room() {
            queue.wait(&[], None);
            continue;
        }
        // It may be shared, so it stays a blocking one: it is read only when that can't wait.
        if !queue.wait(&[stdin.as_fd()], None).contains(&true) {
            continue;
        }
        match reader.read(stdin.as_fd(), queue) {
            Ok(Outcome::Bytes | Outcome::Nothing) => {}
            Ok(Outcome::End) => break,
            Err(error) => {
                if !std::mem::replace(&mut is_failure_told, true) {
                    let (what, error) = ("standard input".to_owned(), error.to_string());
                    queue.tell(StreamEvent::Unavailable { what, error });
                }
                queue.wait(&[], Some(RETRY));
            }
        }
    }
    if queue.is_stopped() {
        reader.read_rest(stdin.as_fd(), queue);
    }
    reader.finish(queue);
    queue.set_open(0);
    if !queue.is_stopped() {
        queue.tell(StreamEvent::Ended);
    }
}

/// Reads a FIFO, whoever comes and goes, until it is told to stop.
pub(super) fn read_fifo(path: &Path, ties: &Ties) {
    let queue = &ties.queue;
    let what = super::Stream::Fifo(path.to_owned());
    let mut reader = Reader::new(ties.line_bytes);
    while !queue.is_stopped() {
        let Some(mut fifo) = ties.open(&what, || open_fifo(path)) else {
            return;
        };
        let (what, buffer) = (what.to_string(), None);
        queue.tell(StreamEvent::Opened { what, buffer });
        queue.set_open(1);
        // Until the path leads elsewhere; what the FIFO still holds then is read before.
        while !queue.is_stopped() {
            if !queue.has_room() {
                queue.wait(&[], None);
                continue;
            }
            queue.wait(&[fifo.as_fd()], Some(RETRY));
            match reader.read(fifo.as_fd(), queue) {
                Ok(Outcome::Bytes) => {}
                // As long as there is no other one, a writer of this one is still heard.
                Ok(Outcome::Nothing) if leads_to(path, &fifo) != Some(false) => {}
                Ok(Outcome::End) if leads_to(path, &fifo) == Some(true) => {
                    // The last writer is gone, and with it the end of its last line. There is a
                    // reader at every moment: the next one is open before this one is closed.
                    reader.finish(queue);
                    match open_fifo(path) {
                        Ok(next) => fifo = next,
                        Err(_) => break,
                    }
                }
                Ok(Outcome::Nothing | Outcome::End) => break,
                Err(_) => {
                    queue.wait(&[], Some(RETRY));
                    break;
                }
            }
        }
        if queue.is_stopped() {
            reader.read_rest(fifo.as_fd(), queue);
        }
        reader.finish(queue);
        queue.set_open(0);
    }
}

/// Opens a FIFO without waiting for a writer; what else stands there is an error.
fn open_fifo(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    match kind {
        FileType::Fifo => Ok(file),
        FileType::RegularFile => Err(io::Error::other(
            "it is a regular file, which is followed by `paths`, not by `fifo`",
        )),
        _ => Err(io::Error::other("it is no FIFO; make one with mkfifo(1)")),
    }
}

/// Whether the path still leads to this file; `None` if it leads nowhere.
fn leads_to(path: &Path, file: &File) -> Option<bool> {
    let there = std::fs::metadata(path).ok()?;
    let open = file.metadata().ok()?;
    Some((there.dev(), there.ino()) == (open.dev(), open.ino()))
}

impl Reader {
    fn new(line_bytes: usize) -> Self {
        Self {
            deframer: Deframer::lines(line_bytes),
            buffer: vec![0; READ_BYTES],
            lines: Lines::default(),
        }
    }

    /// Reads once.
    fn read(&mut self, from: BorrowedFd<'_>, queue: &Queue) -> io::Result<Outcome> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = match rustix::io::read(from, &mut buffer[..]) {
            Ok(0) => Ok(Outcome::End),
            Ok(length) => {
                self.take_in(&buffer[..length], queue);
                Ok(Outcome::Bytes)
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(Outcome::Nothing),
            Err(error) => Err(error.into()),
        };
        self.buffer = buffer;
        outcome
    }

    /// Reads what is there already, as far as there is room.
    fn read_rest(&mut self, from: BorrowedFd<'_>, queue: &Queue) {
        while queue.has_room()
            && queue.wait(&[from], Some(Duration::ZERO)).contains(&true)
            && matches!(self.read(from, queue), Ok(Outcome::Bytes))
        {}
    }

    fn take_in(&mut self, bytes: &[u8], queue: &Queue) {
        // Plain lines have no frames that could be broken.
        let _ = self.deframer.push(bytes, &mut self.lines);
        self.hand_over(queue);
    }

    /// The text has ended: what lacks its newline is a line too.
    fn finish(&mut self, queue: &Queue) {
        self.deframer.finish(&mut self.lines);
        self.hand_over(queue);
    }

    fn hand_over(&mut self, queue: &Queue) {
        queue.put(&self.lines.bytes, self.lines.overlong, None);
        self.lines.clear();
    }
}
