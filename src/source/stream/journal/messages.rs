//! Converts an exported journal to lines.
//!
//! Invariant: memory is bounded by the longest line and one read; a longer message becomes a line of
//! one byte over the limit, which its reader counts as over-long.

use std::io::{BufRead as _, Cursor, Read, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::export::{ExportParser, JournalEntry, Origin};
use crate::source::frame::READ_BYTES;

/// Reads the messages of a journal in the export format, each ended by a newline, without those of
/// system services about the unit.
pub struct JournalMessages<R> {
    reader: R,
    parser: ExportParser,
    line_bytes: usize,
    buffer: Vec<u8>,
    lines: Cursor<Vec<u8>>,
    suppressed: Arc<AtomicU64>,
    ended: bool,
}

impl<R: Read> JournalMessages<R> {
    /// Wraps a reader; `line_bytes` is the longest message kept whole.
    pub fn new(reader: R, line_bytes: usize) -> Self {
        Self {
            reader,
            parser: ExportParser::new(line_bytes),
            line_bytes,
            buffer: vec![0; READ_BYTES],
            lines: Cursor::default(),
            suppressed: Arc::default(),
            ended: false,
        }
    }

    /// Returns the number of messages that journald reports to have dropped, which grows as the journal is read.
    pub fn suppressed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.suppressed)
    }

    /// Reads until a line is available or the text ends.
    fn fill(&mut self) -> Result<()> {
        while self.lines.fill_buf()?.is_empty() && !self.ended {
            let length = self.reader.read(&mut self.buffer)?;
            self.lines.set_position(0);
            let (lines, too_long) = (self.lines.get_mut(), self.line_bytes + 1);
            lines.clear();
            let mut sink = |entry: JournalEntry<'_>| match (entry.origin, entry.message) {
                (Origin::System, _) => {}
                (Origin::Suppressed(count), _) => {
                    self.suppressed.fetch_add(count.into(), Ordering::Relaxed);
                }
                (Origin::Unit, Some(message)) => {
                    lines.extend_from_slice(message.trim_ascii_end());
                    lines.push(b'\n');
                }
                (Origin::Unit, None) => {
                    lines.resize(lines.len() + too_long, b'x');
                    lines.push(b'\n');
                }
            };
            if length == 0 {
                self.ended = true;
                self.parser.finish(&mut sink);
            } else {
                self.parser.push(&self.buffer[..length], &mut sink);
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for JournalMessages<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.fill()?;
        self.lines.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_lines_except_those_of_the_manager() {
        let text = "__CURSOR=a\nMESSAGE=one\n\n__CURSOR=b\n_PID=1\nMESSAGE=Started.\n\n\
            __CURSOR=s\n_UID=0\n_TRANSPORT=driver\nMESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nN_DROPPED=7\nMESSAGE=x\n\n\
            __CURSOR=c\nMESSAGE=overlong\n\n__CURSOR=d\nMESSAGE=two\n";
        let mut lines = String::new();
        let mut messages = JournalMessages::new(text.as_bytes(), 5);
        messages.read_to_string(&mut lines).unwrap();
        assert_eq!(lines, "one\nxxxxxx\ntwo\n");
        assert_eq!(messages.suppressed().load(Ordering::Relaxed), 7);
    }
}
