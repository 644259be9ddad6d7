//! Bounds of what is read and held of a container log.

use crate::source::frame::{Framer, READ_BYTES};

/// Text after which runtimes divide a line, in bytes.
const PART_BYTES: usize = 16 * 1024;
/// Longest escape of a byte in JSON: `\u001b`.
const ESCAPE_BYTES: usize = 6;
/// Bytes that a wrapper may add to the text: attributes, tags, times.
const WRAPPER_BYTES: usize = 1024;

/// Bounds of a container log whose lines have a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) struct FrameLimits {
    /// Longest line, in bytes, without its wrappers.
    pub(super) line: usize,
    /// Longest line of the file, in bytes.
    pub(in crate::source) physical: usize,
    /// Most bytes of the file from the first part of a line to its end, lines of stderr in between included.
    pub(super) extent: usize,
}

impl FrameLimits {
    /// Returns the bounds for lines of up to `line_bytes`.
    pub(in crate::source) fn new(line_bytes: usize) -> Self {
        let part = line_bytes.min(PART_BYTES).saturating_mul(ESCAPE_BYTES);
        let physical = line_bytes.max(part).saturating_add(WRAPPER_BYTES);
        Self {
            line: line_bytes,
            physical,
            extent: READ_BYTES.max(physical.saturating_mul(2)),
        }
    }

    /// Returns the size of a buffer that holds a line with all its parts, and the beginning of the line behind it.
    pub(in crate::source) fn buffer(self) -> usize {
        let partial = Framer::longest_partial(self.physical);
        self.extent.saturating_add(partial.saturating_mul(2))
    }
}
