//! The counts of one source.
//!
//! Invariant: a row leads straight to the series of every family that counts it; each line is in the ledger once.

use std::sync::Arc;

use super::definition::{Definition, Kind, Values};
use super::history::History;
use super::ledger::Ledger;
use super::rows::{Key, Row, Rows};
use super::table::{LabelValues, Table, label_names};
use crate::model::{self, Course, Family, Number, Series, Track, Unit, Value};

/// The counts and the ledger of one source. Families are numbered by their place among the definitions, those of
/// rejected lines left out.
#[derive(Debug)]
pub struct Shard {
    source: Arc<str>,
    tables: Vec<Table>,
    /// Families of rejected lines.
    rejected: Vec<Definition>,
    rows: Rows,
    /// True if series may exist without a row: those that start at 0, and those of a merged shard.
    has_idle_series: bool,
    ledger: Ledger,
    /// Present if counts are kept by time.
    history: Option<Box<History>>,
}

impl Shard {
    /// Creates an empty shard. The ledger should contain every reason, at 0.
    pub fn new(source: Arc<str>, definitions: Vec<Definition>, ledger: Ledger) -> Self {
        let (rejected, counted): (Vec<_>, Vec<_>) = definitions
            .into_iter()
            .partition(|definition| definition.kind == Kind::Rejected);
        Self {
            source,
            rows: Rows::new(),
            tables: counted.into_iter().map(Table::new).collect(),
            rejected,
            has_idle_series: false,
            ledger,
            history: None,
        }
    }

    /// Keeps counts by time from now on.
    #[must_use]
    pub fn by_time(self) -> Self {
        Self {
            history: Some(Box::new(History::new(self.tables.len()))),
            ..self
        }
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
        if let Some(history) = &mut self.history {
            history.record(&self.tables, &self.rows, self.ledger.rejected_lines());
        }
    }

    /// Returns the row of a registered key.
    #[inline]
    pub fn find(&mut self, key: Key) -> Option<Row> {
        self.rows.find(key)
    }

    /// Counts one request.
    #[inline]
    pub fn count(&mut self, row: Row, values: &Values) {
        self.ledger.recorded += 1;
        if let Some(history) = &mut self.history {
            history.touch(row);
        }
        let slots = self.rows.slots(row, self.tables.len());
        for (table, slot) in self.tables.iter_mut().zip(slots) {
            table.count(*slot, values);
        }
    }

    /// Accounts for a line that is counted in an overflow row.
    pub fn add_overflow(&mut self) {
        self.ledger.overflow += 1;
    }

    /// Returns the overflow row of a key that was refused a short while ago.
    pub fn find_overflow(&self, key: Key) -> Option<Row> {
        self.rows.find_overflow_key(key)
    }

    /// Returns whether [`Self::register`] can succeed. Over the cap, it can only if all series of the row exist; if every
    /// series has a row, such rows are too rare to search for.
    pub fn can_register(&self) -> bool {
        !self.rows.is_full() || self.has_idle_series
    }

    /// Registers a key with its label values in each family, `None` for a family that excludes it. Calls `admit` with the
    /// number of new series, unless all exist. Returns `None` if it refuses.
    pub fn register(
        &mut self,
        key: Key,
        labels: Vec<Option<LabelValues>>,
        admit: impl FnOnce(usize) -> bool,
    ) -> Option<Row> {
        let tables = self.tables.iter().zip(&labels);
        let fresh = tables
            .filter(|(table, labels)| labels.as_ref().is_some_and(|new| !table.contains(new)))
            .count();
        let may_add = fresh == 0 || (!self.rows.is_full() && admit(fresh));
        may_add.then(|| {
            self.rows
                .register(key, Self::slots(&mut self.tables, labels))
        })
    }

    /// Returns the overflow row for the families that count a key, and remembers it for the key. `labels` makes the
    /// label values of the row if it does not exist.
    pub fn register_overflow(
        &mut self,
        key: Key,
        feeds: Box<[bool]>,
        labels: impl FnOnce(&[bool]) -> Vec<Option<LabelValues>>,
    ) -> Row {
        let row = self.rows.find_overflow(&feeds).unwrap_or_else(|| {
            let slots = Self::slots(&mut self.tables, labels(&feeds));
            self.rows.add_overflow(feeds, slots)
        });
        self.rows.remember_overflow_key(key, row);
        row
    }

    fn slots(
        tables: &mut [Table],
        labels: Vec<Option<LabelValues>>,
    ) -> impl Iterator<Item = usize> {
        let tables = tables.iter_mut().zip(labels);
        tables.map(|(table, labels)| labels.map_or(Table::SINK, |labels| table.slot(labels)))
    }

    /// Adds the missing ones of these series to a family, at 0. Calls `admit` with the number of new series; if it refuses,
    /// none is added. Returns whether all exist.
    pub fn initialise(
        &mut self,
        family: usize,
        label_sets: Vec<LabelValues>,
        admit: impl FnOnce(usize) -> bool,
    ) -> bool {
        let Some(table) = self.tables.get_mut(family) else {
            return false;
        };
        let mut fresh = label_sets;
        fresh.retain(|labels| !table.contains(labels));
        if !admit(fresh.len()) {
            return false;
        }
        self.has_idle_series |= !fresh.is_empty();
        self.rows.forget_overflow_keys();
        for labels in fresh {
            table.slot(labels);
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

    /// Accounts for the bytes of a batch.
    pub fn add_bytes(&mut self, bytes: u64) {
        self.ledger.bytes += bytes;
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
    pub fn snapshot(&self) -> Vec<Family> {
        let rejected = self.rejected.iter();
        let counted = self.tables.iter().map(Table::family);
        counted
            .chain(rejected.map(|definition| self.rejected_family(definition)))
            .collect()
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
    fn rejected_family(&self, definition: &Definition) -> Family {
        let names = label_names(definition).into_iter();
        Family {
            name: Arc::clone(&definition.name),
            help: Arc::clone(&definition.help),
            kind: model::Kind::Counter,
            series: vec![Series {
                labels: names.map(|name| (name, Arc::clone(&self.source))).collect(),
                value: Value::Number(Number::Exact(self.ledger.rejected_lines(), Unit::One)),
            }],
        }
    }

    /// Returns the exporter's own families about the source.
    pub fn account(&self) -> Vec<Family> {
        self.ledger.families(&self.source, self.series() as u64)
    }

    /// Adds the ledger of another shard, and the counts of its families. A family that is defined differently here
    /// starts at 0.
    pub fn merge(&mut self, other: &Self) {
        for theirs in &other.tables {
            let is_same = |mine: &&mut Table| mine.definition.name == theirs.definition.name;
            let mine = self.tables.iter_mut().find(is_same);
            if let Some(mine) = mine.filter(|mine| mine.definition.counts_like(&theirs.definition))
            {
                mine.merge(theirs);
            }
        }
        self.has_idle_series |= self.series() > 0;
        self.rows.forget_overflow_keys();
        self.ledger.add(&other.ledger);
    }
}

#[cfg(test)]
mod tests;
