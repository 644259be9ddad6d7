//! The counts of one source.
//!
//! Invariant: the tables and the blocks of the rows together contain each line that was counted, once; so does the
//! ledger. Tables are read once the blocks are empty.

use std::sync::Arc;

use super::block::Layout;
use super::definition::{Definition, Kind, Values};
use super::exemplars::{LastTime, attach};
use super::frame::label_names;
use super::history::History;
use super::key::Key;
use super::ledger::{Accounts, Ledger};
use super::rows::{Registration, Row, Rows};
use super::table::{LabelValues, Table};
use crate::model::{self, Course, ExemplarId, Family, Number, Record, Series, Track, Unit, Value};

/// The counts and the ledger of one source. Families are numbered by their place among the definitions, those of
/// rejected lines left out.
#[derive(Debug)]
pub struct Shard {
    source: Arc<str>,
    pub(super) tables: Vec<Table>,
    /// Families of rejected lines.
    pub(super) rejected: Vec<Definition>,
    pub(super) rows: Rows,
    layout: Layout,
    /// Lines counted before the blocks were last flushed.
    flushed: u64,
    /// Buffer for the bytes of a block.
    bytes: Vec<u8>,
    /// True once a series was refused. Lines then create no series but those for overflow.
    is_full: bool,
    pub(super) ledger: Ledger,
    /// Time at which new series are made, in milliseconds since 1970; 0 if it is not known.
    pub(super) now: u64,
    /// Present if counts are kept by time.
    history: Option<Box<History>>,
    /// The id that exemplars show, if they are kept.
    pub(super) exemplars: Option<ExemplarId>,
    pub(super) last_time: LastTime,
    /// True if a family has native histograms.
    has_natives: bool,
    /// True if lines are noted elsewhere than in blocks: by time, in native histograms, or as exemplars.
    pub(super) notes_lines: bool,
}

impl Shard {
    /// Creates an empty shard. The ledger should contain every reason, at 0.
    pub fn new(source: Arc<str>, definitions: Vec<Definition>, ledger: Ledger) -> Self {
        let (rejected, counted): (Vec<_>, Vec<_>) = definitions
            .into_iter()
            .partition(|definition| definition.kind == Kind::Rejected);
        let layout = Layout::new(&counted);
        let tables = counted.into_iter().filter_map(|definition| {
            let place = layout.place(&definition)?;
            Some(Table::new(definition, place))
        });
        let tables: Vec<Table> = tables.collect();
        let has_natives = tables.iter().any(Table::has_natives);
        Self {
            source,
            rows: Rows::new(layout.parts(), tables.len()),
            flushed: ledger.recorded,
            // Counting allocates nothing.
            bytes: Vec::with_capacity(layout.bytes()),
            layout,
            tables,
            rejected,
            is_full: false,
            ledger,
            now: 0,
            history: None,
            exemplars: None,
            last_time: LastTime::default(),
            has_natives,
            notes_lines: has_natives,
        }
    }

    /// Keeps counts by time from now on, and no native histograms.
    #[must_use]
    pub fn by_time(mut self) -> Self {
        self.tables.iter_mut().for_each(Table::without_natives);
        Self {
            history: Some(Box::new(History::new(self.tables.len()))),
            has_natives: false,
            notes_lines: true,
            ..self
        }
    }

    /// Sets the time, in milliseconds since 1970, at which series are made from now on. Before the first call it is not known.
    pub fn set_now(&mut self, millis: u64) {
        self.now = millis;
    }

    /// Keeps the order in which rows are registered from now on, for [`Self::registrations`].
    pub fn keep_order(&mut self) {
        self.rows.keep_order();
    }

    /// Begins a step, counted from 1970: the lines that follow were written in it. Steps may come in any order.
    #[inline]
    pub fn begin_step(&mut self, step: u32) {
        let history = self.history.as_ref();
        if history.is_some_and(|history| history.is_other(step)) {
            self.record_history();
            if let Some(history) = &mut self.history {
                history.begin(step);
            }
        }
    }

    fn record_history(&mut self) {
        if let Some(mut history) = self.history.take() {
            for row in history.touched() {
                self.flush_row(*row);
            }
            history.record(&self.tables, &self.rows, self.ledger.rejected_lines());
            self.history = Some(history);
        }
    }

    /// Returns the row of a registered key.
    #[inline]
    pub fn find(&self, key: Key) -> Option<Row> {
        self.rows.find(key)
    }

