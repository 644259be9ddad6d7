//! The lines that a replica leaves to the pipeline that it is a replica of.
//!
//! Invariant: lines are whole, and in their sequence.

/// Lines that a replica did not count.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    /// The lines, each with its newline.
    pub(super) text: Vec<u8>,
    /// Number of lines deferred so far.
    pub(super) lines: u64,
}

impl Deferred {
    #[cold]
    pub(super) fn add(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        self.lines += 1;
    }
}
