//! Rejected lines, and examples of them.

use super::{Pipeline, RejectExamples, Watch};
use crate::aggregate::Shard;

impl Pipeline {
    /// Collects examples of rejected lines of the text that begins now.
    pub fn collect_examples(&mut self, shard: &Shard) {
        self.examples = Some(Box::new(RejectExamples::begin(self.lines(shard))));
    }

    /// Removes and returns the examples of rejected lines of the text.
    pub fn take_examples(&mut self) -> RejectExamples {
        let examples = self.examples.as_deref_mut();
        examples.map(std::mem::take).unwrap_or_default()
    }

    /// Accounts for a rejected line; `text` is `None` if it is over-long.
    #[cold]
    pub(super) fn reject<W: Watch>(
        &mut self,
        shard: &mut Shard,
        reason: &'static str,
        text: Option<&[u8]>,
        watcher: &mut W,
    ) {
        if let Some(mut examples) = self.examples.take() {
            let text = text.map(|text| text.strip_suffix(b"\r").unwrap_or(text));
            examples.note(reason, text, || self.lines(shard));
            self.examples = Some(examples);
        }
        shard.reject(reason);
        watcher.rejected(reason, text);
    }
}
