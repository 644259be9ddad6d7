//! Cuts bytes into whole lines.
//!
//! Invariant: however a text is divided into chunks, the same lines come out and the same number of lines is over-long,
//! whether these are skipped here or handed over whole.

use std::ops::Range;

use memchr::{memchr, memrchr};

/// Least number of bytes requested in one read.
pub(crate) const READ_BYTES: usize = 128 * 1024;

/// Cuts successive parts of a text into lines. Skips a line that exceeds the limit before its end arrives, so that a
/// buffer need not hold it.
#[derive(Clone, Debug)]
pub struct Framer {
    limit: usize,
    skipping: bool,
}

/// Result of cutting one part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Range of the whole lines. If it is not empty, or `overlong` is not 0, its end is the start of the next line.
    pub lines: Range<usize>,
    /// Bytes processed; the next part begins after them.
    pub consumed: usize,
    /// Lines that ended here and are not in `lines` because they exceeded the limit.
    pub overlong: u64,
}

impl Framer {
    /// Makes a framer for a text that begins at a line. `limit` is the longest line in bytes, without its terminator (`\n`
    /// or `\r\n`).
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            skipping: false,
        }
    }

    /// Makes a framer for a text that begins inside an over-long line.
    pub fn inside_overlong(limit: usize) -> Self {
        Self {
            limit,
            skipping: true,
        }
    }

    /// Returns the most bytes an unfinished line can have without being skipped: the limit, and a `\r` that may belong to
    /// the terminator.
    pub fn longest_partial(limit: usize) -> usize {
        limit.saturating_add(1)
    }

    /// Applies another limit from the next cut on. A line that is being skipped is skipped to its end.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Returns whether the text goes on inside an over-long line.
    pub fn is_inside_overlong(&self) -> bool {
        self.skipping
    }

    /// Starts at a line again, whatever was being skipped.
    pub fn reset(&mut self) {
        self.skipping = false;
    }

    /// Cuts `data`, which begins where the last cut's `consumed` ended: at the start of a line, or inside an over-long one.
    /// A line that is complete in `data` is kept whatever its length.
    pub fn cut(&mut self, data: &[u8]) -> Cut {
        let Some((start, overlong)) = self.resume(data) else {
            return Cut::nothing(data.len());
        };
        let end = memrchr(b'\n', &data[start..]).map_or(start, |newline| start + newline + 1);
        let consumed = if self.is_overlong(&data[end..]) {
            self.skipping = true;
            data.len()
        } else {
            end
        };
        Cut {
            lines: start..end,
            consumed,
            overlong,
        }
    }

    /// Cuts the last part of a text; a last line without a newline is a line too. The next part, if any, begins another
    /// text.
    pub fn finish(&mut self, data: &[u8]) -> Cut {
        let Some((start, overlong)) = self.resume(data) else {
            self.skipping = false;
            return Cut {
                overlong: 1,
                ..Cut::nothing(data.len())
            };
        };
        Cut {
            lines: start..data.len(),
            consumed: data.len(),
            overlong,
        }
    }

    /// Returns the start of the first line, and the number of over-long ones that ended before it; `None` if the over-long
    /// line being skipped does not end in `data`.
    fn resume(&mut self, data: &[u8]) -> Option<(usize, u64)> {
        if !self.skipping {
            return Some((0, 0));
        }
        let newline = memchr(b'\n', data)?;
        self.skipping = false;
        Some((newline + 1, 1))
    }

    /// Returns whether this unfinished line is too long however it ends.
    fn is_overlong(&self, partial: &[u8]) -> bool {
        let most = Self::longest_partial(self.limit);
        partial.len() > most || (partial.len() == most && partial.last() != Some(&b'\r'))
    }
}

impl Cut {
    fn nothing(consumed: usize) -> Self {
        Self {
            lines: consumed..consumed,
            consumed,
            overlong: 0,
        }
    }