    /// Returns the label values of the series that a row is counted in, of one family; `None` if the family excludes it.
    pub fn labels(&self, row: Row, family: usize) -> Option<&[Arc<str>]> {
        let slot = self.rows.slots(row).get(family)?;
        self.tables.get(family)?.labels_at(*slot)
    }

    /// Counts one request, whose line had these values.
    #[expect(
        clippy::inline_always,
        reason = "once for each line, in two copies of the loop over lines: one watches"
    )]
    #[inline(always)]
    pub fn count(&mut self, row: Row, values: &Values, record: &Record<'_>) {
        self.ledger.recorded += 1;
        if self.notes_lines {
            self.note(row, values, record);
        }
        if self.layout.count(self.rows.block(row), values) {
            self.flush_line(row, values);
        }
    }

    /// Notes a line for the records by time, in native histograms, or as an exemplar.
    #[inline(never)]
    fn note(&mut self, row: Row, values: &Values, record: &Record<'_>) {
        if let Some(history) = &mut self.history {
            history.touch(row);
        }
        if self.has_natives {
            for (table, slot) in self.tables.iter_mut().zip(self.rows.slots(row)) {
                table.observe(*slot, values);
            }
        }
        if let Some(which) = self.exemplars {
            self.offer(row, values, record, which);
        }
    }

    /// Flushes the block of a row whose last line had these values.
    #[cold]
    fn flush_line(&mut self, row: Row, values: &Values) {
        self.flush_row(row);
        for (table, slot) in self.tables.iter_mut().zip(self.rows.slots(row)) {
            table.add_large(*slot, values);
        }
    }

    /// Adds what was counted in the block of a row to the tables.
    fn flush_row(&mut self, row: Row) {
        if self.layout.take(self.rows.block(row), &mut self.bytes) {
            for (table, slot) in self.tables.iter_mut().zip(self.rows.slots(row)) {
                table.add(*slot, &self.bytes);
            }
        }
    }

    /// Flushes all blocks.
    pub(super) fn flush(&mut self) {
        if self.flushed != self.ledger.recorded {
            for row in self.rows.all() {
                self.flush_row(row);
            }
            self.flushed = self.ledger.recorded;
        }
    }

    /// Returns a row for a line whose key is not registered. `labels` returns its label values in each family, `None` for a
    /// family that excludes it. Calls `admit` with the number of new series, unless all exist. If it refuses, families
    /// that lack the series count the line in their series for overflow, and the ledger counts it as overflow.
    pub fn register(
        &mut self,
        key: Key,
        labels: impl FnOnce() -> Vec<Option<LabelValues>>,
        admit: impl FnOnce(usize) -> bool,
    ) -> Row {
        if let Some(row) = self.rows.find_overflow(key) {
            self.ledger.overflow += 1;
            return row;
        }
        let labels = labels();
        let tables = self.tables.iter().zip(&labels);
        let known = tables.map(|(table, labels)| match labels {
            None => Some(Table::EXCLUDED),
            Some(labels) => table.find(labels),
        });
        let known: Vec<Option<usize>> = known.collect();
        let fresh = known.iter().filter(|slot| slot.is_none()).count();
        let is_whole = fresh == 0 || (!self.is_full && admit(fresh));
        let tables = self.tables.iter_mut().zip(known).zip(labels);
        let slots = tables.map(|((table, slot), labels)| match (slot, labels) {
            (Some(slot), _) => slot,
            (None, Some(labels)) if is_whole => table.add_series(labels, self.now),
            (None, _) => table.overflow_slot(&self.source, self.now),
        });
        let slots: Vec<usize> = slots.collect();
        if is_whole {
            return self.rows.register(key, &slots);
        }
        self.is_full = true;
        self.ledger.overflow += 1;
        if self.rows.has_max_overflow_keys() {
            self.forget_overflow();
        }
        self.rows.register_overflow(key, &slots)
    }

    /// Forgets the rows of overflow keys, once what was counted in them is in the tables and recorded.
    fn forget_overflow(&mut self) {
        self.flush();
        self.record_history();
        self.rows.forget_overflow();
    }

    /// Adds the missing ones of these series to a family, at 0. Calls `admit` with the number of new series; if it refuses,
    /// none is added. Returns whether all exist.
    pub fn initialise(
        &mut self,
        family: usize,
        label_sets: Vec<LabelValues>,
        admit: impl FnOnce(usize) -> bool,
    ) -> bool {
        self.forget_overflow();
        let Some(table) = self.tables.get_mut(family) else {
            return false;
        };
        let mut fresh = label_sets;
        fresh.retain(|labels| table.find(labels).is_none());
        if !admit(fresh.len()) {
            return false;
        }
        for labels in fresh {
            table.slot(labels, self.now);
        }
        true
    }

    /// Accounts for a rejected line.
    pub fn reject(&mut self, reason: &'static str) {
        *self.ledger.rejected.entry(reason).or_default() += 1;
    }

    /// Accounts for a line skipped by a rule.
    pub fn skip(&mut self, rule: &'static str) {
        *self.ledger.skipped.entry(rule).or_default() += 1;
    }

    /// Accounts for lines skipped by a rule.
    pub fn skip_many(&mut self, rule: &'static str, lines: u64) {
        *self.ledger.skipped.entry(rule).or_default() += lines;
    }

    /// Accounts for the bytes of a batch.
    pub fn add_bytes(&mut self, bytes: u64) {
        self.ledger.bytes += bytes;
    }

    /// Takes back the bytes of a line of the batch that is too long.
    pub fn subtract_bytes(&mut self, bytes: u64) {
        self.ledger.bytes -= bytes;
    }

    /// Returns the number of series.
    pub fn series(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }

    /// Returns the account of all lines.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the families of the product, unsorted.
    pub fn snapshot(&mut self) -> Vec<Family> {
        self.flush();
        let exemplars = self.shown_exemplars();
        let rejected = self.rejected.iter();
        let counted = self.tables.iter_mut().map(Table::family);
        let mut families: Vec<Family> = counted.collect();
        attach(&exemplars, &mut families);
        families.extend(rejected.map(|definition| self.rejected_family(definition)));
        families
    }

    /// Removes and returns the families of the product over time; empty unless counts are kept by time.
    pub fn take_timeline(&mut self) -> Vec<Course> {
        self.record_history();
        let Some(mut history) = self.history.take() else {
            return Vec::new();
        };
        let tables = self.tables.iter().zip(history.take_tables());
        let mut courses: Vec<Course> = tables
            .map(|(table, changes)| table.course(changes))
            .collect();
        let changes = history.take_rejected();
        courses.extend(self.rejected.iter().map(|definition| {
            let family = self.rejected_family(definition);
            let zero = Value::Number(Number::Exact(0, Unit::One));
            let tracks = family.series.into_iter().map(|series| Track {
                labels: series.labels,
                zero: zero.clone(),
                changes: changes.clone(),
            });
            Course {
                name: family.name,
                help: family.help,
                kind: family.kind,
                tracks: tracks.collect(),
            }
        }));
        courses
    }

    /// Returns the number of rejected lines as a family of the product.
    pub(super) fn rejected_family(&self, definition: &Definition) -> Family {
        let names = label_names(definition).into_iter();
        Family {
            name: Arc::clone(&definition.name),
            help: Arc::clone(&definition.help),
            kind: model::Kind::Counter,
            series: vec![Series {
                labels: names.map(|name| (name, Arc::clone(&self.source))).collect(),
                value: Value::Number(Number::Exact(self.ledger.rejected_lines(), Unit::One)),
                created: None,
            }],
        }
    }

    /// Adds the source to the exporter's own metrics about sources.
    pub fn account(&self, accounts: &mut Accounts) {
        accounts.add(&self.source, &self.ledger, self.series() as u64);
    }

    /// Returns the registered rows behind the first `known`, in the order of registration; none unless that is kept.
    pub fn registrations(&self, known: usize) -> impl Iterator<Item = Registration> {
        self.rows.registrations(known)
    }

    /// Returns the number of registered rows.
    pub fn registered(&self) -> usize {
        self.rows.registered()
    }

    /// Registers a row of another shard with the same definitions, to be counted for it; see [`Self::absorb`].
    pub fn adopt(&mut self, row: &Registration) {
        for (table, slot) in self.tables.iter_mut().zip(&row.slots) {
            table.make_room(*slot);
        }
        self.rows.register(row.key, &row.slots);
    }

    /// Adds the counts and the ledger of a shard that registered only rows of this one.
    pub fn absorb(&mut self, replica: &mut Self) {
        replica.flush();
        for (mine, theirs) in self.tables.iter_mut().zip(&replica.tables) {
            mine.absorb(theirs);
        }
        self.ledger.add(&replica.ledger);
    }
}

#[cfg(test)]
mod tests;
