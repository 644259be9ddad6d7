//! Reads one followed file and tracks the position in it.
//!
//! Invariant: unless an over-long line is being skipped, everything before the offset was handed over and nothing after
//! it. Of the file's bytes only both ends of the consumed part are kept.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use memchr::memrchr;

use crate::model::{Batch, GenerationId, Position};
use crate::source::file::consumed::{Consumed, TAIL_BYTES, read_upto};
use crate::source::file::finder::Finder;
use crate::source::file::fingerprint::Fingerprinter;
use crate::source::file::fs::{FileId, Fs, Handle};
use crate::source::file::history::FinishedFile;
use crate::source::file::mtime::Mtime;
use crate::source::file::read_fault::ReadFault;
#[cfg(test)]
use crate::source::file::tests::planted::{Fault, is_planted};
use crate::source::frame::{Cut, Framer};

/// A file that is open and followed.
#[derive(Debug)]
pub(crate) struct Generation<F> {
    pub(super) id: GenerationId,
    pub(crate) file_id: FileId,
    /// The followed path that leads to the file, or the last one that did.
    pub(crate) path: PathBuf,
    /// The path that the file had before it was rotated.
    pub(crate) base: PathBuf,
    /// The file's directory, if the path was a symbolic link when the file was opened.
    pub(super) home: Option<PathBuf>,
    pub(super) link: Link,
    /// True if the last read left bytes that can be read at once.
    pub(super) has_more: bool,
    /// Size when last checked.
    size: u64,
    /// Start of the first line that was not handed over.
    pub(crate) offset: u64,
    /// Part before `offset`, or before a later place inside an over-long line.
    pub(crate) consumed: Consumed,
    /// End of the last read, a partial line included.
    seen: u64,
    /// Zero bytes at `offset` are the hole that a truncation left before a writer that does not append, and not a line.
    at_hole: bool,
    pub(super) file: F,
    framer: Framer,
    mtime: Mtime,
    pub(super) fault: ReadFault,
}

/// An open file that is about to be followed.
pub(crate) struct Opening<F> {
    pub(super) id: GenerationId,
    pub(super) path: PathBuf,
    /// The followed path that the text belongs to.
    pub(super) base: PathBuf,
    pub(super) handle: Handle<F>,
    pub(super) line_bytes: usize,
}

/// Connection of an open file to the followed paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Attached,
    /// Without a connection since scan number `scan`. Neither that scan nor growth came after `quiet_since`.
    Detached {
        quiet_since: Duration,
        scan: u64,
    },
}

/// Result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadStep {
    /// The file did not change.
    Quiet,
    /// The file grew and was read; `more` if bytes are left that can be read at once.
    Grew { more: bool },
    /// Truncation removed this many bytes that were not handed over. Reading continues.
    Cut { unread: u64 },
    /// The bytes before the offset changed, and the owner decides where to continue. `unread` bytes after the offset may be
    /// lost.
    Replaced { unread: u64 },
    /// The last line was handed over; the file can be closed.
    Ended,
}

/// Returns a buffer for [`Generation::read`]: it holds any line that is not over-long.
pub(super) fn buffer(read_bytes: usize, line_bytes: usize) -> Vec<u8> {
    let twice_a_line = Framer::longest_partial(line_bytes).saturating_mul(2);
    vec![0; TAIL_BYTES.saturating_add(read_bytes.max(twice_a_line))]
}

impl<F> Generation<F> {
    /// Follows an open file from its start.
    pub(crate) fn new(opening: Opening<F>) -> Self {
        let handle = opening.handle;
        Self {
            id: opening.id,
            file_id: handle.meta.id,
            path: opening.path,
            base: opening.base,
            home: None,
            link: Link::Attached,
            has_more: true,
            size: handle.meta.size,
            offset: 0,
            consumed: Consumed::default(),
            seen: 0,
            at_hole: true,
            file: handle.file,
            framer: Framer::new(opening.line_bytes),
            mtime: Mtime::default(),
            fault: ReadFault::default(),
        }
    }

