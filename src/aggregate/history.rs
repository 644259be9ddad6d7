//! When a shard's numbers grew.
//!
//! Invariant: what was noted, and what the shard counted since, add up to the shard's numbers; lines may come in
//! any order of their steps. Memory is about 32 bytes for each number and step in which it grew.

use super::table::Table;
use crate::model::Change;

/// So many changes are kept as they come before those of one step and number are added up.
const UNSORTED: usize = 1 << 20;

/// The past of a shard.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The step that lines are being counted in; none before the first that has a time.
    step: Option<u32>,
    /// Rows counted in since the last note.
    touched: Vec<u32>,
    is_touched: Vec<bool>,
    /// For each table.
    pasts: Vec<Past>,
    /// Of the lines that were not understood.
    rejected: Past,
}

/// The past of a table. The cells of changes are places among all its values.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The values at the last note.
    noted: Vec<u64>,
    /// At the place of a series' first value: the first step in which it was counted in.
    begins: Vec<u32>,
    changes: Vec<Change>,
    /// How many there were when they were last added up.
    sorted: usize,
}

impl History {
    pub(super) fn new(tables: usize) -> Self {
        let pasts = std::iter::repeat_with(Past::default).take(tables);
        Self {
            pasts: pasts.collect(),
            ..Self::default()
        }
    }

    /// A line is counted in this row.
    #[inline]
    pub(super) fn touch(&mut self, row: u32) {
        let at = row as usize;
        if at >= self.is_touched.len() {
            self.is_touched.resize(at + 1, false);
        }
        if !std::mem::replace(&mut self.is_touched[at], true) {
            self.touched.push(row);
        }
    }

    /// Whether the next line belongs to another step.
    #[inline]
    pub(super) fn is_over(&self, step: u32) -> bool {
        self.step != Some(step)
    }

    /// Lines of this step follow.
    pub(super) fn begin(&mut self, step: u32) {
        self.step = Some(step);
    }

    /// Takes down what grew. Lines that were not understood tell no time: they belong where the line before
    /// them does, or, at the beginning, the first that has a time.
    pub(super) fn note(&mut self, tables: &[Table], slots: &[usize], rejected: u64) {
        let Some(step) = self.step else {
            return;
        };
        for row in self.touched.drain(..) {
            self.is_touched[row as usize] = false;
            let slots = &slots[row as usize * tables.len()..][..tables.len()];
            for ((table, past), slot) in tables.iter().zip(&mut self.pasts).zip(slots) {
                if !table.is_sink(*slot) {
                    past.note(step, *slot, table.values_at(*slot));
                }
            }
        }
        self.rejected.note(step, 0, &[rejected]);
    }

    /// What a table's numbers did.
    pub(super) fn of_table(&mut self, table: usize) -> &mut Past {
        &mut self.pasts[table]
    }

    /// How the number of lines that were not understood grew.
    pub(super) fn of_rejected(&mut self) -> Vec<Change> {
        self.rejected.take().collect()
    }
}

impl Past {
    /// Takes down what the values of a series grew by.
    fn note(&mut self, step: u32, first: usize, values: &[u64]) {
        if self.noted.len() < first + values.len() {
            self.noted.resize(first + values.len(), 0);
            self.begins.resize(first + values.len(), u32::MAX);
        }
        self.begins[first] = self.begins[first].min(step);
        for (at, value) in (first..).zip(values) {
            let noted = std::mem::replace(&mut self.noted[at], *value);
            if noted != *value {
                self.changes.push(Change {
                    step,
                    cell: u32::try_from(at).unwrap_or(u32::MAX),
                    delta: value.wrapping_sub(noted),
                });
            }
        }
        if self.changes.len() > self.sorted.saturating_mul(2).max(UNSORTED) {
            Change::add_up(&mut self.changes);
            self.sorted = self.changes.len();
        }
    }

    /// Everything noted, sorted by step, then by cell.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Change> + use<> {
        let mut changes = std::mem::take(&mut self.changes);
        // A series is there from its first line on, if only with a 0.
        let begins = (0..)
            .zip(&self.begins)
            .filter(|(_, step)| **step != u32::MAX);
        changes.extend(begins.map(|(cell, step)| Change {
            step: *step,
            cell,
            delta: 0,
        }));
        Change::add_up(&mut changes);
        changes.into_iter()
    }
}
