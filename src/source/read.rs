//! Reads a stream, or a whole file, line by line.
//!
//! Invariant: memory is one buffer, whatever the stream contains; each line is returned once, in its sequence.

use std::io::{ErrorKind, Read, Result};
use std::ops::Range;

use super::container::{Behind, Carried, Carry, Frame, Frames};
use super::frame::{Cut, Framer, READ_BYTES};
use crate::model::{Batch, GenerationId, Position};

/// Reads batches of whole lines from `R` until its end. A last line without a newline is a line too.
#[derive(Debug)]
pub struct LineReader<R> {
    reader: R,
    framer: Framer,
    frames: Frames,
    /// The line that the text before left open.
    carried: Option<Carried>,
    /// Takes the line that this text leaves open, if another one goes on with it.
    next: Option<Carry>,
    buffer: Vec<u8>,
    /// Bytes read and not yet cut.
    pending: Range<usize>,
    /// Position of `pending` in the stream: the start of a line, unless an over-long one is being skipped.
    position: Position,
    ended: bool,
}

/// Bytes that one read has returned.
struct Step {
    /// Start of the bytes that were cut, in the buffer and in the stream.
    start: usize,
    base: u64,
    cut: Cut,
    /// The lines had wrappers, which were removed.
    is_unwrapped: bool,
}

impl<R: Read> LineReader<R> {
    /// Reads from the present position of `reader`. `line_bytes` is the longest line returned; longer ones are counted.
    /// Positions count bytes from here and carry `generation`.
    pub fn new(reader: R, generation: GenerationId, line_bytes: usize) -> Self {
        let twice_a_line = Framer::longest_partial(line_bytes).saturating_mul(2);
        Self {
            reader,
            framer: Framer::new(line_bytes),
            frames: Frames::new(Frame::None, line_bytes),
            carried: None,
            next: None,
            buffer: vec![0; READ_BYTES.max(twice_a_line)],
            pending: 0..0,
            position: Position {
                generation,
                offset: 0,
            },
            ended: false,
        }
    }

    /// Counts positions from `offset`, the number of bytes of the stream that were skipped before.
    #[must_use]
    pub fn starting_at(mut self, offset: u64) -> Self {
        self.position.offset = offset;
        self
    }

    /// Removes the wrappers of a container log from lines of up to `line_bytes`. The text begins with `head`, which was read
    /// before.
    #[must_use]
    pub fn framed(mut self, frame: Frame, line_bytes: usize, head: &[u8]) -> Self {
        self.frames = Frames::new(frame, line_bytes);
        self.frames.judge(head);
        self.framer.set_limit(self.frames.limit());
        self
    }

    /// Goes on with the line that another text left open in `before`, and leaves its own open in `next`.
    #[must_use]
    pub fn between(mut self, before: Option<&Carry>, next: Option<Carry>) -> Self {
        self.carried = before.and_then(Carry::take);
        self.next = next;
        self
    }

    /// Returns whether lines have the wrappers of a container log.
    pub fn is_container_log(&self) -> bool {
        self.frames.are_wrapped()
    }

