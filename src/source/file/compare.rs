//! Compares the texts of files in bounded steps.
//!
//! Invariant: one call reads at most [`STEP_BYTES`] of each file, so that files of any size delay reading by some
//! milliseconds.

use std::io;
use std::ops::Range;

use memchr::{memmem, memrchr};

use super::fs::{Fs, read_upto};
use super::lines::{identifies, is_distinctive, whole_lines};

/// Most bytes of a file read by one call.
const STEP_BYTES: u64 = 16 << 20;
/// Bytes read at once.
const WINDOW: u64 = 256 << 10;
/// Bytes before a place that tell whether the text up to there repeats itself.
const CONTEXT: u64 = 64 << 10;
/// Bytes before a place whose lines are searched in another file.
const SEARCHED: u64 = 4096;
/// Bytes at the end of those lines that are searched for if not all of them are found.
const SHORTER: [usize; 2] = [1024, 256];

/// Number of bytes that two files have in common, from an offset in each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common {
    from: (u64, u64),
    same: u64,
    differs: bool,
}

impl Common {
    pub(super) fn new(from_one: u64, from_other: u64) -> Self {
        Self {
            from: (from_one, from_other),
            same: 0,
            differs: false,
        }
    }

    /// Returns whether the comparison began at these offsets.
    pub(super) fn is_from(&self, from_one: u64, from_other: u64) -> bool {
        self.from == (from_one, from_other)
    }

    /// Compares on; returns the number of common bytes, or `None` if more are to be compared.
    pub(super) fn advance<F: Fs>(
        &mut self,
        fs: &F,
        one: &F::File,
        other: &F::File,
    ) -> io::Result<Option<u64>> {
        let limit = self.same + STEP_BYTES;
        while !self.differs {
            if self.same >= limit {
                return Ok(None);
            }
            let range = |from: u64| from + self.same..from + self.same + WINDOW;
            let left = read_upto(fs, one, range(self.from.0))?;
            let right = read_upto(fs, other, range(self.from.1))?;
            let both = left.len().min(right.len());
            let same = common(&left[..both], &right[..both]);
            self.same += same as u64;
            self.differs = same < both;
            // Otherwise one of them ends here, and may grow.
            if same == both && (both as u64) < WINDOW {
                break;
            }
        }
        Ok(Some(self.same))
    }
}

/// Returns the number of equal bytes at the beginning of both.
fn common(left: &[u8], right: &[u8]) -> usize {
    if left == right {
        return left.len();
    }
    let pairs = left.iter().zip(right);
    pairs.take_while(|(one, other)| one == other).count()
}

/// Returns how many bytes before two places in files are equal, at most `most`.
pub(super) fn common_before<F: Fs>(
    fs: &F,
    (one, one_end): (&F::File, u64),
    (other, other_end): (&F::File, u64),
    most: u64,
) -> io::Result<u64> {
    let most = most.min(one_end).min(other_end);
    let one = read_upto(fs, one, one_end - most..one_end)?;
    let other = read_upto(fs, other, other_end - most..other_end)?;
    if one.len() != other.len() {
        // One of them was cut meanwhile.
        return Ok(0);
    }
    let pairs = one.iter().rev().zip(other.iter().rev());
    Ok(pairs.take_while(|(one, other)| one == other).count() as u64)
}

/// Last bytes of a text before a place, which tell whether it repeats itself up to there.
#[derive(PartialEq, Eq)]
pub(super) struct Ending {
    part: Vec<u8>,
    range: Range<u64>,
}

impl Ending {
    /// Returns whether the text identifies itself and does not repeat itself at its end.
    pub(super) fn is_distinctive(&self) -> bool {
        self.lines().is_some_and(is_distinctive)
    }

    /// Returns whether the text is long enough to identify itself, but repeats itself at its end.
    pub(super) fn repeats(&self) -> bool {
        (self.lines()).is_some_and(|lines| identifies(lines) && !is_distinctive(lines))
    }

    fn lines(&self) -> Option<&[u8]> {
        let Range { start, end } = self.range;
        let is_whole = self.part.len() as u64 == end - start;
        is_whole.then(|| whole_lines(&self.part, start == 0))
    }
}

/// Reads the last bytes of a file's text before `end`.
pub(super) fn ending_of<F: Fs>(fs: &F, file: &F::File, end: u64) -> io::Result<Ending> {
    let range = end.saturating_sub(CONTEXT)..end;
    let part = read_upto(fs, file, range.clone())?;
    Ok(Ending { part, range })
}

/// Returns whether the text of a file before `end` identifies it and does not repeat itself at its end.
pub(super) fn is_distinctive_until<F: Fs>(fs: &F, file: &F::File, end: u64) -> io::Result<bool> {
    Ok(ending_of(fs, file, end)?.is_distinctive())
}