    /// Leaves all but so many bytes of the lines to the next part, and what follows them, if it `is_unread`.
    pub(super) fn leave(&mut self, lines: usize, is_unread: bool) {
        self.lines.end = self.lines.start + lines;
        if is_unread {
            self.consumed = self.lines.end;
        }
    }

    /// Returns whether no line ended in this stretch.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.overlong == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, GenerationId, Position};
    use proptest::prelude::*;

    const LIMIT: usize = 4;

    /// Lines seen by a reader of cuts.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Seen {
        lines: Vec<Vec<u8>>,
        overlong: u64,
    }

    impl Seen {
        fn take(&mut self, data: &[u8], cut: &Cut) {
            let end = Position {
                generation: GenerationId(0),
                offset: 0,
            };
            self.overlong += cut.overlong;
            for line in Batch::new(&data[cut.lines.clone()], 0, end).lines() {
                if line.len() > LIMIT {
                    self.overlong += 1;
                } else {
                    self.lines.push(line.to_vec());
                }
            }
        }
    }

    /// Feeds `text` in pieces of the given sizes.
    fn in_chunks(text: &[u8], sizes: &[usize]) -> Seen {
        let (mut seen, mut framer, mut pending) = (Seen::default(), Framer::new(LIMIT), Vec::new());
        let mut rest = text;
        for size in sizes {
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            rest = after;
            pending.extend_from_slice(chunk);
            let cut = framer.cut(&pending);
            seen.take(&pending, &cut);
            pending.drain(..cut.consumed);
            assert!(pending.len() <= Framer::longest_partial(LIMIT));
        }
        pending.extend_from_slice(rest);
        let cut = framer.finish(&pending);
        seen.take(&pending, &cut);
        assert_eq!(cut.consumed, pending.len());
        seen
    }

    fn check(data: &[u8], lines: &[u8], consumed: usize, skipping: bool) {
        let mut framer = Framer::new(LIMIT);
        let cut = framer.cut(data);
        assert_eq!(&data[cut.lines.clone()], lines);
        assert_eq!((cut.consumed, cut.overlong), (consumed, 0));
        assert_eq!(framer.skipping, skipping);
    }

    #[test]
    fn whole_lines_are_cut_and_a_partial_one_waits() {
        check(b"", b"", 0, false);
        check(b"abcd", b"", 0, false);
        check(b"ab\ncd", b"ab\n", 3, false);
        check(b"a\n\nb\n", b"a\n\nb\n", 5, false);
    }

    #[test]
    fn a_complete_overlong_line_is_handed_over_and_a_partial_one_is_skipped() {
        check(b"abcdefgh\n", b"abcdefgh\n", 9, false);
        check(b"abcde", b"", 5, true);
        check(b"a\nabcdefgh", b"a\n", 10, true);
    }

    #[test]
    fn a_carriage_return_may_belong_to_the_terminator() {
        check(b"abcd\r", b"", 0, false);
        check(b"abcd\r\r", b"", 6, true);
    }

    #[test]
    fn the_end_of_a_skipped_line_counts_it_once() {
        let mut framer = Framer::inside_overlong(LIMIT);
        assert!(framer.cut(b"more").is_empty());
        let cut = framer.cut(b"end\nab\ncd");
        assert_eq!((cut.lines, cut.consumed, cut.overlong), (4..7, 7, 1));
        let mut framer = Framer::inside_overlong(LIMIT);
        assert_eq!(framer.finish(b"").overlong, 1);
        assert_eq!(framer.finish(b"").overlong, 0);
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            2 => Just(b'\n'), 2 => Just(b'\r'), 8 => Just(b'x'), 1 => any::<u8>()
        ];
        proptest::collection::vec(byte, 0..80)
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines_and_the_same_overlong(
            text in text(), sizes in proptest::collection::vec(0_usize..9, 0..40),
        ) {
            prop_assert_eq!(in_chunks(&text, &sizes), in_chunks(&text, &[]));
        }
    }
}
