//! The consumed part of a file, identified by its first and last bytes.
//!
//! Invariant: only bytes before `end` are kept, at most [`HEAD_BYTES`] and [`TAIL_BYTES`] of them; none after a restart, until
//! the file was found to hold them: then fingerprints stand in for them.

use std::io;

use memchr::memrchr;

use super::fingerprint::{Fingerprinter, HEAD_BYTES, LEAST_BYTES, TAIL_BYTES};
use super::fs::{Fs, read_upto};
use super::lines::{is_distinctive, whole_lines};
use super::marks::{Ends, Marks, WINDOW};
use super::sealed::Sealed;
use super::shredded::is_shredded;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};
use crate::model::saved::files::SavedText;
use crate::source::frame::Framer;

/// Length and both ends of the consumed part of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumed {
    /// First bytes.
    pub(super) head: Vec<u8>,
    /// Last bytes.
    pub(super) tail: Vec<u8>,
    /// Number of bytes, which is the offset at which to continue.
    pub(super) end: u64,
    /// Fingerprints of places in between.
    marks: Marks,
    /// Fingerprints in the place of bytes that were not read again since a restart.
    sealed: Option<Box<Sealed>>,
}

impl Consumed {
    /// Reads the ends of the first `end` bytes of a file, or of all if it is shorter, and its marks.
    pub(super) fn read<F: Fs>(
        fs: &F,
        file: &F::File,
        end: u64,
        fingerprinter: &Fingerprinter,
    ) -> io::Result<Self> {
        let tail = read_upto(fs, file, end.saturating_sub(TAIL_BYTES as u64)..end)?;
        let end = end.saturating_sub(TAIL_BYTES as u64) + tail.len() as u64;
        let head = read_upto(fs, file, 0..end.min(HEAD_BYTES as u64))?;
        let window = |at| read_upto(fs, file, at - WINDOW as u64..at);
        let marks = Marks::read(fingerprinter, end, window)?;
        Ok(Self {
            head,
            tail,
            end,
            marks,
            sealed: None,
        })
    }

    /// Returns a saved consumed part; `None` if it cannot be one.
    pub(super) fn from_saved(saved: &SavedText, fingerprinter: &Fingerprinter) -> Option<Self> {
        let sealed = Sealed::from_saved(saved, fingerprinter)?;
        Some(Self {
            end: saved.end,
            sealed: (saved.end > 0).then(|| Box::new(sealed)),
            ..Self::default()
        })
    }

    /// Returns the consumed part as it is saved.
    pub(super) fn saved(&self, fingerprinter: &Fingerprinter) -> SavedText {
        if let Some(sealed) = &self.sealed {
            return sealed.saved(self.end);
        }
        let (ends, last) = (self.ends(fingerprinter), self.last_lines());
        Sealed::new(ends, &self.tail, last, self.is_shredded(), fingerprinter).saved(self.end)
    }

    /// Returns the fingerprints that stand in for bytes.
    pub(super) fn seal(&self) -> Option<&Sealed> {
        self.sealed.as_deref()
    }

    /// Reads the bytes for which fingerprints stand in, from a file that holds them; returns whether it does.
    pub(super) fn unseal<F: Fs>(
        &mut self,
        fs: &F,
        file: &F::File,
        fingerprinter: &Fingerprinter,
    ) -> io::Result<bool> {
        let Some(sealed) = &self.sealed else {
            return Ok(true);
        };
        let there = Self::read(fs, file, self.end, fingerprinter)?;
        let is_same = sealed.is_of(&there.head, &there.tail);
        #[cfg(test)]
        let is_same = is_same || is_planted(Fault::NoSavedTail);
        let is_same = is_same && there.end == self.end;
        if is_same {
            *self = there;
        }
        Ok(is_same)
    }

    /// Returns the fingerprints of both ends and between them.
    pub(super) fn ends(&self, fingerprinter: &Fingerprinter) -> Ends {
        if let Some(sealed) = &self.sealed {
            return sealed.ends.clone();
        }
        let last = &self.tail[self.tail.len().saturating_sub(WINDOW)..];
        Ends {
            marks: self.marks.clone(),
            ..fingerprinter.ends(&self.head, last)
        }
    }

