//! Records the growth of a shard's numbers by step.
//!
//! Invariant: the records of all steps, and the lines counted since the last record, add up to the numbers of the
//! shard. Lines may come in any order of their steps.

use super::past::Past;
use super::rows::{Row, Rows};
use super::table::Table;
use crate::model::Change;

/// The recorded growth of a shard's numbers.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The step of the lines being counted; `None` before the first line with a time.
    step: Option<u32>,
    /// Rows that counted a line since the last record.
    touched: Vec<Row>,
    is_touched: Vec<bool>,
    /// By table: the growth of the values.
    pasts: Vec<Past>,
    /// Growth of the number of rejected lines.
    rejected: Past,
}

impl History {
    pub(super) fn new(tables: usize) -> Self {
        let pasts = std::iter::repeat_with(Past::default).take(tables);
        Self {
            pasts: pasts.collect(),
            ..Self::default()
        }
    }

    /// Notes that a row counted a line.
    #[inline]
    pub(super) fn touch(&mut self, row: Row) {
        let at = row.index();
        if at >= self.is_touched.len() {
            self.is_touched.resize(at + 1, false);
        }
        if !std::mem::replace(&mut self.is_touched[at], true) {
            self.touched.push(row);
        }
    }

    /// Returns whether lines of this step follow lines of another one.
    #[inline]
    pub(super) fn is_other(&self, step: u32) -> bool {
        self.step != Some(step)
    }

    /// Begins a step.
    pub(super) fn begin(&mut self, step: u32) {
        self.step = Some(step);
    }

    /// Returns the rows that counted a line since the last record.
    pub(super) fn touched(&self) -> &[Row] {
        &self.touched
    }

    /// Records the growth of the tables, which contain all that was counted. Rejected lines have no time: they belong to the step of the line before them or, at the
    /// beginning, of the first line with a time.
    pub(super) fn record(&mut self, tables: &[Table], rows: &Rows, rejected: u64) {
        let Some(step) = self.step else {
            return;
        };
        for row in self.touched.drain(..) {
            self.is_touched[row.index()] = false;
            let slots = rows.slots(row);
            for ((table, past), slot) in tables.iter().zip(&mut self.pasts).zip(slots) {
                if *slot != Table::EXCLUDED {
                    past.record(step, *slot, table.values_at(*slot));
                }
            }
        }
        self.rejected.record(step, 0, &[rejected]);
    }

    /// Removes and returns the changes of each table.
    pub(super) fn take_tables(&mut self) -> impl Iterator<Item = Vec<Change>> {
        self.pasts.iter_mut().map(Past::take)
    }

    /// Removes and returns the changes of the number of rejected lines.
    pub(super) fn take_rejected(&mut self) -> Vec<Change> {
        self.rejected.take()
    }
}
