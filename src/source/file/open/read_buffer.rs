//! Memory into which files are read.
//!
//! Invariant: it grows to what the longest line needs, and holds nothing between two rounds.

use crate::source::container::Frames;
use crate::source::file::fingerprint::TAIL_BYTES;
use crate::source::frame::Framer;

/// Memory into which files are read. It holds nothing between two rounds: sources of one thread share it.
#[derive(Debug, Default)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
}

impl ReadBuffer {
    /// Returns a part for [`Generation::read`] of `read_bytes`, or of the size of two lines if that is larger, or of what a
    /// container log needs.
    pub(super) fn part(
        &mut self,
        read_bytes: usize,
        line_bytes: usize,
        frames: &Frames,
    ) -> &mut [u8] {
        let twice_a_line = Framer::longest_partial(line_bytes).saturating_mul(2);
        let bytes = frames.buffer(read_bytes.max(twice_a_line));
        let bytes = TAIL_BYTES.saturating_add(bytes);
        if self.bytes.len() < bytes {
            self.bytes = vec![0; bytes];
        }
        &mut self.bytes[..bytes]
    }

    /// Returns the memory that it takes, in bytes.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}