    /// Follows a copy of the consumed part of `original`, from the same offset.
    pub(crate) fn copied(opening: Opening<F>, original: &Self) -> Self {
        Self {
            framer: original.framer.clone(),
            offset: original.offset,
            seen: original.consumed.end,
            consumed: original.consumed.clone(),
            at_hole: original.at_hole,
            ..Self::new(opening)
        }
    }

    /// Marks the file as one without a followed path, as of this scan at `now`.
    #[must_use]
    pub(crate) fn detached(mut self, now: Duration, scan: u64) -> Self {
        self.detach(now, scan);
        self
    }

    pub(super) fn detach(&mut self, now: Duration, scan: u64) {
        self.link = Link::Detached {
            quiet_since: now,
            scan,
        };
    }

    /// Starts the quiet time again.
    pub(super) fn touch(&mut self, now: Duration) {
        if let Link::Detached { quiet_since, .. } = &mut self.link {
            *quiet_since = now;
        }
    }

    /// Returns the number of known bytes that were not handed over.
    pub(super) fn unread(&self) -> u64 {
        self.size.saturating_sub(self.offset)
    }

    /// Moves to the start of the line that contains `place`, or to `place` if that line is over-long already.
    pub(crate) fn seek_line<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        place: u64,
        line_bytes: usize,
    ) -> io::Result<()> {
        let window = Framer::longest_partial(line_bytes) + 1;
        let from = place.saturating_sub(window as u64);
        let before = read_upto(fs, &self.file, from..place)?;
        let newline = memrchr(b'\n', &before);
        let start = match newline {
            Some(newline) => newline + 1,
            None if from == 0 => 0,
            None => before.len(),
        };
        self.go_to(fs, from + start as u64)?;
        if newline.is_none() && from > 0 {
            self.framer = Framer::inside_overlong(line_bytes);
        }
        Ok(())
    }

    /// Moves to `place`, the start of a line or the end of a truncated file.
    pub(crate) fn go_to<S: Fs<File = F>>(&mut self, fs: &S, place: u64) -> io::Result<()> {
        self.begin_at(Consumed::read(fs, &self.file, place)?);
        Ok(())
    }

    /// Moves to the beginning.
    pub(crate) fn restart(&mut self) {
        self.begin_at(Consumed::default());
    }

    fn begin_at(&mut self, consumed: Consumed) {
        self.framer.reset();
        self.offset = consumed.end;
        self.seen = consumed.end;
        self.at_hole = consumed.end == 0;
        self.consumed = consumed;
    }

    /// Moves to the end if the file was truncated to a part of the consumed bytes; returns whether it was.
    pub(crate) fn go_to_cut<S: Fs<File = F>>(&mut self, fs: &S) -> bool {
        let cut = self.consumed.was_cut(fs, &self.file, self.size);
        cut.unwrap_or(false) && self.go_to(fs, self.size).is_ok()
    }

    /// Applies another limit, also to a line of which a part was read.
    pub(super) fn set_line_bytes(&mut self, line_bytes: usize) {
        self.framer.set_limit(line_bytes);
        // That part may exceed a smaller buffer: it is read again and cut by the limit.
        self.seen = self.consumed.end;
    }

    /// Reads at most one buffer and hands over the lines that are complete. `now` is a monotonic time.
    pub(super) fn read<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        now: Duration,
        buffer: &mut [u8],
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> io::Result<ReadStep> {
        let size_before = self.size;
        let meta = fs.fstat(&self.file)?;
        self.size = meta.size;
        let is_unchanged = self.mtime.is_unchanged(meta.modified, now);
        let has_shrunk = self.size < size_before;
        let unread = size_before.saturating_sub(self.offset);
        let consumed = self.consumed.end;
        if self.size < consumed {
            return Ok(ReadStep::Replaced { unread });
        }
        let is_as_long = self.size == self.seen && !has_shrunk;
        if is_as_long && is_unchanged {
            return Ok(ReadStep::Quiet);
        }
        let tail = self.consumed.tail.len();
        let from = consumed - tail as u64;
        let got = fs.read_at(&self.file, buffer, from)?;
        let is_same = got >= tail && buffer[..tail] == *self.consumed.tail;
        #[cfg(test)]
        let is_same = is_same || got >= tail && is_planted(Fault::NoTail);
        if !is_same {
            return Ok(ReadStep::Replaced { unread });
        }
        if is_as_long && self.seen == consumed {
            return Ok(ReadStep::Quiet);
        }
        if has_shrunk {
            self.seen = consumed;
            // A writer that does not append goes on at its own offset.
            self.at_hole = true;
            return Ok(ReadStep::Cut {
                unread: size_before - self.size,
            });
        }
        self.seen = from + got as u64;
        self.size = self.size.max(self.seen);
        let start = tail + self.skip_hole(&buffer[tail..got]);
        let cut = self.framer.cut(&buffer[start..got]);
        if is_as_long && cut.is_empty() {
            return Ok(ReadStep::Quiet);
        }
        // Also if the file is as long as it was: a line can be completed within space allocated earlier.
        self.hand_over(&buffer[..got], start, &cut, sink);
        let more = got > tail && self.seen < self.size;
        Ok(ReadStep::Grew { more })
    }

    /// Hands over the last line, which lacks its newline, of a file that does not grow any more. Returns
    /// [`ReadStep::Quiet`], and hands over nothing, if it grew after all.
    pub(super) fn finish<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        buffer: &mut [u8],
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> io::Result<ReadStep> {
        let got = fs.read_at(&self.file, buffer, self.consumed.end)?;
        if self.consumed.end + got as u64 != self.seen {
            return Ok(ReadStep::Quiet);
        }
        let cut = self.framer.finish(&buffer[..got]);
        self.hand_over(&buffer[..got], 0, &cut, sink);
        Ok(ReadStep::Ended)
    }

    /// Skips the zero bytes that a hole was read as; returns their number.
    fn skip_hole(&mut self, data: &[u8]) -> usize {
        #[cfg(test)]
        if is_planted(Fault::Hole) {
            return 0;
        }
        if !self.at_hole {
            return 0;
        }
        let hole = data.iter().take_while(|byte| **byte == 0).count();
        self.at_hole = hole == data.len();
        self.consumed.skip(&data[..hole]);
        self.offset = self.consumed.end;
        hole
    }

    /// Hands over the lines cut from `read[start..]`, which follows the consumed part.
    fn hand_over(
        &mut self,
        read: &[u8],
        start: usize,
        cut: &Cut,
        sink: &mut dyn FnMut(&Batch<'_>),
    ) {
        let base = self.consumed.end;
        self.consumed.advance(&read[..start + cut.consumed], start);
        if cut.is_empty() {
            return;
        }
        self.offset = base + cut.lines.end as u64;
        let lines = &read[start + cut.lines.start..start + cut.lines.end];
        let position = Position {
            generation: self.id,
            offset: self.offset,
        };
        sink(&Batch::new(lines, cut.overlong, position));
    }

    /// Returns whether the file does not grow any more. That takes a second scan after the one that missed it, so that a
    /// file in the middle of a rename does not count as gone, and another file at the path of a rotated one: a server
    /// that finds none there goes on writing to the rotated file.
    pub(super) fn is_over(&self, finder: &Finder, rotate_wait: Duration, now: Duration) -> bool {
        let Link::Detached { quiet_since, scan } = self.link else {
            return false;
        };
        #[cfg(test)]
        if is_planted(Fault::NoDrain) {
            return true;
        }
        finder.scans() > scan
            && now.saturating_sub(quiet_since) >= rotate_wait
            && finder.is_succeeded(&self.base)
    }

    /// Returns the record of the file.
    pub(crate) fn finished<S: Fs<File = F>>(
        &self,
        fs: &S,
        fingerprinter: &Fingerprinter,
    ) -> FinishedFile {
        FinishedFile {
            base: self.base.clone(),
            path: self.path.clone(),
            ends: self.consumed.ends(fingerprinter),
            consumed: self.consumed.end,
            holder: fs.fstat(&self.file).ok(),
            is_whole: false,
        }
    }

    /// Replaces the file but not the offset.
    #[cfg(test)]
    pub(super) fn reopen(&mut self, handle: Handle<F>) {
        self.file = handle.file;
        self.file_id = handle.meta.id;
    }
}
