//! Whole lines of a source and the position after them.
//!
//! Invariant: lines are disjoint, ascending and inside the buffer; `end` is a line boundary.

use std::path::Path;

use memchr::memchr;

/// The identifier of one followed file. Each inode seen at a path gets another one, unique within
/// its source for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(pub u64);

/// A byte offset in a followed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub generation: GenerationId,
    /// Bytes from the file's start; always the start of a line.
    pub offset: u64,
}

/// Whole lines that one read returned.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'b> {
    bytes: &'b [u8],
    overlong: u64,
    end: Position,
    asides: &'b [Aside],
    path: Option<&'b Path>,
}

/// A line of a container log that is not counted as a request, in its sequence among the lines of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Bytes of the batch before it.
    pub at: usize,
    /// Its kind.
    pub kind: AsideKind,
}

/// Kinds of lines of a container log that are not counted as requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsideKind {
    /// So many lines of stderr, which are not in the batch.
    Stderr(u64),
    /// A line of which all parts together exceed the reader's limit, and that is not in the batch.
    Overlong,
    /// The next so many bytes of the batch are a line whose wrapper is damaged or missing, without its newline.
    Damaged(usize),
}

impl<'b> Batch<'b> {
    /// Creates a batch. `bytes` holds whole lines, each ended by `\n`; only the last line of a file
    /// that will not grow any more may lack it. `overlong` counts the lines between the previous
    /// batch and `end` that exceeded the reader's limit and are not in `bytes`.
    pub fn new(bytes: &'b [u8], overlong: u64, end: Position) -> Self {
        Self {
            bytes,
            overlong,
            end,
            asides: &[],
            path: None,
        }
    }

    /// Adds the lines of a container log that are not requests, in their sequence. Damaged ones are among the lines of the
    /// batch.
    #[must_use]
    pub fn with_asides(self, asides: &'b [Aside]) -> Self {
        Self { asides, ..self }
    }

    /// Names the followed path that the lines belong to.
    #[must_use]
    pub fn of_file(self, path: &'b Path) -> Self {
        Self {
            path: Some(path),
            ..self
        }
    }

    /// Returns the lines without their `\n` or `\r\n`.
    pub fn lines(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let line;
            (line, rest) = match memchr(b'\n', rest) {
                Some(newline) => (&rest[..newline], &rest[newline + 1..]),
                None if rest.is_empty() => return None,
                None => (rest, &[][..]),
            };
            Some(line.strip_suffix(b"\r").unwrap_or(line))
        })
    }

    /// Returns the lines with their terminators.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Returns the number of lines that exceeded the reader's limit.
    pub fn overlong(&self) -> u64 {
        self.overlong
    }

    /// Returns the lines of a container log that are not requests.
    pub fn asides(&self) -> &'b [Aside] {
        self.asides
    }

    /// Returns the followed path that the lines belong to, if they are of a file.
    pub fn path(&self) -> Option<&'b Path> {
        self.path
    }

    /// Returns the position at which the next batch of this file begins.
    pub fn end(&self) -> Position {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8]) -> Vec<&[u8]> {
        Batch::new(
            bytes,
            0,
            Position {
                generation: GenerationId(0),
                offset: 0,
            },
        )
        .lines()
        .collect()
    }

    #[test]
    fn only_terminators_are_removed_from_lines() {
        let empty: [&[u8]; 0] = [];
        assert_eq!(lines(b""), empty);
        assert_eq!(lines(b"a\n\nb\r\nc"), [&b"a"[..], b"", b"b", b"c"]);
        assert_eq!(lines(b"\xff\x00\n"), [b"\xff\x00"]);
    }

    proptest! {
        #[test]
        fn ranges_are_disjoint_in_order_and_inside_the_buffer(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300)) {
            let mut after = bytes.as_ptr() as usize;
            for line in lines(&bytes) {
                let start = line.as_ptr() as usize;
                prop_assert!(start >= after);
                prop_assert!(!line.contains(&b'\n'));
                after = start + line.len();
            }
            prop_assert!(after <= bytes.as_ptr() as usize + bytes.len());
            let newlines = memchr::memchr_iter(b'\n', &bytes).count();
            let unfinished = usize::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
            prop_assert_eq!(lines(&bytes).len(), newlines + unfinished);
        }
    }
}
