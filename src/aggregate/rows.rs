//! Maps a line's key to its row, and the row to a slot in every table.
//!
//! Invariant: a key is registered at most once; a registered key is never an overflow key.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Number of rows found without a hash table, by one byte of a multiplied key.
const RECENT: usize = 256;

/// Largest number of overflow keys remembered; they take up to 2 MiB.
const OVERFLOW_KEYS: usize = 1 << 16;

/// The small integers from which all labels of a line are made, packed into one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u64);

/// A row of the shard that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row(
    /// Offset of the row's slots.
    usize,
);

/// The rows of a shard.
#[derive(Debug)]
pub(super) struct Rows {
    registered: HashTable<(Key, Row)>,
    /// Rows found recently, each at the place of its key.
    recent: Box<[(Key, Row); RECENT]>,
    hasher: RandomState,
    /// For each row, the slot in each table.
    slots: Vec<usize>,
    /// The rows of overflow keys, by the families that count them; empty until the cap is reached.
    overflow: Vec<(Box<[bool]>, Row)>,
    /// Overflow keys seen recently. Making their labels again for each line would cost far more than counting it.
    overflow_keys: HashTable<(Key, Row)>,
}

impl Key {
    /// Returns the place of the key among the recent rows.
    #[inline]
    const fn place(self) -> u8 {
        // Multiplied by 2^64 over the golden ratio, keys that differ a little spread.
        let [.., high] = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        high
    }
}

impl Row {
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

impl Rows {
    pub(super) fn new() -> Self {
        // An empty place holds a key of another place, so that no look-up finds it.
        let mut recent = Box::new([(Key(0), Row(0)); RECENT]);
        recent[usize::from(Key(0).place())] = (Key(1), Row(0));
        Self {
            registered: HashTable::new(),
            recent,
            hasher: RandomState::default(),
            slots: Vec::new(),
            overflow: Vec::new(),
            overflow_keys: HashTable::new(),
        }
    }

    /// Returns the row of a registered key.
    #[inline]
    pub(super) fn find(&mut self, key: Key) -> Option<Row> {
        let (known, row) = self.recent[usize::from(key.place())];
        if known == key {
            Some(row)
        } else {
            self.find_registered(key)
        }
    }

    #[inline(never)]
    fn find_registered(&mut self, key: Key) -> Option<Row> {
        let hash = self.hasher.hash_one(key.0);
        let found = self.registered.find(hash, |(known, _)| *known == key)?;
        self.recent[usize::from(key.place())] = *found;
        Some(found.1)
    }

    /// Returns the slots of a row, one for each of `tables` tables.
    #[inline]
    pub(super) fn slots(&self, row: Row, tables: usize) -> &[usize] {
        &self.slots[row.0..][..tables]
    }

    /// Registers a key that has no row.
    pub(super) fn register(&mut self, key: Key, slots: impl Iterator<Item = usize>) -> Row {
        let row = self.push(slots);
        insert(&mut self.registered, &self.hasher, (key, row));
        row
    }

    /// Returns whether an overflow row exists. If so, lines create no series.
    pub(super) fn is_full(&self) -> bool {
        !self.overflow.is_empty()
    }

    /// Returns the overflow row of a key that was assigned to one before and is still cached.
    pub(super) fn find_overflow_key(&self, key: Key) -> Option<Row> {
        let hash = self.hasher.hash_one(key.0);
        let found = self.overflow_keys.find(hash, |(known, _)| *known == key);
        found.map(|(_, row)| *row)
    }

    /// Returns the overflow row that the given families count.
    pub(super) fn find_overflow(&self, feeds: &[bool]) -> Option<Row> {
        let found = self.overflow.iter().find(|(known, _)| **known == *feeds);
        found.map(|(_, row)| *row)
    }

    /// Adds an overflow row for the given families.
    pub(super) fn add_overflow(
        &mut self,
        feeds: Box<[bool]>,
        slots: impl Iterator<Item = usize>,
    ) -> Row {
        let row = self.push(slots);
        self.overflow.push((feeds, row));
        row
    }

    /// Remembers the overflow row of a key.
    pub(super) fn remember_overflow_key(&mut self, key: Key, row: Row) {
        if self.overflow_keys.len() >= OVERFLOW_KEYS {
            self.overflow_keys.clear();
        }
        insert(&mut self.overflow_keys, &self.hasher, (key, row));
    }

    /// Forgets the overflow keys, because their series may exist by now.
    pub(super) fn forget_overflow_keys(&mut self) {
        self.overflow_keys.clear();
    }

    fn push(&mut self, slots: impl Iterator<Item = usize>) -> Row {
        let row = Row(self.slots.len());
        self.slots.extend(slots);
        row
    }
}

fn insert(table: &mut HashTable<(Key, Row)>, hasher: &RandomState, entry: (Key, Row)) {
    let hash = |(key, _): &(Key, Row)| hasher.hash_one(key.0);
    table.insert_unique(hash(&entry), entry, hash);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_keys_are_remembered_up_to_a_limit() {
        let mut rows = Rows::new();
        let row = rows.add_overflow([true].into(), [7].into_iter());
        for key in 0..OVERFLOW_KEYS as u64 + 10 {
            rows.remember_overflow_key(Key(key), row);
        }
        assert!(rows.overflow_keys.len() <= OVERFLOW_KEYS);
        assert!((0..100_000).all(|key| rows.find(Key(key)).is_none()));
        assert_eq!(rows.slots(row, 1), [7]);
    }

    #[test]
    fn keys_of_one_place_do_not_hide_each_other() {
        let mut rows = Rows::new();
        for key in 0..1_000 {
            let slots = [key, key + 1].map(|slot| usize::try_from(slot).unwrap());
            rows.register(Key(key), slots.into_iter());
        }
        for key in (0..1_000).chain((0..1_000).rev()) {
            let row = rows.find(Key(key)).unwrap();
            assert_eq!(rows.slots(row, 2)[0] as u64, key);
        }
    }
}
