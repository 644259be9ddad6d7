//! Reads the request targets of lines, as the router sees them, for commands that explain.

use std::sync::Arc;

use crate::pattern::{Pattern, Scratch};

/// Reads lines of one pattern.
#[derive(Debug)]
pub struct TargetReader {
    pattern: Arc<Pattern>,
    scratch: Scratch,
}

impl TargetReader {
    /// Makes a reader of a pattern.
    pub fn new(pattern: Arc<Pattern>) -> Self {
        Self {
            scratch: pattern.scratch(),
            pattern,
        }
    }

    /// Returns the target of a line, with the escapes of the log undone; `None` if the line is not read, has no target, or
    /// names its view.
    pub fn read(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let record = self.pattern.parse(&mut self.scratch, line).ok()?;
        let target = record.target.filter(|_| record.view.is_none())?;
        let (mut unescaped, mut restored) = (Vec::new(), Vec::new());
        let target = self.pattern.escaping().undo(target, &mut unescaped);
        let target = self.pattern.target_form().restore(target, &mut restored);
        Some(target.to_vec())
    }
}
