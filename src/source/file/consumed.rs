//! The consumed part of a file, identified by its first and last bytes.
//!
//! Invariant: only bytes before `end` are kept, at most [`HEAD_BYTES`] and [`TAIL_BYTES`] of them.

use std::io;
use std::ops::Range;

use super::fingerprint::{Ends, Fingerprinter, HEAD_BYTES, LEAST_BYTES};
use super::fs::Fs;

/// Bytes before the end that are compared at each read. Longer than a usual line, so that they contain a time of day.
pub(super) const TAIL_BYTES: usize = 256;

/// Length and both ends of the consumed part of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumed {
    /// First bytes.
    pub(super) head: Vec<u8>,
    /// Last bytes.
    pub(super) tail: Vec<u8>,
    /// Number of bytes, which is the offset at which to continue.
    pub(super) end: u64,
}

impl Consumed {
    /// Reads the ends of the first `end` bytes of a file, or of all if it is shorter.
    pub(super) fn read<F: Fs>(fs: &F, file: &F::File, end: u64) -> io::Result<Self> {
        let tail = read_upto(fs, file, end.saturating_sub(TAIL_BYTES as u64)..end)?;
        let end = end.saturating_sub(TAIL_BYTES as u64) + tail.len() as u64;
        let head = read_upto(fs, file, 0..end.min(HEAD_BYTES as u64))?;
        Ok(Self { head, tail, end })
    }

    /// Returns the fingerprints of both ends.
    pub(super) fn ends(&self, fingerprinter: &Fingerprinter) -> Ends {
        fingerprinter.ends(&self.head, &self.tail)
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
    pub(super) fn advance(&mut self, read: &[u8], start: usize) {
        self.skip(&read[start..]);
        self.tail.clear();
        self.tail
            .extend_from_slice(&read[read.len().saturating_sub(TAIL_BYTES)..]);
    }

    /// Returns whether another file begins with the consumed part, judging by both ends.
    pub(super) fn begins<F: Fs>(&self, fs: &F, other: &F::File) -> io::Result<bool> {
        let before = self.end - self.tail.len() as u64;
        Ok(holds(fs, other, &self.head, 0)? && holds(fs, other, &self.tail, before)?)
    }

    /// Returns whether a file of `size` bytes is the consumed part after truncation.
    pub(super) fn was_cut<F: Fs>(&self, fs: &F, file: &F::File, size: u64) -> io::Result<bool> {
        if size == 0 || size >= self.end {
            return Ok(false);
        }
        let left = usize::try_from(size).map_or(self.head.len(), |size| size.min(self.head.len()));
        holds(fs, file, &self.head[..left], 0)
    }

    /// Returns whether a text that begins with `head` may be a copy of `file`, complete or not, made before or after the
    /// consumed part was cut off.
    pub(super) fn may_have_copy<F: Fs>(
        &self,
        fs: &F,
        file: &F::File,
        head: &[u8],
    ) -> io::Result<bool> {
        let agree = |own: &[u8]| {
            let both = own.len().min(head.len());
            let is_enough = both >= LEAST_BYTES || (both > 0 && both == head.len());
            is_enough && own[..both] == head[..both]
        };
        Ok(agree(&read_upto(fs, file, 0..HEAD_BYTES as u64)?) || agree(&self.head))
    }
}

/// Reads a range of a file, or the existing part of it.
pub(super) fn read_upto<F: Fs>(fs: &F, file: &F::File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let wanted = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; wanted];
    let got = fs.read_at(file, &mut bytes, range.start)?;
    bytes.truncate(got);
    Ok(bytes)
}

/// Returns whether a file has these bytes at `offset`.
fn holds<F: Fs>(fs: &F, file: &F::File, bytes: &[u8], offset: u64) -> io::Result<bool> {
    let there = read_upto(fs, file, offset..offset + bytes.len() as u64)?;
    Ok(there == bytes)
}