    /// Returns the underlying reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Returns the underlying reader.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Returns the next lines, or `None` after the last ones. Blocks as long as the stream does, and returns the lines of
    /// one read if any ended in it. After an error nothing that was read is lost: call it again.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>> {
        while !self.ended {
            let step = self.cut_once()?;
            if !self.is_empty(&step) {
                return Ok(Some(self.batch(&step)));
            }
        }
        Ok(None)
    }

    /// Reads once and returns the lines that ended; `None` if none did. See [`Self::has_ended`]. Unlike
    /// [`Self::next_batch`], it returns after a bounded number of bytes, however long a line is.
    pub fn next_read(&mut self) -> Result<Option<Batch<'_>>> {
        if self.ended {
            return Ok(None);
        }
        let step = self.cut_once()?;
        Ok((!self.is_empty(&step)).then(|| self.batch(&step)))
    }

    /// Returns whether everything was read and returned.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads once and cuts the pending bytes.
    fn cut_once(&mut self) -> Result<Step> {
        let end = self.fill()?;
        let data = &self.buffer[self.pending.start..end];
        self.ended = end == self.pending.end;
        let mut cut = if self.ended {
            self.framer.finish(data)
        } else {
            self.framer.cut(data)
        };
        let is_unwrapped = !self.frames.are_plain() && self.unwrap(end, &mut cut);
        let (start, base) = (self.pending.start, self.position.offset);
        self.pending = start + cut.consumed..end;
        self.position.offset += cut.consumed as u64;
        Ok(Step {
            start,
            base,
            cut,
            is_unwrapped,
        })
    }

    /// Removes the wrappers of lines, which leaves those unread that are parts of a line without an end. Returns false if
    /// they have none.
    fn unwrap(&mut self, end: usize, cut: &mut Cut) -> bool {
        let next = self.next.as_ref().filter(|_| self.ended);
        let behind = match next {
            Some(_) => Behind::More,
            None => Behind::of(self.ended, &self.framer),
        };
        let lines = &self.buffer[self.pending.start..end][cut.lines.clone()];
        let carried = self.carried.as_ref();
        let consumed = self.frames.unwrap(lines, carried, behind);
        self.framer.set_limit(self.frames.limit());
        let Some(consumed) = consumed else {
            return false;
        };
        if let Some(next) = &self.next {
            next.begin();
        }
        if let Some(next) = next {
            next.put(
                self.frames
                    .rest(&lines[consumed..], carried.filter(|_| consumed == 0)),
            );
        }
        if consumed > 0 {
            self.carried = None;
        }
        cut.leave(consumed, behind == Behind::More && !self.ended);
        true
    }

    /// Reads once behind the pending bytes, which it moves to the front; returns the end of the data.
    fn fill(&mut self) -> Result<usize> {
        self.buffer.copy_within(self.pending.clone(), 0);
        self.pending = 0..self.pending.len();
        if !self.frames.are_plain() {
            let bytes = self.frames.buffer(self.buffer.len());
            self.buffer.resize(bytes, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.pending.end..]) {
                Ok(bytes) => return Ok(self.pending.end + bytes),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_empty(&self, step: &Step) -> bool {
        let is_left_empty = || {
            let (lines, asides) = self.frames.output();
            lines.is_empty() && asides.is_empty() && step.cut.overlong == 0
        };
        step.cut.is_empty() && !step.is_unwrapped || step.is_unwrapped && is_left_empty()
    }

    fn batch(&self, step: &Step) -> Batch<'_> {
        let Step { start, cut, .. } = step;
        let end = Position {
            offset: step.base + cut.lines.end as u64,
            ..self.position
        };
        if step.is_unwrapped {
            let (lines, asides) = self.frames.output();
            return Batch::new(lines, cut.overlong, end).with_asides(asides);
        }
        let bytes = &self.buffer[start + cut.lines.start..start + cut.lines.end];
        Batch::new(bytes, cut.overlong, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::io;

    /// Returns one piece per read, and an interruption before each.
    struct Pieces {
        pieces: VecDeque<Vec<u8>>,
        interrupted: bool,
    }

    impl Pieces {
        fn new(pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
            let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
            Self {
                pieces: pieces.collect(),
                interrupted: false,
            }
        }
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let Some(mut piece) = self.pieces.pop_front() else {
                return Ok(0);
            };
            let bytes = piece.len().min(buffer.len());
            buffer[..bytes].copy_from_slice(&piece[..bytes]);
            if bytes < piece.len() {
                self.pieces.push_front(piece.split_off(bytes));
            }
            Ok(bytes)
        }
    }

    /// Lines within the limit, the number of longer ones, and the last position.
    fn read_all(reader: impl Read, limit: usize) -> (Vec<Vec<u8>>, u64, u64) {
        let mut reader = LineReader::new(reader, GenerationId(3), limit);
        let (mut lines, mut overlong, mut offset) = (Vec::new(), 0, 0);
        while let Some(batch) = reader.next_batch().unwrap() {
            assert_eq!(batch.end().generation, GenerationId(3));
            assert!(batch.end().offset > offset);
            offset = batch.end().offset;
            overlong += batch.overlong();
            for line in batch.lines() {
                if line.len() > limit {
                    overlong += 1;
                } else {
                    lines.push(line.to_vec());
                }
            }
        }
        assert!(reader.next_batch().unwrap().is_none());
        (lines, overlong, offset)
    }

    fn check(pieces: &[&str], lines: &[&str], overlong: u64) {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        let pieces = Pieces::new(pieces.iter().map(|piece| piece.as_bytes().to_vec()));
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        assert_eq!(read_all(pieces, 4), (lines, overlong, bytes as u64));
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        check(&[], &[], 0);
        check(&["a", "b", "\nc", "d\n"], &["ab", "cd"], 0);
        check(&["a\r\nb\r", "\n"], &["a", "b"], 0);
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        check(&["a\nb"], &["a", "b"], 0);
        check(&["a\nabc", "defgh"], &["a"], 1);
    }

    #[test]
    fn a_line_larger_than_the_buffer_is_counted_and_its_successor_kept() {
        let long = "x".repeat(3 * READ_BYTES + 17);
        check(&[&long, "\nab\n"], &["ab"], 1);
        check(&["ab\n", &long], &["ab"], 1);
    }

    #[test]
    fn lines_across_buffer_boundaries_are_kept() {
        let expected: Vec<_> = (0..100_000).map(|n| format!("line {n}")).collect();
        let text = expected.join("\n");
        let (lines, overlong, offset) = read_all(text.as_bytes(), 100);
        assert_eq!((overlong, offset), (0, text.len() as u64));
        assert!(lines.iter().eq(expected.iter().map(String::as_bytes)));
    }

    #[test]
    fn one_read_of_an_endless_line_returns() {
        let mut reader = LineReader::new(io::repeat(b'x'), GenerationId(0), 100);
        for _ in 0..10 {
            assert!(reader.next_read().unwrap().is_none());
            assert!(!reader.has_ended());
        }
        let mut reader = LineReader::new(&b"a\nb"[..], GenerationId(0), 100);
        assert_eq!(reader.next_read().unwrap().unwrap().bytes(), b"a\n");
        assert_eq!(reader.next_read().unwrap().unwrap().bytes(), b"b");
        assert!(reader.has_ended() && reader.next_read().unwrap().is_none());
    }

    #[test]
    fn batches_after_the_first_allocate_nothing() {
        let text = "some line\n".repeat(200_000);
        let mut reader = LineReader::new(text.as_bytes(), GenerationId(0), 100);
        let info = allocation_counter::measure(|| while reader.next_batch().unwrap().is_some() {});
        assert_eq!(info.count_total, 0);
    }

    /// Fails once in the middle of a line.
    struct Flaky(u8);

    impl Read for Flaky {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            self.0 += 1;
            let text: &[u8] = match self.0 {
                1 => b"a\nb",
                2 => return Err(io::Error::other("flaky")),
                3 => b"c\n",
                _ => b"",
            };
            buffer[..text.len()].copy_from_slice(text);
            Ok(text.len())
        }
    }

    #[test]
    fn an_error_loses_nothing_already_read() {
        let mut reader = LineReader::new(Flaky(0), GenerationId(0), 10);
        assert_eq!(reader.next_batch().unwrap().unwrap().bytes(), b"a\n");
        assert!(reader.next_batch().is_err());
        assert_eq!(reader.next_batch().unwrap().unwrap().bytes(), b"bc\n");
        assert!(reader.next_batch().unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_lines_of_the_whole(
            pieces in proptest::collection::vec("[a-c\n\r]{0,9}", 0..20),
        ) {
            let whole = pieces.concat();
            let pieces = Pieces::new(pieces.into_iter().map(String::into_bytes));
            prop_assert_eq!(read_all(pieces, 4), read_all(whole.as_bytes(), 4));
        }
    }
}