    /// Consumes `bytes`, which follow directly, but leaves the tail to the next [`Self::advance`].
    pub(super) fn skip(&mut self, bytes: &[u8]) {
        if self.head.len() as u64 == self.end {
            let room = HEAD_BYTES - self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        self.end += bytes.len() as u64;
    }

    /// Consumes `read[start..]`, which follows directly; `read` begins with the tail.
    pub(super) fn advance(&mut self, read: &[u8], start: usize, fingerprinter: &Fingerprinter) {
        self.skip(&read[start..]);
        let from = self.end - read.len() as u64;
        self.marks.extend(fingerprinter, from, read);
        self.tail.clear();
        self.tail
            .extend_from_slice(&read[read.len().saturating_sub(TAIL_BYTES)..]);
    }

    /// Consumes `bytes`, which follow directly.
    pub(super) fn append(&mut self, bytes: &[u8], fingerprinter: &Fingerprinter) {
        let mut read = std::mem::take(&mut self.tail);
        let start = read.len();
        read.extend_from_slice(bytes);
        self.advance(&read, start, fingerprinter);
    }

    /// Returns the last whole lines, as far as they are kept.
    pub(super) fn last_lines(&self) -> &[u8] {
        whole_lines(&self.tail, self.tail.len() as u64 == self.end)
    }

    /// Returns whether the last lines identify the text.
    pub(super) fn is_distinctive(&self) -> bool {
        match &self.sealed {
            Some(sealed) => sealed.is_distinctive,
            None => is_distinctive(self.last_lines()),
        }
    }

    /// Returns whether the part begins with random bytes.
    pub(super) fn is_shredded(&self) -> bool {
        match &self.sealed {
            Some(sealed) => sealed.is_shredded,
            None => is_shredded(&self.head),
        }
    }

    /// Returns whether a text begins as the consumed part does, as far as both are known, and whether that is enough to
    /// identify it.
    pub(super) fn agrees(&self, head: &[u8]) -> bool {
        if let Some(sealed) = &self.sealed {
            return sealed.agrees(head);
        }
        let both = self.head.len().min(head.len());
        both >= LEAST_BYTES && self.head[..both] == head[..both]
    }

    /// Returns whether a text of which these are the first bytes begins with all of the known beginning of the consumed part.
    /// False if that is too short to identify it.
    pub(super) fn begins_text(&self, head: &[u8]) -> bool {
        match &self.sealed {
            Some(sealed) => head.len() >= sealed.ends.head.bytes && sealed.agrees(head),
            None => self.head.len() >= LEAST_BYTES && head.starts_with(&self.head),
        }
    }

    /// Returns whether another file begins with the consumed part, judging by both ends.
    pub(super) fn begins<F: Fs>(&self, fs: &F, other: &F::File) -> io::Result<bool> {
        self.is_at(fs, other, 0)
    }

    /// Returns whether another file holds the consumed part at `from`, judging by both ends.
    pub(super) fn is_at<F: Fs>(&self, fs: &F, other: &F::File, from: u64) -> io::Result<bool> {
        if let Some(sealed) = &self.sealed {
            return sealed.is_at(fs, other, from, self.end);
        }
        let before = from + self.end - self.tail.len() as u64;
        Ok(holds(fs, other, &self.head, from)? && holds(fs, other, &self.tail, before)?)
    }

    /// Returns how many of the first `size` bytes of a file are certainly those of the consumed part, and whether all of them
    /// are as far as they can be compared: up to the last mark.
    pub(super) fn common_with<F: Fs>(
        &self,
        fs: &F,
        file: &F::File,
        size: u64,
        fingerprinter: &Fingerprinter,
    ) -> io::Result<(u64, bool)> {
        let both = size.min(self.end);
        let head = read_upto(fs, file, 0..both.min(HEAD_BYTES as u64))?;
        let (same, is_same) = if let Some(sealed) = &self.sealed {
            sealed.common_with(&head)
        } else {
            let same = head.iter().zip(&self.head);
            let same = same.take_while(|(there, own)| there == own).count();
            (same, same >= head.len().min(self.head.len()))
        };
        let mut known = same as u64;
        if !is_same {
            return Ok((known, false));
        }
        let marks = self.sealed.as_ref().map(|sealed| &sealed.ends.marks);
        for (offset, fingerprint) in marks.unwrap_or(&self.marks).until(both) {
            let window = read_upto(fs, file, offset - WINDOW as u64..offset)?;
            if fingerprinter.fingerprint(&window) != fingerprint {
                return Ok((known, false));
            }
            known = known.max(offset);
        }
        Ok((known, size <= self.end))
    }
}

/// The line that contains a place in a file.
pub(super) struct LineAt {
    /// Its start; `None` if that is further before the place than the longest line.
    pub(super) start: Option<u64>,
}

/// Finds the start of the line that contains `place`: `place` itself after a newline.
pub(super) fn line_at<F: Fs>(
    fs: &F,
    file: &F::File,
    place: u64,
    line_bytes: usize,
) -> io::Result<LineAt> {
    let window = Framer::longest_partial(line_bytes) + 1;
    let from = place.saturating_sub(window as u64);
    let before = read_upto(fs, file, from..place)?;
    let newline = memrchr(b'\n', &before).map(|newline| from + newline as u64 + 1);
    let start = newline.or((from == 0).then_some(0));
    Ok(LineAt { start })
}

/// Returns whether a file has these bytes at `offset`.
fn holds<F: Fs>(fs: &F, file: &F::File, bytes: &[u8], offset: u64) -> io::Result<bool> {
    let there = read_upto(fs, file, offset..offset + bytes.len() as u64)?;
    Ok(there == bytes)
}
