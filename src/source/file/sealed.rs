//! Fingerprints that stand in for the bytes of a consumed part, from a restart until its file was found to hold them.
//!
//! Invariant: a text that is not the one that was sealed is taken for it only if all of its fingerprints are the same.

use std::collections::VecDeque;
use std::io;

use super::fingerprint::{Fingerprint, Fingerprinter, TAIL_BYTES};
use super::fs::{Fs, read_upto};
use super::lines::{is_distinctive, whole_lines};
use super::marks::Ends;
use crate::model::saved::files::SavedText;

/// Bytes read at once while lines are searched.
const WINDOW: u64 = 256 << 10;
/// Most last lines that are saved.
const MOST_LINES: usize = 64;
/// Bytes at the end that identify a text, see [`find_ending`](super::compare::find_ending).
const SHORT: usize = 256;

/// Fingerprints of a consumed part.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) ends: Ends,
    /// Fingerprint of the bytes that are compared at each read.
    last: Fingerprint,
    /// Fingerprints of the last whole lines.
    lines: Vec<Fingerprint>,
    /// Least number of them that identifies the text; 0 if all are needed.
    short_lines: usize,
    /// True if these lines identify the text.
    pub(super) is_distinctive: bool,
    /// True if the text begins with random bytes.
    pub(super) is_shredded: bool,
    fingerprinter: Fingerprinter,
}

impl Sealed {
    /// Returns the fingerprints of a text that has these ends, last bytes and last lines.
    pub(super) fn new(
        ends: Ends,
        tail: &[u8],
        last_lines: &[u8],
        is_shredded: bool,
        fingerprinter: &Fingerprinter,
    ) -> Self {
        let lines = last_lines.split_inclusive(|byte| *byte == b'\n').rev();
        let lines = lines.take(MOST_LINES);
        let mut lines: Vec<_> = lines.map(|line| fingerprinter.fingerprint(line)).collect();
        lines.reverse();
        let short = last_lines.len().checked_sub(SHORT);
        let short = short.map(|from| whole_lines(&last_lines[from..], false));
        let short = short.filter(|short| is_distinctive(short));
        let short_lines = short.map_or(0, |short| short.split(|byte| *byte == b'\n').count() - 1);
        Self {
            ends,
            last: fingerprinter.fingerprint(tail),
            short_lines: short_lines.min(lines.len()),
            lines,
            is_distinctive: is_distinctive(last_lines),
            is_shredded,
            fingerprinter: fingerprinter.clone(),
        }
    }

    /// Returns saved fingerprints; `None` if they cannot be those of a text.
    pub(super) fn from_saved(saved: &SavedText, fingerprinter: &Fingerprinter) -> Option<Self> {
        let sealed = Self {
            ends: Ends::from_saved(&saved.ends)?,
            last: saved.last.into(),
            lines: saved.lines.iter().map(|line| (*line).into()).collect(),
            short_lines: saved.short_lines.into(),
            is_distinctive: saved.is_distinctive,
            is_shredded: saved.is_shredded,
            fingerprinter: fingerprinter.clone(),
        };
        let is_possible = sealed.ends.head.bytes as u64 <= saved.end
            && u64::from(sealed.last.bytes) <= saved.end
            && usize::from(sealed.last.bytes) <= TAIL_BYTES
            && sealed.lines.len() <= MOST_LINES
            && sealed.short_lines <= sealed.lines.len();
        is_possible.then_some(sealed)
    }

    /// Returns the fingerprints of a text of `end` bytes as they are saved.
    pub(super) fn saved(&self, end: u64) -> SavedText {
        SavedText {
            end,
            ends: self.ends.saved(),
            last: self.last.into(),
            lines: self.lines.iter().map(|line| (*line).into()).collect(),
            short_lines: u16::try_from(self.short_lines).unwrap_or(0),
            is_distinctive: self.is_distinctive,
            is_shredded: self.is_shredded,
        }
    }

