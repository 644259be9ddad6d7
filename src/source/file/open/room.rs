//! Descriptors for more files than may be open at one time.
//!
//! Invariant: a file that is closed for another one was read to its end and is at its followed path; it leaves a record with
//! its position, and is opened again once its metadata change.

use super::{Generation, OpenFiles};
use crate::model::GenerationId;
use crate::source::file::fs::Fs;
use crate::source::file::history::FinishedFile;

impl<F: Fs> OpenFiles<F> {
    /// Returns how many more files may be open.
    pub(in crate::source::file) fn room(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// Closes up to `most` files that can be opened again where they are, those without a change for the longest time first;
    /// returns their records.
    pub(in crate::source::file) fn give_back(&mut self, fs: &F, most: usize) -> Vec<FinishedFile> {
        let mut quiet: Vec<_> = (self.generations.iter())
            .filter(|own| own.is_at_rest())
            .map(|own| (own.changed, own.id))
            .collect();
        quiet.sort_unstable();
        quiet.truncate(most);
        let mut ids: Vec<_> = quiet.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        let mut records = Vec::with_capacity(ids.len());
        self.generations.retain(|own| {
            if ids.binary_search(&own.id).is_err() {
                return true;
            }
            let record = own.parked(fs);
            let is_kept = record.is_none();
            records.extend(record);
            is_kept
        });
        records
    }

    /// Closes a file at once.
    pub(in crate::source::file) fn close(&mut self, id: GenerationId) {
        self.generations.retain(|own| own.id != id);
    }

    /// Returns whether a file can be closed for one that waits.
    pub(in crate::source::file) fn can_give_back(&self) -> bool {
        self.generations.iter().any(Generation::is_at_rest)
    }
}
