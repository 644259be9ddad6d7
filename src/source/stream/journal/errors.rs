//! Passes on what the program that reads the journal writes to its standard error.
//!
//! Invariant: memory and the number of events are bounded, whatever the program writes, and the program never waits for
//! room in the pipe while its output is read.

use std::sync::Arc;

use rustix::io::Errno;

use crate::source::stream::event::StreamEvent;
use crate::source::stream::queue::Queue;
use crate::source::stream::wait::Descriptor;

/// Longest line that is passed on, in bytes.
const LINE_BYTES: usize = 256;

/// Lines of one run that are passed on.
const MAX_LINES: usize = 4;

/// The standard error of one run.
pub(super) struct ErrorOutput {
    /// `None` once it has ended.
    pipe: Option<Descriptor>,
    /// Beginning of the present line.
    line: Vec<u8>,
    reported: usize,
}

impl ErrorOutput {
    /// Reads the standard error from this pipe.
    pub(super) fn new(pipe: Option<Descriptor>) -> Self {
        Self {
            pipe,
            line: Vec::new(),
            reported: 0,
        }
    }

    /// Returns the descriptor to wait for; `None` after the end.
    pub(super) fn fd(&self) -> Option<Descriptor> {
        self.pipe.as_ref().map(Arc::clone)
    }

    /// Reads once, and reports the lines that end.
    pub(super) fn read(&mut self, queue: &Queue) {
        let Some(pipe) = &self.pipe else {
            return;
        };
        let mut buffer = [0; 4096];
        match rustix::io::read(pipe, &mut buffer) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) | Err(_) => {
                self.pipe = None;
                self.end_line(queue);
            }
            Ok(length) => {
                for piece in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
                    let room = LINE_BYTES - self.line.len();
                    let text = piece.trim_ascii_end();
                    self.line.extend_from_slice(&text[..text.len().min(room)]);
                    if piece.ends_with(b"\n") {
                        self.end_line(queue);
                    }
                }
            }
        }
    }

    fn end_line(&mut self, queue: &Queue) {
        if !self.line.is_empty() && self.reported < MAX_LINES {
            self.reported += 1;
            queue.report(StreamEvent::ReaderSaid {
                text: String::from_utf8_lossy(&self.line).into_owned(),
                goes_on: self.reported < MAX_LINES,
            });
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Waker;
    use crate::source::stream::poller::Poller;
    use crate::source::stream::queue::Held;

    /// Returns the events of a standard error that holds this text.
    fn events(text: &[u8]) -> Vec<String> {
        let poller = Arc::new(Poller::new().unwrap());
        let queue = Queue::new(1, Waker::default(), poller);
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut errors = ErrorOutput::new(Some(Arc::new(read)));
        for part in text.chunks(4_000) {
            rustix::io::write(&write, part).unwrap();
            errors.read(&queue);
        }
        drop(write);
        errors.read(&queue);
        assert!(errors.fd().is_none());
        let mut held = Held::default();
        queue.take(&mut held);
        held.events.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_of_the_standard_error_are_reported() {
        let text = b"No journal files were found.\n\nFailed to \x1b[31mseek";
        assert_eq!(
            events(text),
            [
                "journalctl: No journal files were found.",
                "journalctl: Failed to \\u{1b}[31mseek"
            ]
        );
    }

    #[test]
    fn a_flood_on_the_standard_error_is_cut_off() {
        let found = events(&[&b"x".repeat(100_000)[..], &b"\ny".repeat(10_000)].concat());
        assert_eq!(found.len(), MAX_LINES);
        assert!(found[0].len() < LINE_BYTES + 20);
        assert!(found[3].contains("dropped"), "{found:?}");
    }
}
