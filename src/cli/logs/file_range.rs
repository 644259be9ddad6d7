//! Reads the lines of a file that begin in a range of its bytes.
//!
//! Invariant: ranges that follow each other return each byte of the file once, and each of them whole lines.

use std::fs::File;
use std::io::{Read, Result};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use indicatif::ProgressBar;
use memchr::memchr;

/// Reads a range of a file; reading advances the progress bar.
pub(super) struct FileRange {
    file: Arc<File>,
    /// Offset of the next byte to read.
    at: u64,
    /// End of the range; without one, the file is read to its end.
    end: Option<u64>,
    state: State,
    progress: ProgressBar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first line that begins in the range is searched.
    Before,
    Inside,
    Ended,
}

impl FileRange {
    /// Reads the lines that begin at `start` or later, and before `end`.
    pub(super) fn new(
        file: Arc<File>,
        start: u64,
        end: Option<u64>,
        progress: &ProgressBar,
    ) -> Self {
        Self {
            file,
            // A line begins at `start` if a newline is before it.
            at: start.saturating_sub(1),
            end,
            state: if start == 0 {
                State::Inside
            } else {
                State::Before
            },
            progress: progress.clone(),
        }
    }

    /// Finds the first line; the buffer is overwritten.
    fn find_start(&mut self, buffer: &mut [u8]) -> Result<()> {
        while self.state == State::Before {
            let got = self.file.read_at(buffer, self.at)?;
            let newline = memchr(b'\n', &buffer[..got]);
            self.at += newline.map_or(got, |newline| newline + 1) as u64;
            if got == 0 || self.end.is_some_and(|end| self.at >= end) {
                self.state = State::Ended;
            } else if newline.is_some() {
                self.state = State::Inside;
            }
        }
        Ok(())
    }

    /// Returns how many of these bytes, which begin at `self.at`, belong to the range.
    fn cut(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = self.end else {
            return bytes.len();
        };
        // The last line ends at the first newline behind which a line would not begin before `end`.
        let before = end.saturating_sub(1).saturating_sub(self.at);
        let from = usize::try_from(before).unwrap_or(usize::MAX);
        let newline = bytes.get(from..).and_then(|rest| memchr(b'\n', rest));
        if newline.is_some() {
            self.state = State::Ended;
        }
        newline.map_or(bytes.len(), |newline| from + newline + 1)
    }
}

impl Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.find_start(buffer)?;
        if self.state == State::Ended {
            return Ok(0);
        }
        let got = self.file.read_at(buffer, self.at)?;
        let taken = self.cut(&buffer[..got]);
        self.at += taken as u64;
        self.progress.inc(taken as u64);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn ranges(text: &[u8], length: u64) -> Vec<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let (file, size) = (Arc::new(file), text.len() as u64);
        let count = size / length + 1;
        let read = |number| {
            let end = (number + 1 < count).then_some((number + 1) * length);
            let progress = ProgressBar::hidden();
            let mut range = FileRange::new(Arc::clone(&file), number * length, end, &progress);
            let mut text = Vec::new();
            // A small buffer, so that a range takes several reads.
            let mut buffer = [0; 7];
            loop {
                match range.read(&mut buffer).unwrap() {
                    0 => return text,
                    got => text.extend_from_slice(&buffer[..got]),
                }
            }
        };
        (0..count).map(read).collect()
    }

    proptest! {
        #[test]
        fn ranges_of_any_length_hold_whole_lines_and_the_whole_text(
            text in "[a\n]{0,60}|[a-d\n]{0,60}|a{0,60}\n?", length in 1_u64..70,
        ) {
            let parts = ranges(text.as_bytes(), length);
            prop_assert_eq!(parts.concat(), text.as_bytes());
            let (last, others) = parts.split_last().unwrap();
            prop_assert!(others.iter().all(|part| part.is_empty() || part.ends_with(b"\n") || last.is_empty()));
        }
    }
}
