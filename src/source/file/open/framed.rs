//! Reads container logs, and joins lines that a rotation has divided.
//!
//! Invariant: a file is consumed up to the first part of a line whose last part has not come. If that is in the next file, both
//! are consumed at once, by the batch that has the line.

use std::io;

use memchr::memrchr;

use super::OpenFiles;
use super::before::{Before, Carry};
use super::generation::{Generation, Link};
use crate::model::{Batch, Position};
use crate::source::container::{Behind, Carried, Frame, Frames};
use crate::source::file::fs::{Fs, read_upto};
use crate::source::frame::READ_BYTES;

/// Most files that one line is in.
const FILES: usize = 8;
/// Bytes that usually hold the first lines of a log.
const FEW_BYTES: u64 = 4096;

impl<F: Fs> OpenFiles<F> {
    /// Returns what precedes the file at this place, if it is to be read from its beginning.
    pub(super) fn before_reading(&self, fs: &F, at: usize) -> Before {
        let own = &self.generations[at];
        if !own.may_go_on() {
            return Before::Nothing;
        }
        // It is empty as long as the rotated file is written to.
        let is_empty = || fs.fstat(&own.file).is_ok_and(|meta| meta.size == 0);
        match self.before(fs, own, FILES) {
            Before::Line(_) if is_empty() => Before::Unread { has_more: false },
            before => before,
        }
    }

    /// Returns whether a file may go on with the line that the one at this place leaves open.
    pub(super) fn is_awaited(&self, at: usize) -> bool {
        let own = &self.generations[at];
        let is_next = |next: &Generation<F::File>| {
            next.id != own.id && next.base == own.base && next.may_go_on()
        };
        own.frames.are_wrapped() && own.unread() > 0 && self.generations.iter().any(is_next)
    }

    /// Consumes the rest of the files whose line went on in another one.
    pub(super) fn consume_carried(&mut self, carry: Carry) {
        for (file, rest) in carry.files {
            if let Some(file) = self.get_mut(file) {
                file.consume_rest(&rest);
            }
        }
    }

    /// Returns what the file that was rotated before this one leaves open.
    fn before(&self, fs: &F, own: &Generation<F::File>, depth: usize) -> Before {
        let others = self.generations.iter();
        let is_before = |other: &&Generation<F::File>| {
            let is_older = own.link == Link::Attached || other.modified() < own.modified();
            other.id != own.id
                && other.base == own.base
                && (other.was_rotated() || fs.is_deleted(&other.file))
                && is_older
                && !other.is_in_doubt()
                && !other.frames.are_plain()
        };
        let last = others
            .filter(is_before)
            .max_by_key(|other| other.modified());
        let Some(last) = last.filter(|_| depth > 0) else {
            return Before::Nothing;
        };
        let Ok(meta) = fs.fstat(&last.file) else {
            return Before::Nothing;
        };
        if last.fault.is_present() {
            return Before::Nothing;
        }
        if meta.size != last.seen || last.consumed.seal().is_some() {
            return Before::Unread { has_more: true };
        }
        let carried = match last.consumed.end {
            0 => self.before(fs, last, depth - 1),
            _ => Before::Nothing,
        };
        let (line, mut files) = match carried {
            Before::Unread { has_more } => return Before::Unread { has_more },
            Before::Line(carry) => (Some(carry.line), carry.files),
            Before::Nothing => (None, Vec::new()),
        };
        if let (0, Some(line)) = (meta.size, &line) {
            // Nothing was written between two rotations.
            let line = line.clone();
            return Before::Line(Carry { line, files });
        }
        match last.open_line(fs, line.as_ref()) {
            Ok(Some((line, rest))) => {
                files.push((last.id, rest));
                Before::Line(Carry { line, files })
            }
            Ok(None) | Err(_) => Before::Nothing,
        }
    }
}

impl<F> Generation<F> {
    /// Returns whether the file may go on with a line of the one that was rotated before it.
    fn may_go_on(&self) -> bool {
        self.consumed.end == 0 && !self.frames.are_plain() && !self.is_in_doubt()
    }

    /// Returns the line that the file leaves open at its end, and the bytes of it that are not consumed.
    fn open_line<S: Fs<File = F>>(
        &self,
        fs: &S,
        carried: Option<&Carried>,
    ) -> io::Result<Option<(Carried, Vec<u8>)>> {
        let rest = read_upto(fs, &self.file, self.consumed.end..self.seen)?;
        if self.is_inside_chain() && rest.is_empty() {
            return Ok(Some((Carried::overlong(), rest)));
        }
        if !rest.ends_with(b"\n") {
            return Ok(None);
        }
        let mut frames = self.judged(fs, u64::MAX)?;
        let line = frames.carry(&rest, carried);
        Ok(line.map(|line| (line, rest)))
    }

