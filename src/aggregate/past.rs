//! The recorded growth of a table's values.
//!
//! Invariant: the changes add up to the values at the last record. Memory is about 32 bytes for each value and step in
//! which it grew.

use crate::model::Change;

/// Number of changes kept before those of one step and cell are added up.
const UNSORTED: usize = 1 << 20;

/// Recorded growth of a table. Cells of changes are offsets into the values of the whole table.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The values at the last record.
    recorded: Vec<u64>,
    /// At the offset of a series' first value, the first step in which the series was counted; otherwise `u32::MAX`.
    begins: Vec<u32>,
    changes: Vec<Change>,
    /// Number of changes after they were last added up.
    sorted: usize,
}

impl Past {
    /// Records the growth of a series whose values begin at the offset `first`.
    pub(super) fn record(&mut self, step: u32, first: usize, values: &[u64]) {
        if self.recorded.len() < first + values.len() {
            self.recorded.resize(first + values.len(), 0);
            self.begins.resize(first + values.len(), u32::MAX);
        }
        self.begins[first] = self.begins[first].min(step);
        let recorded = &mut self.recorded[first..];
        for ((cell, recorded), value) in (cell(first)..).zip(recorded).zip(values) {
            let delta = value.wrapping_sub(*recorded);
            if delta != 0 {
                *recorded = *value;
                self.changes.push(Change { step, cell, delta });
            }
        }
        if self.changes.len() > self.sorted.saturating_mul(2).max(UNSORTED) {
            Change::add_up(&mut self.changes);
            self.sorted = self.changes.len();
        }
    }

    /// Removes and returns all changes, sorted by step, then by cell.
    pub(super) fn take(&mut self) -> Vec<Change> {
        let mut changes = std::mem::take(&mut self.changes);
        // A series exists from its first line on, even if its value stays 0.
        let begins = (0..)
            .zip(&self.begins)
            .filter(|(_, step)| **step != u32::MAX);
        changes.extend(begins.map(|(cell, step)| Change {
            step: *step,
            cell,
            delta: 0,
        }));
        Change::add_up(&mut changes);
        changes
    }
}

/// Converts an offset into a table's values.
#[expect(
    clippy::expect_used,
    reason = "`limits.series` times the cells of a histogram is far below 2^32"
)]
pub(super) fn cell(offset: usize) -> u32 {
    u32::try_from(offset).expect("a table has fewer than 2^32 values")
}
