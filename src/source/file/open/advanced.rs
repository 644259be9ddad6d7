//! Logs that are to be made durable before the position in them is.

use super::OpenFiles;
use crate::source::file::fs::Fs;
use crate::source::file::open_log::OpenLog;

impl<F: Fs> OpenFiles<F> {
    /// Returns all open files, or those of which more was consumed since the last call. Without a descriptor for one, it comes
    /// with the next call.
    pub(in crate::source::file) fn take_logs(
        &mut self,
        fs: &F,
        all: bool,
    ) -> Vec<Box<dyn OpenLog>> {
        let mut advanced = Vec::new();
        for generation in &mut self.generations {
            let end = generation.consumed.end;
            if (all || end != generation.taken_until)
                && let Ok(log) = fs.log(&generation.file)
            {
                generation.taken_until = end;
                advanced.push(log);
            }
        }
        advanced
    }
}
