//! Offers counted lines as exemplars, and gathers the exemplars of a page.
//!
//! Invariant: the exemplar of a bucket is of a line that the bucket counted.

use super::definition::Values;
use super::exemplars::{Exemplars, Kept, Shown};
use super::rows::Row;
use super::shard::Shard;
use super::table::Table;
use crate::model::{Exemplar, ExemplarId, Record};

impl Shard {
    /// Keeps exemplars with this id from now on.
    #[must_use]
    pub fn with_exemplars(mut self, which: ExemplarId) -> Self {
        for table in &mut self.tables {
            let exemplars = Exemplars::new(&table.frame.definition, which);
            table.exemplars = exemplars.map(Box::new);
        }
        self.exemplars = Some(which);
        self.notes_lines = true;
        self
    }

    /// Offers a line that is counted as an exemplar. It is dated by the time when it was written; without one, and if that is in
    /// the future, by the time of reading.
    pub(super) fn offer(
        &mut self,
        row: Row,
        values: &Values,
        record: &Record<'_>,
        which: ExemplarId,
    ) {
        let now = self.now;
        let time = record.time.and_then(|text| self.last_time.parse(text));
        let time = time.map_or(now, |time| time.min(now));
        if time < Exemplar::shown_since(now) {
            return;
        }
        // Read only if the line is later than the exemplar of one of its buckets.
        let mut ids = None;
        for (table, slot) in self.tables.iter_mut().zip(self.rows.slots(row)) {
            if *slot != Table::EXCLUDED
                && let Some(exemplars) = &mut table.exemplars
                && let Some((cell, value)) = exemplars.find(*slot, values, time, now)
            {
                let Some(ids) = *ids.get_or_insert_with(|| which.read(record)) else {
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
    pub(super) fn shown_exemplars(&mut self) -> Vec<Vec<Shown>> {
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
