//! Reads one followed file and tracks the position in it.
//!
//! Invariant: unless an over-long line is being skipped, everything before the offset was handed over and nothing after
//! it. Of the file's bytes only both ends of the consumed part are kept.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Batch, GenerationId, Position};
use crate::source::container::{Carried, Frame, Frames};
use crate::source::file::consumed::{Consumed, line_at};
use crate::source::file::doubt::Doubt;
use crate::source::file::fingerprint::{Fingerprinter, LEAST_BYTES};
use crate::source::file::fs::{FileId, Fs, Handle};
use crate::source::file::mtime::Mtime;
use crate::source::file::read_fault::ReadFault;
#[cfg(test)]
use crate::source::file::tests::planted::{Fault, is_planted};
use crate::source::frame::{Cut, Framer};

/// A file that is open and followed.
#[derive(Debug)]
pub(crate) struct Generation<F> {
    pub(crate) id: GenerationId,
    pub(crate) file_id: FileId,
    /// The followed path that leads to the file, or the last one that did.
    pub(crate) path: PathBuf,
    /// The path that the file had before it was rotated.
    pub(crate) base: PathBuf,
    /// The paths that led to the file when it was opened, if the path was a symbolic link.
    pub(crate) targets: Vec<PathBuf>,
    pub(super) link: Link,
    /// True if the last read left bytes that can be read at once.
    pub(crate) has_more: bool,
    /// End of what existed before the file was followed, an unfinished line included.
    pub(crate) history_end: u64,
    /// Time at which it was found changed.
    pub(super) changed: Duration,
    /// Number of the scan after which the file was read last, and found to hold the text that was read before.
    pub(crate) read_after: u64,
    /// Size when last checked.
    pub(super) size: u64,
    /// Start of the first line that was not handed over.
    pub(crate) offset: u64,
    /// Part before `offset`, or before a later place inside an over-long line.
    pub(crate) consumed: Consumed,
    /// End of the last read, a partial line included.
    pub(super) seen: u64,
    /// Zero bytes at `offset` are the hole that a truncation left before a writer that does not append, and not a line.
    pub(super) at_hole: bool,
    pub(crate) file: F,
    pub(super) framer: Framer,
    pub(super) frames: Frames,
    pub(super) mtime: Mtime,
    pub(super) fault: ReadFault,
    pub(super) fingerprinter: Fingerprinter,
    /// It is not read before this is decided.
    pub(crate) doubt: Option<Box<Doubt>>,
    /// The file that was reported as followed; false as long as a doubt keeps it from being read.
    pub(crate) is_announced: bool,
    /// Moment in which the consumed text was first seen, or that which is to be consumed if it is in no doubt; `u64::MAX`
    /// before that.
    pub(crate) begun: u64,
    /// Another file holds the bytes before this offset too: a line that they do not end is finished there.
    pub(crate) counted_elsewhere: Option<u64>,
    /// End of the consumed part when the file was last taken to be made durable.
    pub(super) taken_until: u64,
}

/// An open file that is about to be followed.
pub(crate) struct Opening<F> {
    pub(super) id: GenerationId,
    pub(super) path: PathBuf,
    /// The followed path that the text belongs to.
    pub(super) base: PathBuf,
    pub(super) handle: Handle<F>,
    pub(super) line_bytes: usize,
    pub(super) frame: Frame,
    pub(super) fingerprinter: Fingerprinter,
}

/// Connection of an open file to the followed paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Attached,
    /// Without a connection since scan number `scan`. Neither that scan nor growth came after `quiet_since`.
    Detached {
        quiet_since: Duration,
        scan: u64,
        /// It was rotated away from its path: a file that appears there is the next log, and not another form of this one.
        was_rotated: bool,
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
    /// Its text is to be examined before it is read.
    Doubtful,
    /// The last line was handed over; the file can be closed.
    Ended,
}

impl<F> Generation<F> {
    /// Follows an open file from its start.
    pub(crate) fn new(opening: Opening<F>) -> Self {
        let handle = opening.handle;
        let frames = Frames::new(opening.frame, opening.line_bytes);
        Self {
            id: opening.id,
            file_id: handle.meta.id,
            path: opening.path,
            base: opening.base,
            targets: Vec::new(),
            link: Link::Attached,
            has_more: true,
            history_end: 0,
            changed: Duration::ZERO,
            read_after: 0,
            size: handle.meta.size,
            offset: 0,
            consumed: Consumed::default(),
            seen: 0,
            at_hole: true,
            file: handle.file,
            framer: Framer::new(frames.limit()),
            frames,
            mtime: Mtime::default(),
            fault: ReadFault::default(),
            fingerprinter: opening.fingerprinter,
            doubt: None,
            is_announced: true,
            taken_until: 0,
            begun: u64::MAX,
            counted_elsewhere: None,
        }
    }

    /// Follows a copy of the consumed part of `original`, from the same offset.
    pub(crate) fn copied(opening: Opening<F>, original: &Self) -> Self {
        Self {
            framer: original.framer.clone(),
            frames: original.frames.clone(),
            offset: original.offset,
            seen: original.consumed.end,
            consumed: original.consumed.clone(),
            at_hole: original.at_hole,
            begun: original.begun,
            ..Self::new(opening)
        }
    }

    /// Marks the file as one without a followed path, as of this scan at `now`.
    #[must_use]
    pub(crate) fn detached(mut self, now: Duration, scan: u64) -> Self {
        self.detach(now, scan, false);
        self
    }

    /// Returns the number of known bytes that were not handed over.
    pub(crate) fn unread(&self) -> u64 {
        self.size.saturating_sub(self.offset)
    }

