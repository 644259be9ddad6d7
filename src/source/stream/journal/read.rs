//! Reads an exported journal as a text of lines.
//!
//! Invariant: memory is bounded by the longest line and one read; a message that is longer comes
//! out as a line of one byte more, which its reader counts as over-long.

use std::io::{Read, Result};

use super::Export;
use crate::source::READ_BYTES;

/// Gives the messages of a journal in the export format, each ended by a newline. Those of the
/// service manager are left out.
pub struct Messages<R> {
    reader: R,
    export: Export,
    line_bytes: usize,
    buffer: Vec<u8>,
    /// Lines, and how much of them was given.
    lines: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Messages<R> {
    /// `line_bytes` is the longest message kept whole.
    pub fn new(reader: R, line_bytes: usize) -> Self {
        Self {
            reader,
            export: Export::new(line_bytes),
            line_bytes,
            buffer: vec![0; READ_BYTES],
            lines: Vec::new(),
            given: 0,
            ended: false,
        }
    }

    /// Reads until there is a line or the text ends.
    fn fill(&mut self) -> Result<()> {
        while self.given == self.lines.len() && !self.ended {
            self.lines.clear();
            self.given = 0;
            let length = self.reader.read(&mut self.buffer)?;
            let (lines, too_long) = (&mut self.lines, self.line_bytes + 1);
            let mut sink = |entry: super::Entry<'_>| {
                if !entry.is_managers {
                    match entry.message {
                        Some(message) => lines.extend_from_slice(message.trim_ascii_end()),
                        None => lines.resize(lines.len() + too_long, b'x'),
                    }
                    lines.push(b'\n');
                }
            };
            if length == 0 {
                self.ended = true;
                self.export.finish(&mut sink);
            } else {
                self.export.push(&self.buffer[..length], &mut sink);
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Messages<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.fill()?;
        let rest = &self.lines[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_as_lines_and_those_of_the_manager_do_not() {
        let text = "__CURSOR=a\nMESSAGE=one\n\n__CURSOR=b\n_PID=1\nMESSAGE=Started.\n\n\
            __CURSOR=c\nMESSAGE=overlong\n\n__CURSOR=d\nMESSAGE=two\n";
        let mut lines = String::new();
        Messages::new(text.as_bytes(), 5)
            .read_to_string(&mut lines)
            .unwrap();
        assert_eq!(lines, "one\nxxxxxx\ntwo\n");
    }
}
