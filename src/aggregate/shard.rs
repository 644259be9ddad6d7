//! One source's counts.
//!
//! Invariant: a row, once found, leads straight to the series of every family it feeds.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::table::{LabelValues, Table};
use super::{Definition, Ledger, Values};
use crate::model::{Family, Position, SCHEMA, Saved};

/// The small integers that all labels of a line come from, packed by whoever knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u64);

/// Whoever packed the keys: knows their labels, and how many series there may be.
pub trait Names {
    /// The value of a label.
    fn label(&self, key: Key, label: &str) -> Arc<str>;
    /// The value of a label in the series that take what is over the cap.
    fn overflow(&self, label: &str) -> Arc<str>;
    /// Whether so many more series may be made.
    fn admit(&self, series: usize) -> bool;
}

/// Counts, ledger and positions of one source.
#[derive(Debug)]
pub struct Shard {
    source: Arc<str>,
    tables: Vec<Table>,
    rows: HashTable<(Key, u32)>,
    hasher: RandomState,
    /// For each row, the slot in each table.
    slots: Vec<usize>,
    /// The row for what is over the cap, and that the cap was met.
    overflow: Option<u32>,
    ledger: Ledger,
    positions: Vec<Position>,
}

impl Shard {
    /// An empty shard. `definitions` in any order; the ledger starts with every reason at 0.
    pub fn new(source: &str, definitions: Vec<Definition>, ledger: Ledger) -> Self {
        Self {
            source: source.into(),
            tables: definitions.into_iter().map(Table::new).collect(),
            rows: HashTable::new(),
            hasher: RandomState::default(),
            slots: Vec::new(),
            overflow: None,
            ledger,
            positions: Vec::new(),
        }
    }

    /// Counts one request.
    #[inline]
    pub fn apply(&mut self, key: Key, values: &Values, names: &impl Names) {
        self.ledger.recorded += 1;
        let hash = self.hasher.hash_one(key.0);
        let row = match self.rows.find(hash, |(known, _)| *known == key) {
            Some((_, row)) => *row,
            None => self.admit(key, hash, names),
        };
        let width = self.tables.len();
        let slots = &self.slots[row as usize * width..][..width];
        for (table, slot) in self.tables.iter_mut().zip(slots) {
            table.count(*slot, values);
        }
    }

    /// Accounts for a line that could not be counted.
    pub fn reject(&mut self, reason: &'static str) {
        *self.ledger.rejected.entry(reason).or_default() += 1;
    }

    /// Accounts for a line left out on purpose.
    pub fn skip(&mut self, rule: &'static str) {
        *self.ledger.skipped.entry(rule).or_default() += 1;
    }

    /// Accounts for the bytes of a batch and takes note of where it ended.
    pub fn advance(&mut self, bytes: u64, end: Position) {
        self.ledger.bytes += bytes;
        match self
            .positions
            .iter_mut()
            .find(|position| position.generation == end.generation)
        {
            Some(position) => *position = end,
            None => self.positions.push(end),
        }
    }

    /// Forgets the positions of generations that are finished.
    pub fn retain_positions(&mut self, mut open: impl FnMut(&Position) -> bool) {
        self.positions.retain(|position| open(position));
    }

    /// The account of lines.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The families of the product.
    pub fn snapshot(&self) -> Vec<Family> {
        self.tables.iter().map(Table::family).collect()
    }

    /// The families about the source itself.
    pub fn account(&self) -> Vec<Family> {
        let series = self.tables.iter().map(Table::len).sum::<usize>();
        self.ledger.families(&self.source, series as u64)
    }

    /// Counts and positions of this instant.
    pub fn save(&self) -> Saved {
        Saved {
            schema: SCHEMA,
            positions: self.positions.clone(),
            families: self.tables.iter().map(Table::save).collect(),
        }
    }

    /// Adds what another shard had counted; its ledger comes along.
    pub fn restore(&mut self, saved: &Saved, ledger: &Ledger) {
        for family in &saved.families {
            let same = self
                .tables
                .iter_mut()
                .find(|table| *table.definition.name == *family.name);
            if let Some(table) = same {
                table.restore(family);
            }
        }
        self.positions.clone_from(&saved.positions);
        self.ledger.add(ledger);
    }

    /// Adds the counts and the account of another shard of the same definitions.
    pub fn merge(&mut self, other: &Self) {
        self.restore(&other.save(), &other.ledger);
    }

    /// The row of a key seen for the first time, or the overflow row.
    #[cold]
    fn admit(&mut self, key: Key, hash: u64, names: &impl Names) -> u32 {
        if self.overflow.is_none() {
            let labels: Vec<LabelValues> = self
                .tables
                .iter()
                .map(|table| values(table, |label| names.label(key, label)))
                .collect();
            let fresh = self
                .tables
                .iter()
                .zip(&labels)
                .filter(|(table, labels)| !table.contains(labels))
                .count();
            if names.admit(fresh) {
                let row = self.add_row(labels);
                let hasher = &self.hasher;
                self.rows
                    .insert_unique(hash, (key, row), |(key, _)| hasher.hash_one(key.0));
                return row;
            }
        }
        self.ledger.overflow += 1;
        if let Some(row) = self.overflow {
            return row;
        }
        let labels = self
            .tables
            .iter()
            .map(|table| values(table, |label| names.overflow(label)))
            .collect();
        let row = self.add_row(labels);
        self.overflow = Some(row);
        row
    }

    fn add_row(&mut self, labels: Vec<LabelValues>) -> u32 {
        let row = self.slots.len() / self.tables.len().max(1);
        for (table, labels) in self.tables.iter_mut().zip(labels) {
            self.slots.push(table.slot(labels));
        }
        // Every row owns at least one series, so rows are bounded as series are.
        u32::try_from(row).unwrap_or(u32::MAX)
    }
}

fn values(table: &Table, value: impl Fn(&str) -> Arc<str>) -> LabelValues {
    table
        .definition
        .labels
        .iter()
        .map(|label| value(label))
        .collect()
}