/// Returns the whole lines of a file directly before `end`, as far as they are to be searched.
pub(super) fn lines_before<F: Fs>(fs: &F, file: &F::File, end: u64) -> io::Result<Vec<u8>> {
    let from = end.saturating_sub(SEARCHED);
    let part = read_upto(fs, file, from..end)?;
    Ok(whole_lines(&part, from == 0).to_vec())
}

/// Returns the end of the last whole line in the first `size` bytes of a file. A longer line than is read is over-long.
pub(super) fn last_line_end<F: Fs>(fs: &F, file: &F::File, size: u64) -> io::Result<u64> {
    let from = size.saturating_sub(WINDOW);
    let newline = memrchr(b'\n', &read_upto(fs, file, from..size)?);
    Ok(newline.map_or(from, |newline| from + newline as u64 + 1))
}

/// Returns where these lines, or the last few of them if others were inserted or removed between them, end in a file of
/// `size` bytes; `None` if it does not hold them, or holds them more than once.
pub(super) fn find_ending<F: Fs>(
    fs: &F,
    file: &F::File,
    size: u64,
    lines: &[u8],
) -> io::Result<Option<u64>> {
    if !is_distinctive(lines) {
        return Ok(None);
    }
    let found = find_once(fs, file, size, lines)?;
    if found.is_some() {
        return Ok(found);
    }
    for most in SHORTER {
        let Some(from) = lines.len().checked_sub(most) else {
            continue;
        };
        let last = whole_lines(&lines[from..], false);
        if !is_distinctive(last) {
            break;
        }
        let found = find_once(fs, file, size, last)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Returns the end of the only place, at the start of a line, where a file of `size` bytes holds these lines. The last
/// [`STEP_BYTES`] of the file are searched: it grew little since it was written.
fn find_once<F: Fs>(fs: &F, file: &F::File, size: u64, lines: &[u8]) -> io::Result<Option<u64>> {
    let finder = memmem::Finder::new(lines);
    let mut found = None;
    let mut at = size.saturating_sub(STEP_BYTES);
    while at < size {
        // One byte before shows whether a line starts there.
        let from = at.saturating_sub(1);
        let part = read_upto(fs, file, from..size.min(at + WINDOW + lines.len() as u64))?;
        let mut within = 0;
        while let Some(place) = finder.find(&part[within..]) {
            let place = within + place;
            within = place + 1;
            let is_own = from + (place as u64) < at + WINDOW && from + place as u64 >= at;
            let is_line = match place.checked_sub(1) {
                Some(before) => part[before] == b'\n',
                None => from == 0,
            };
            if is_own && is_line && found.replace(from + (place + lines.len()) as u64).is_some() {
                return Ok(None);
            }
        }
        at += WINDOW;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::fs::RealFs;
    use std::fs::File;
    use std::path::Path;

    fn file(dir: &Path, name: &str, text: &[u8]) -> File {
        std::fs::write(dir.join(name), text).unwrap();
        File::open(dir.join(name)).unwrap()
    }

    fn text(lines: u32) -> Vec<u8> {
        (0..lines)
            .flat_map(|number| format!("line number {number}\n").into_bytes())
            .collect()
    }

    #[test]
    fn common_bytes_are_counted_across_steps_and_growth() {
        let dir = tempfile::tempdir().unwrap();
        let long = text(2_000_000);
        let one = file(dir.path(), "one", &long);
        let other = file(dir.path(), "other", &long[..long.len() - 1]);
        let mut common = Common::new(0, 0);
        let mut steps = 1;
        let same = loop {
            match common.advance(&RealFs, &one, &other).unwrap() {
                Some(same) => break same,
                None => steps += 1,
            }
        };
        assert_eq!((same, steps), (long.len() as u64 - 1, 3));
        file(dir.path(), "other", &[&long[..], b"more"].concat());
        let same = common.advance(&RealFs, &one, &other).unwrap();
        assert_eq!(same, Some(long.len() as u64));
        let mut shifted = Common::new(0, 1);
        assert_eq!(shifted.advance(&RealFs, &one, &other).unwrap(), Some(0));
    }

    #[test]
    fn lines_are_found_where_a_line_starts_and_only_if_once() {
        let dir = tempfile::tempdir().unwrap();
        let long = text(100_000);
        let size = long.len() as u64;
        let one = file(dir.path(), "one", &long);
        let find = |lines: &str| find_once(&RealFs, &one, size, lines.as_bytes()).unwrap();
        assert_eq!(find("line number 0\n"), Some(14));
        assert_eq!(find("number 0\n"), None);
        assert_eq!(find("line number 99999\n"), Some(size));
        assert_eq!(find("line number 100000\n"), None);
        for number in (0..99_999).step_by(9_973) {
            let lines = format!("line number {number}\nline number {}\n", number + 1);
            let expected = text(number + 2).len() as u64;
            assert_eq!(find(&lines), Some(expected), "{number}");
        }
        let twice = [&long[..], &long[..]].concat();
        let twice = file(dir.path(), "twice", &twice);
        let found = find_once(&RealFs, &twice, 2 * size, b"line number 7\n").unwrap();
        assert_eq!(found, None);
    }
}