    /// Returns whether these are the first and the last bytes of the text.
    pub(super) fn is_of(&self, head: &[u8], tail: &[u8]) -> bool {
        self.fingerprinter.head(head) == self.ends.head
            && self.fingerprinter.fingerprint(tail) == self.last
    }

    /// Returns whether a text begins in the same way, as far as both can be compared, and as much as identifies it.
    pub(super) fn agrees(&self, head: &[u8]) -> bool {
        self.fingerprinter.matches(head, &self.ends.head)
    }

    /// Returns whether a file holds the text, which has `end` bytes, at `from`.
    pub(super) fn is_at<F: Fs>(
        &self,
        fs: &F,
        file: &F::File,
        from: u64,
        end: u64,
    ) -> io::Result<bool> {
        let head = read_upto(fs, file, from..from + self.ends.head.bytes as u64)?;
        let tail = from + end - u64::from(self.last.bytes).min(end);
        let tail = read_upto(fs, file, tail..from + end)?;
        Ok(self.is_of(&head, &tail))
    }

    /// Returns how many of the first bytes of a text are certainly the same, and whether all are that can be compared.
    pub(super) fn common_with(&self, head: &[u8]) -> (usize, bool) {
        let mut known = 0;
        for (length, hash) in self.ends.head.parts() {
            let Some(part) = head.get(..length) else {
                break;
            };
            if self.fingerprinter.fingerprint(part).hash != hash {
                return (known, false);
            }
            known = length;
        }
        (known, true)
    }

    /// Returns the last lines of the text, or the last few of them, if a file of `size` bytes holds them at its beginning, or as
    /// many as identify the text anywhere; otherwise nothing.
    pub(super) fn find_lines<F: Fs>(
        &self,
        fs: &F,
        file: &F::File,
        size: u64,
    ) -> io::Result<Vec<u8>> {
        let mut search = Search::default();
        let (mut rest, mut at) = (Vec::new(), 0);
        while at < size && !self.lines.is_empty() {
            let part = read_upto(fs, file, at..size.min(at + WINDOW))?;
            if part.is_empty() {
                break;
            }
            at += part.len() as u64;
            rest.extend_from_slice(&part);
            let whole = rest.iter().rposition(|byte| *byte == b'\n');
            let whole = whole.map_or(0, |newline| newline + 1);
            let mut from = at - rest.len() as u64;
            for line in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
                from += line.len() as u64;
                search.note(self, line, from);
            }
            rest.drain(..whole);
        }
        let (start, lines, end) = search.best;
        let is_enough = start == 0
            || lines == self.lines.len()
            || self.short_lines > 0 && lines >= self.short_lines;
        if lines == 0 || !is_enough {
            return Ok(Vec::new());
        }
        read_upto(fs, file, start..end)
    }
}

/// Search for the last lines of a text.
#[derive(Default)]
struct Search {
    /// The last lines of the file: fingerprint and start.
    seen: VecDeque<(Fingerprint, u64)>,
    /// Start, number and end of the lines that were found.
    best: (u64, usize, u64),
}

impl Search {
    /// Notes a line that ends at `end`.
    fn note(&mut self, sealed: &Sealed, line: &[u8], end: u64) {
        let start = end - line.len() as u64;
        let fingerprint = if line.len() <= TAIL_BYTES {
            sealed.fingerprinter.fingerprint(line)
        } else {
            // No line of the text is so long; a fingerprint of no bytes is that of none.
            let (bytes, hash) = (0, 0);
            Fingerprint { bytes, hash }
        };
        if self.seen.len() == sealed.lines.len() {
            self.seen.pop_front();
        }
        self.seen.push_back((fingerprint, start));
        let pairs = self.seen.iter().rev().zip(sealed.lines.iter().rev());
        let same = pairs.take_while(|((seen, _), own)| seen == *own).count();
        if same > self.best.1 {
            let (_, start) = self.seen[self.seen.len() - same];
            self.best = (start, same, end);
        }
    }
}