    /// Moves to the start of the line that contains `place`, or to `place` if that line is over-long already.
    pub(crate) fn seek_line<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        place: u64,
        line_bytes: usize,
    ) -> io::Result<()> {
        let longest = self.frames.limit().max(line_bytes);
        let line = line_at(fs, &self.file, place, longest)?;
        self.go_to(fs, line.start.unwrap_or(place))?;
        if line.start.is_none() {
            self.framer = Framer::inside_overlong(longest);
        }
        self.seek_first_part(fs)?;
        self.history_end = place;
        Ok(())
    }

    /// Moves to `place`, the start of a line or the end of a truncated file.
    pub(crate) fn go_to<S: Fs<File = F>>(&mut self, fs: &S, place: u64) -> io::Result<()> {
        self.begin_at(Consumed::read(fs, &self.file, place, &self.fingerprinter)?);
        Ok(())
    }

    /// Moves to the beginning.
    pub(crate) fn restart(&mut self) {
        self.begin_at(Consumed::default());
        self.begun = u64::MAX;
    }

    fn begin_at(&mut self, consumed: Consumed) {
        self.framer.reset();
        self.frames.reset();
        self.framer.set_limit(self.frames.limit());
        self.history_end = 0;
        self.offset = consumed.end;
        self.seen = consumed.end;
        self.at_hole = consumed.end == 0;
        self.consumed = consumed;
        self.doubt = None;
    }

    /// Returns the modification time when last checked, in nanoseconds since 1970.
    pub(super) fn modified(&self) -> u64 {
        self.mtime.modified()
    }

    /// Returns the modification time of a text that is too short to be recognized: if it changes, the text may be another.
    /// `None` before the first read.
    pub(super) fn short_text_modified(&self) -> Option<u64> {
        let is_short = self.consumed.end < LEAST_BYTES as u64 && self.modified() != 0;
        is_short.then(|| self.modified())
    }

    /// Returns whether the file may have been cut since it was read. A text too short to be identified is taken for cut if
    /// it changed.
    pub(super) fn was_cut<S: Fs<File = F>>(&self, fs: &S) -> bool {
        let consumed = &self.consumed;
        let is_as_it_was = || -> io::Result<bool> {
            let meta = fs.fstat(&self.file)?;
            if meta.size < consumed.end.max(self.size) {
                return Ok(false);
            }
            if let Some(modified) = self.short_text_modified() {
                return Ok(meta.modified == modified);
            }
            consumed.begins(fs, &self.file)
        };
        !is_as_it_was().unwrap_or(false)
    }

    /// Makes the next read compare the bytes before the offset, though the file did not change since it was last checked: it
    /// was not read while it was in doubt.
    pub(crate) fn compare_next(&mut self) {
        self.mtime.invalidate();
    }

    /// Reads at most one buffer and hands over the lines that are complete. `now` is a monotonic time.
    pub(super) fn read<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        now: Duration,
        buffer: &mut [u8],
        carried: Option<&Carried>,
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> io::Result<ReadStep> {
        let size_before = self.size;
        let meta = fs.fstat(&self.file)?;
        self.size = meta.size;
        let is_unchanged = self.mtime.is_unchanged(meta.modified, now);
        if let Some(step) = self.doubt_step(now) {
            return Ok(step);
        }
        let has_shrunk = self.size < size_before;
        let unread = size_before.saturating_sub(self.offset);
        let consumed = self.consumed.end;
        if self.size < consumed || self.consumed.seal().is_some() {
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
        let more = got > tail && self.seen < self.size;
        if !self.frames.are_plain() {
            self.judge_first_lines(fs)?;
            let has_line = self.read_framed(&buffer[..got], start, carried, false, sink);
            return Ok(if is_as_long && !has_line {
                ReadStep::Quiet
            } else {
                ReadStep::Grew { more }
            });
        }
        let cut = self.framer.cut(&buffer[start..got]);
        if is_as_long && cut.is_empty() {
            return Ok(ReadStep::Quiet);
        }
        // Also if the file is as long as it was: a line can be completed within space allocated earlier.
        self.hand_over(&buffer[..got], start, &cut, sink);
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
        let tail = self.consumed.tail.len();
        let from = self.consumed.end - tail as u64;
        let got = fs.read_at(&self.file, buffer, from)?;
        if got < tail || from + got as u64 != self.seen {
            return Ok(ReadStep::Quiet);
        }
        if self.seen <= self.history_end || self.counted_elsewhere == Some(self.seen) {
            // Half a line of history is not a line, and one that stands in another file is counted there.
            return Ok(ReadStep::Ended);
        }
        if self.frames.are_plain() {
            let cut = self.framer.finish(&buffer[tail..got]);
            self.hand_over(&buffer[..got], tail, &cut, sink);
        } else {
            self.judge_first_lines(fs)?;
            self.read_framed(&buffer[..got], tail, None, true, sink);
        }
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
    pub(super) fn hand_over(
        &mut self,
        read: &[u8],
        start: usize,
        cut: &Cut,
        sink: &mut dyn FnMut(&Batch<'_>),
    ) {
        let base = self.consumed.end;
        let consumed = &read[..start + cut.consumed];
        self.consumed.advance(consumed, start, &self.fingerprinter);
        if cut.is_empty() {
            return;
        }
        self.offset = base + cut.lines.end as u64;
        let lines = &read[start + cut.lines.start..start + cut.lines.end];
        let position = Position {
            generation: self.id,
            offset: self.offset,
        };
        sink(&Batch::new(lines, cut.overlong, position).of_file(&self.base));
    }

    /// Replaces the file but not the offset.
    #[cfg(test)]
    pub(super) fn reopen(&mut self, handle: Handle<F>) {
        self.file = handle.file;
        self.file_id = handle.meta.id;
    }
}
