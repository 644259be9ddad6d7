//! One followed file: how far it was read, and how it is read on.
//!
//! Invariant: unless an over-long line is being skipped, everything before the offset was handed
//! over and nothing after it; no bytes of the file are kept but the few that tell whether it is
//! still the same text.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use memchr::memrchr;

use super::calm::Calm;
use super::fault::ReadFault;
use super::fs::{Fs, Meta};
use super::identity::FileId;
use super::plant::{self, Fault};
use super::print::{HEAD_BYTES, Head, LEAST_BYTES, Print, Printer};
use crate::model::{Batch, GenerationId, Position};
use crate::source::FileEvent;
use crate::source::frame::{Cut, Framer};

/// Bytes before the reading place that are compared at each read. More than a usual line, so that
/// a time of day is among them.
const TAIL_BYTES: usize = 256;

/// A file that is open and followed.
#[derive(Debug)]
pub(super) struct Generation<F> {
    pub(super) id: GenerationId,
    pub(super) file_id: FileId,
    /// The followed path that leads to it, or the last one that did.
    pub(super) path: PathBuf,
    /// The path it had before it was rotated.
    pub(super) base: PathBuf,
    /// Its directory, if a symbolic link led to it when it was opened.
    pub(super) home: Option<PathBuf>,
    pub(super) link: Link,
    /// The start of the first line not handed over.
    pub(super) offset: u64,
    /// Its size when last looked at.
    pub(super) size: u64,
    /// Whether there was more to read at once.
    pub(super) has_more: bool,
    fault: ReadFault,
    calm: Calm,
    file: F,
    framer: Framer,
    /// Where to read on: `offset`, or further on inside an over-long line.
    consumed: u64,
    /// The end of what was read last, a partial line included.
    seen: u64,
    /// The first bytes of those before `consumed`.
    head: Vec<u8>,
    /// The last bytes of those before `consumed`.
    tail: Vec<u8>,
    /// Zero bytes at `offset` are the hole a truncation left before a writer that doesn't append,
    /// and no line.
    at_hole: bool,
}

/// Whether a path leads to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// One does.
    Attached,
    /// None does since the discovery of this number; neither that nor growth happened after
    /// `quiet_since`.
    Detached {
        quiet_since: Duration,
        discovery: u64,
    },
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The file is as it was.
    Quiet,
    /// It was read on; `more` if there is something left to read at once.
    Grew { more: bool },
    /// Bytes that were not handed over were cut off; it can be read on.
    Cut { unread: u64 },
    /// It holds something else now where it was read: to be read on, it must be told from where.
    /// Bytes known to have stood behind that place may be lost.
    Replaced { unread: u64 },
}

/// A buffer that [`Generation`] can read into: it holds any line that isn't over-long.
pub(super) fn buffer(read_bytes: usize, line_bytes: usize) -> Vec<u8> {
    let twice_a_line = Framer::longest_partial(line_bytes).saturating_mul(2);
    vec![0; TAIL_BYTES.saturating_add(read_bytes.max(twice_a_line))]
}

impl<F> Generation<F> {
    /// Takes up an open file at its start. `paths`: where it is, and where it was before it was rotated.
    pub(super) fn new(
        id: GenerationId,
        paths: (PathBuf, PathBuf),
        file: F,
        meta: Meta,
        line_bytes: usize,
    ) -> Self {
        Self {
            id,
            file_id: meta.id,
            path: paths.0,
            base: paths.1,
            home: None,
            link: Link::Attached,
            offset: 0,
            size: meta.size,
            has_more: true,
            fault: ReadFault::default(),
            calm: Calm::default(),
            file,
            framer: Framer::new(line_bytes),
            consumed: 0,
            seen: 0,
            head: Vec::new(),
            tail: Vec::new(),
            at_hole: true,
        }
    }

    /// Takes up an open file that begins with the text `other` was read from, where that was left.
    pub(super) fn continuing(
        id: GenerationId,
        path: PathBuf,
        file: F,
        meta: Meta,
        other: &Self,
    ) -> Self {
        Self {
            framer: other.framer.clone(),
            offset: other.offset,
            consumed: other.consumed,
            seen: other.consumed,
            head: other.head.clone(),
            tail: other.tail.clone(),
            at_hole: other.at_hole,
            ..Self::new(id, (path, other.base.clone()), file, meta, 0)
        }
    }

