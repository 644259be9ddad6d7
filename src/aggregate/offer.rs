//! Offers counted lines as exemplars, and gathers the exemplars of a page.
//!
//! Invariant: the exemplar of a bucket is of a line that the bucket counted.

use super::definition::Values;
use super::exemplars::{Exemplars, Kept, Shown};
use super::rows::Row;
use super::shard::Shard;
use super::table::Table;
use crate::model::{Exemplar, ExemplarId, RequestIds};

impl Shard {
    /// Keeps exemplars with this id from now on.
    #[must_use]
    pub fn with_exemplars(mut self, which: ExemplarId) -> Self {
        for table in &mut self.tables {
            let exemplars = Exemplars::new(&table.frame.definition, which);
            table.exemplars = exemplars.map(Box::new);
        }
        self
    }

    /// Offers a line that was just counted as an exemplar. `time` is when it was written, in milliseconds since 1970; without
    /// one, and if that is in the future, the line is dated by the time of reading. `ids` are asked for at most once, and only
    /// if the line is later than the exemplar of one of its buckets.
    pub fn offer(
        &mut self,
        row: Row,
        values: &Values,
        time: Option<u64>,
        ids: impl Fn() -> Option<RequestIds>,
    ) {
        let now = self.now;
        let time = time.map_or(now, |time| time.min(now));
        if time < Exemplar::shown_since(now) {
            return;
        }
        let mut read = None;
        for (table, slot) in self.tables.iter_mut().zip(self.rows.slots(row)) {
            if *slot != Table::EXCLUDED
                && let Some(exemplars) = &mut table.exemplars
                && let Some((cell, value)) = exemplars.find(*slot, values, time, now)
            {
                let Some(ids) = *read.get_or_insert_with(&ids) else {
                    return;
                };
                exemplars.keep(Kept {
                    cell,
                    time,
                    value,
                    ids,
                });
            }
        }
    }

    /// Returns the exemplars of each table that are to be shown, and sorts the tables. Forgets those that are too old.
    pub(super) fn exemplars(&mut self) -> Vec<Vec<Shown>> {
        let since = Exemplar::shown_since(self.now);
        let tables = self.tables.iter_mut().map(|table| {
            let Some(mut exemplars) = table.exemplars.take() else {
                return Vec::new();
            };
            exemplars.forget_before(since);
            table.sort();
            let shown = exemplars.shown(table.sorted_slots());
            table.exemplars = Some(exemplars);
            shown
        });
        tables.collect()
    }
}

#[cfg(test)]
mod tests;
