//! Files that were gone after a restart before they were known to be read to their end.
//!
//! Invariant: such a file is a gap, unless its text is found elsewhere within a time.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Gone, History};

impl History {
    /// Notes that the file of the last record is gone, of which `unread` known bytes were not read.
    pub(in crate::source::file) fn note_gone(&mut self, path: &Path, unread: u64, now: Duration) {
        let gone = Gone {
            path: path.to_path_buf(),
            unread,
            since: now,
        };
        self.gone.insert(self.last_number, gone);
    }

    /// Notes that a file holds text of `base` that was read up to one of these places: that of a file that was gone, perhaps.
    pub(in crate::source::file) fn note_continued(
        &mut self,
        base: &Path,
        places: RangeInclusive<u64>,
    ) {
        let records = &self.records;
        self.gone.retain(|number, _| {
            let record = records.get(number);
            !record.is_some_and(|record| places.contains(&record.consumed) && *record.base == *base)
        });
    }

    /// Returns the files that have been gone for `wait`, each with the number of bytes consumed of it and that of bytes that
    /// were not read.
    pub(in crate::source::file) fn lost(
        &mut self,
        wait: Duration,
        now: Duration,
    ) -> Vec<(PathBuf, u64, u64)> {
        let is_lost = |gone: &Gone| now.saturating_sub(gone.since) >= wait;
        let lost = self.gone.extract_if(.., |_, gone| is_lost(gone));
        let consumed = |number| {
            self.records
                .get(&number)
                .map_or(0, |record| record.consumed)
        };
        lost.map(|(number, gone)| (gone.path, consumed(number), gone.unread))
            .collect()
    }
}