    /// Returns whether everything before the offset ends inside an over-long line, between two of its parts.
    pub(super) fn is_inside_chain(&self) -> bool {
        let is_between = self.framer.is_inside_overlong() && self.consumed.tail.ends_with(b"\n");
        is_between || self.frames.are_skipping()
    }

    fn consume_rest(&mut self, rest: &[u8]) {
        self.consumed.append(rest, &self.fingerprinter);
        self.offset = self.consumed.end;
        self.framer.reset();
        self.frames.set_skipping(false);
    }

    /// Applies other settings, also to a line of which a part was read.
    pub(super) fn set_lines(&mut self, frame: Frame, line_bytes: usize) {
        self.frames.reconfigure(frame, line_bytes);
        self.framer.set_limit(self.frames.limit());
        // That part may exceed a smaller buffer: it is read again and cut by the limit.
        self.seen = self.consumed.end;
    }

    /// Decides by the first lines whether it is a container log, if they were consumed before.
    pub(super) fn judge_first_lines<S: Fs<File = F>>(&mut self, fs: &S) -> io::Result<()> {
        if self.frames.are_untouched() && self.consumed.end > 0 {
            self.frames = self.judged(fs, self.consumed.end)?;
            self.framer.set_limit(self.frames.limit());
        }
        if self.frames.are_wrapped() && self.is_inside_chain() {
            // A restart lies between two parts.
            self.framer.reset();
            self.frames.set_skipping(true);
        }
        Ok(())
    }

    /// Returns the frames of the file, judged by its first whole lines before an offset.
    fn judged<S: Fs<File = F>>(&self, fs: &S, until: u64) -> io::Result<Frames> {
        let judge = |most: u64| {
            let mut head = read_upto(fs, &self.file, 0..until.min(most))?;
            head.truncate(memrchr(b'\n', &head).map_or(0, |newline| newline + 1));
            let mut frames = self.frames.fresh();
            frames.judge(&head);
            Ok(frames)
        };
        // Each log is judged at a start.
        let frames: Frames = judge(FEW_BYTES)?;
        if frames.are_plain() || frames.are_wrapped() {
            return Ok(frames);
        }
        judge(READ_BYTES as u64)
    }

    /// Moves from the start of a line to that of its first part.
    pub(super) fn seek_first_part<S: Fs<File = F>>(&mut self, fs: &S) -> io::Result<()> {
        self.judge_first_lines(fs)?;
        if !self.frames.are_wrapped() || self.framer.is_inside_overlong() {
            return Ok(());
        }
        let until = self.consumed.end;
        let from = until.saturating_sub(READ_BYTES as u64);
        let before = read_upto(fs, &self.file, from..until)?;
        let whole = match memchr::memchr(b'\n', &before) {
            Some(newline) if from > 0 => newline + 1,
            None if from > 0 => before.len(),
            _ => 0,
        };
        if let Some(at) = self.frames.open_part(&before[whole..]) {
            self.go_to(fs, from + (whole + at) as u64)?;
        }
        Ok(())
    }

    /// Hands over the lines of a container log, or of one that may be one, cut from `read[start..]`, which follows the consumed
    /// part. At the end of a file, its last line may lack its newline, or its last part. Returns whether there were any.
    pub(super) fn read_framed(
        &mut self,
        read: &[u8],
        start: usize,
        carried: Option<&Carried>,
        is_end: bool,
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> bool {
        let data = read.get(start..).unwrap_or_default();
        let mut cut = if is_end {
            self.framer.finish(data)
        } else {
            self.framer.cut(data)
        };
        let behind = Behind::of(is_end, &self.framer);
        let lines = &data[cut.lines.clone()];
        let unwrapped = self.frames.unwrap(lines, carried, behind);
        self.framer.set_limit(self.frames.limit());
        let Some(consumed) = unwrapped else {
            self.hand_over(read, start, &cut, sink);
            return !cut.is_empty();
        };
        cut.leave(consumed, behind == Behind::More);
        let base = self.consumed.end;
        let taken = &read[..start + cut.consumed];
        self.consumed.advance(taken, start, &self.fingerprinter);
        let (lines, asides) = self.frames.output();
        if lines.is_empty() && asides.is_empty() && cut.overlong == 0 {
            return false;
        }
        self.offset = base + cut.lines.end as u64;
        let position = Position {
            generation: self.id,
            offset: self.offset,
        };
        let batch = Batch::new(lines, cut.overlong, position);
        sink(&batch.with_asides(asides).of_file(&self.base));
        true
    }
}
