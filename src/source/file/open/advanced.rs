//! Logs that are to be made durable before the position in them is.

use std::fs::File;

use super::OpenFiles;
use crate::source::file::fs::Fs;

impl<F: Fs<File = File>> OpenFiles<F> {
    /// Returns duplicates of all open files, or of those of which more was consumed since the last call. Without a descriptor
    /// for one, it comes with the next call.
    pub(in crate::source::file) fn take_logs(&mut self, all: bool) -> Vec<File> {
        let mut advanced = Vec::new();
        for generation in &mut self.generations {
            let end = generation.consumed.end;
            if (all || end != generation.taken_until)
                && let Ok(file) = generation.file.try_clone()
            {
                generation.taken_until = end;
                advanced.push(file);
            }
        }
        advanced
    }
}