    /// Goes to the start of the line that `place` is in, or where `place` is if that line is
    /// over-long already. `buffer` is scratch.
    pub(super) fn seek_line<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        place: u64,
        line_bytes: usize,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        let window = Framer::longest_partial(line_bytes) + 1 + TAIL_BYTES;
        let from = place.saturating_sub(window as u64);
        let wanted = usize::try_from(place - from).unwrap_or(window);
        let got = fs.read_at(&self.file, &mut buffer[..wanted], from)?;
        let before = &buffer[..got];
        let start = match memrchr(b'\n', before) {
            Some(newline) => newline + 1,
            None if from == 0 => 0,
            None => {
                self.framer = Framer::inside_overlong(line_bytes);
                got
            }
        };
        self.move_to(from + start as u64, &before[..start]);
        self.remember_head(fs)
    }

    /// Goes to `place`, the start of a line or the end of what is left of one.
    pub(super) fn go_to<S: Fs<File = F>>(&mut self, fs: &S, place: u64) -> io::Result<()> {
        let from = place.saturating_sub(TAIL_BYTES as u64);
        let wanted = usize::try_from(place - from).unwrap_or(TAIL_BYTES);
        let mut before = [0; TAIL_BYTES];
        let got = fs.read_at(&self.file, &mut before[..wanted], from)?;
        self.framer.reset();
        self.move_to(from + got as u64, &before[..got]);
        self.remember_head(fs)
    }

    /// Reads the bytes that what was passed over begins with.
    fn remember_head<S: Fs<File = F>>(&mut self, fs: &S) -> io::Result<()> {
        let wanted = usize::try_from(self.consumed).unwrap_or(HEAD_BYTES);
        let mut first = [0; HEAD_BYTES];
        let got = fs.read_at(&self.file, &mut first[..wanted.min(HEAD_BYTES)], 0)?;
        self.head.clear();
        self.head.extend_from_slice(&first[..got]);
        Ok(())
    }

    /// Takes note of how reading went; tells once that it failed, and once that it doesn't any more.
    pub(super) fn note_fault(&mut self, error: Option<&io::Error>) -> Option<FileEvent> {
        self.fault.note(&self.path, error)
    }

    /// Applies another limit to lines not yet read, and to one of which a part was.
    pub(super) fn set_line_bytes(&mut self, line_bytes: usize) {
        self.framer.set_limit(line_bytes);
        // That part may be more than a smaller buffer holds: it is read again, and cut by the limit.
        self.seen = self.consumed;
    }

    /// Bytes it is known to hold that were not handed over.
    pub(super) fn unread(&self) -> u64 {
        self.size.saturating_sub(self.offset)
    }

    /// Reads at most one buffer and hands over the lines that are whole. `now` is a monotonic time.
    pub(super) fn read<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        now: Duration,
        buffer: &mut [u8],
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> io::Result<Step> {
        let size_before = self.size;
        let meta = fs.fstat(&self.file)?;
        self.size = meta.size;
        let is_calm = self.calm.look(meta.modified, now);
        let has_shrunk = self.size < size_before;
        let unread = size_before.saturating_sub(self.offset);
        if self.size < self.consumed {
            return Ok(Step::Replaced { unread });
        }
        let is_as_long = self.size == self.seen && !has_shrunk;
        if is_as_long && is_calm {
            return Ok(Step::Quiet);
        }
        let tail = self.tail.len();
        let from = self.consumed - tail as u64;
        let got = fs.read_at(&self.file, buffer, from)?;
        let is_same = got >= tail && buffer[..tail] == self.tail;
        if got < tail || !(is_same || plant::is_planted(Fault::NoTail)) {
            return Ok(Step::Replaced { unread });
        }
        if is_as_long && self.seen == self.consumed {
            return Ok(Step::Quiet);
        }
        if has_shrunk {
            self.seen = self.consumed;
            // A writer that doesn't append goes on where it was.
            self.at_hole = true;
            return Ok(Step::Cut {
                unread: size_before - self.size,
            });
        }
        self.seen = from + got as u64;
        self.size = self.size.max(self.seen);
        let start = tail + self.skip_hole(&buffer[tail..got]);
        let cut = self.framer.cut(&buffer[start..got]);
        if is_as_long && cut.is_empty() {
            return Ok(Step::Quiet);
        }
        // As long as it was: an unfinished line stood in room made before, and was written to its end.
        self.hand_over(&buffer[..got], start, &cut, sink);
        let more = got > tail && self.seen < self.size;
        Ok(Step::Grew { more })
    }

    /// Hands over the last line, which lacks its newline, of a file that will not grow any more;
    /// says whether that is so.
    pub(super) fn finish<S: Fs<File = F>>(
        &mut self,
        fs: &S,
        buffer: &mut [u8],
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> io::Result<bool> {
        let got = fs.read_at(&self.file, buffer, self.consumed)?;
        if self.consumed + got as u64 != self.seen {
            return Ok(false);
        }
        let cut = self.framer.finish(&buffer[..got]);
        self.hand_over(&buffer[..got], 0, &cut, sink);
        Ok(true)
    }

    /// Moves on past the zero bytes a hole was read as; says how many.
    fn skip_hole(&mut self, data: &[u8]) -> usize {
        if !self.at_hole || plant::is_planted(Fault::Hole) {
            return 0;
        }
        let hole = data.iter().take_while(|byte| **byte == 0).count();
        self.at_hole = hole == data.len();
        self.extend_head(&data[..hole]);
        self.consumed += hole as u64;
        self.offset = self.consumed;
        hole
    }

    /// Gives the sink what was cut from `read[start..]`, which stands at `consumed`.
    fn hand_over(
        &mut self,
        read: &[u8],
        start: usize,
        cut: &Cut,
        sink: &mut dyn FnMut(&Batch<'_>),
    ) {
        let end = start + cut.consumed;
        let base = self.consumed;
        self.extend_head(&read[start..end]);
        self.consumed += cut.consumed as u64;
        self.tail.clear();
        self.tail.extend_from_slice(last_bytes(&read[..end]));
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

    /// Adds bytes that stand at `consumed`.
    fn extend_head(&mut self, bytes: &[u8]) {
        if self.head.len() as u64 == self.consumed {
            let room = HEAD_BYTES - self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Begins at 0 again.
    pub(super) fn restart(&mut self) {
        self.framer.reset();
        self.head.clear();
        self.move_to(0, &[]);
    }

    /// Whether all that the file holds, and it holds something, was read: it was cut short.
    pub(super) fn was_cut_short<S: Fs<File = F>>(&self, fs: &S) -> io::Result<bool> {
        let left = usize::try_from(self.size).unwrap_or(usize::MAX);
        if left == 0 || self.size >= self.consumed {
            return Ok(false);
        }
        holds(fs, &self.file, &self.head[..left.min(self.head.len())], 0)
    }

    /// Whether another file begins with all that was read of this one.
    pub(super) fn is_begun_by<S: Fs<File = F>>(&self, fs: &S, other: &F) -> io::Result<bool> {
        let before = self.consumed - self.tail.len() as u64;
        Ok(holds(fs, other, &self.head, 0)? && holds(fs, other, &self.tail, before)?)
    }

    /// The first bytes of what was read.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether a text that begins with `head` may be a copy of this one, whole or not, made before or
    /// after what was read was cut off.
    pub(super) fn may_begin<S: Fs<File = F>>(&self, fs: &S, head: &[u8]) -> io::Result<bool> {
        let agree = |own: &[u8]| {
            let both = own.len().min(head.len());
            let says_enough = both >= LEAST_BYTES || (both > 0 && both == head.len());
            says_enough && own[..both] == head[..both]
        };
        let mut now = [0; HEAD_BYTES];
        let got = fs.read_at(&self.file, &mut now, 0)?;
        Ok(agree(&self.head) || agree(&now[..got]))
    }

    /// The prints of what was read.
    pub(super) fn prints(&self, printer: &Printer) -> (Head, Print) {
        (printer.head(&self.head), printer.print(&self.tail))
    }

    /// Looks at the file.
    pub(super) fn meta<S: Fs<File = F>>(&self, fs: &S) -> io::Result<Meta> {
        fs.fstat(&self.file)
    }

    /// How far it was read: `offset`, or further on inside an over-long line.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads another file from now on, from the same place on.
    pub(super) fn reopen(&mut self, file: F, meta: Meta) {
        self.file = file;
        self.file_id = meta.id;
    }

    /// Will read on at `place`, the bytes before which end with `before`.
    fn move_to(&mut self, place: u64, before: &[u8]) {
        self.offset = place;
        self.consumed = place;
        self.seen = place;
        self.at_hole = place == 0;
        self.tail.clear();
        self.tail.extend_from_slice(last_bytes(before));
    }
}

/// Whether these bytes stand at `place` of a file; there are no more than [`HEAD_BYTES`].
fn holds<S: Fs>(fs: &S, file: &S::File, bytes: &[u8], place: u64) -> io::Result<bool> {
    let mut there = [0; HEAD_BYTES];
    let got = fs.read_at(file, &mut there[..bytes.len()], place)?;
    Ok(there[..got] == *bytes)
}

/// What of these bytes is remembered.
fn last_bytes(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().saturating_sub(TAIL_BYTES)..]
}
