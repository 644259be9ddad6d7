//! Maps a line's key to its row, and the row to its block and to a slot in every table.
//!
//! Invariant: a key is registered at most once; a registered key is never an overflow key.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::block::{Layout, Part};
use super::key::Key;

/// Number of places before the first row. A power of two.
const MIN_PLACES: usize = 16;

/// Largest number of overflow keys remembered; they take up to 2 MiB, and their rows 512 KiB for each table and 4 MiB
/// for each part of a block. Tests reach it with a few lines.
const OVERFLOW_KEYS: usize = if cfg!(test) { 8 } else { 1 << 16 };

/// A row of the shard that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row(u32);

/// A registered row: its key, and its slot in each table.
#[derive(Clone, Debug)]
pub struct Registration {
    pub(super) key: Key,
    pub(super) slots: Box<[usize]>,
}

/// The rows of a shard.
#[derive(Debug)]
pub(super) struct Rows {
    /// The registered rows by the hash of their key, each at the first free place from its hash on. At least half of
    /// the places are free.
    places: Box<[Place]>,
    /// Number of registered rows.
    registered: usize,
    /// The registered rows, in the order of registration, if that is kept.
    order: Option<Vec<Row>>,
    /// Random factor of the keys' hashes.
    seed: u64,
    hasher: RandomState,
    /// The block of each row.
    blocks: Vec<Part>,
    /// Number of parts of a block.
    parts: usize,
    /// For each row, the slot in each table.
    slots: Vec<usize>,
    /// Number of tables.
    tables: usize,
    /// Overflow keys seen recently. Making their labels again for each line would cost far more than counting it.
    overflow_keys: HashTable<(Key, Row)>,
    /// The rows of the overflow keys, by their slots: keys that are counted in the same series share one.
    overflow: HashTable<Row>,
    /// Rows of forgotten overflow keys, to be used again.
    free: Vec<Row>,
}

/// A place for a registered row.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Hash of the row's key.
    hash: u32,
    row: Row,
}

impl Row {
    /// Marks a place without a row.
    const NONE: Self = Self(u32::MAX);

    /// Returns the number of the row, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Place {
    const FREE: Self = Self {
        hash: 0,
        row: Row::NONE,
    };
}

impl Rows {
    /// Creates rows with blocks of so many parts and slots in so many tables.
    pub(super) fn new(parts: usize, tables: usize) -> Self {
        let hasher = RandomState::default();
        Self {
            seed: hasher.hash_one(0) | 1,
            places: [Place::FREE; MIN_PLACES].into(),
            registered: 0,
            order: None,
            hasher,
            blocks: Vec::new(),
            parts,
            slots: Vec::new(),
            tables,
            overflow_keys: HashTable::new(),
            overflow: HashTable::new(),
            free: Vec::new(),
        }
    }

    /// Keeps the order in which rows are registered, from now on.
    pub(super) fn keep_order(&mut self) {
        self.order = Some(Vec::new());
    }

    /// Returns the row of a registered key.
    #[inline]
    pub(super) fn find(&self, key: Key) -> Option<Row> {
        let hash = self.hash(key);
        let mut at = hash as usize;
        loop {
            let place = self.places.get(at & (self.places.len() - 1))?;
            // The block is read for the line anyway.
            if place.hash == hash && place.row != Row::NONE && self.key(place.row) == key {
                return Some(place.row);
            }
            if place.row == Row::NONE {
                return None;
            }
            at += 1;
        }
    }

    /// Returns the slots of a row, one for each table.
    pub(super) fn slots(&self, row: Row) -> &[usize] {
        &self.slots[row.index() * self.tables..][..self.tables]
    }

    /// Returns the block of a row.
    #[inline]
    pub(super) fn block(&mut self, row: Row) -> &mut [Part] {
        &mut self.blocks[row.index() * self.parts..][..self.parts]
    }

    /// Returns all rows, those that are not used included.
    pub(super) fn all(&self) -> impl Iterator<Item = Row> + use<> {
        let rows = self.blocks.len() / self.parts;
        (0..).take(rows).map(Row)
    }

    /// Registers a key that has no row.
    pub(super) fn register(&mut self, key: Key, slots: &[usize]) -> Row {
        let row = self.push(slots);
        Layout::set_key(self.block(row), key);
        self.registered += 1;
        if 2 * self.registered > self.places.len() {
            let more = vec![Place::FREE; 2 * self.places.len()].into();
            for place in std::mem::replace(&mut self.places, more) {
                if place.row != Row::NONE {
                    self.insert(place);
                }
            }
        }
        self.insert(Place {
            hash: self.hash(key),
            row,
        });
        if let Some(order) = &mut self.order {
            order.push(row);
        }
        row
    }

    /// Returns the number of registered rows.
    pub(super) fn registered(&self) -> usize {
        self.registered
    }

    /// Returns the registered rows behind the first `known`, in the order of registration; none unless that is kept.
    pub(super) fn registrations(&self, known: usize) -> impl Iterator<Item = Registration> {
        let order = self.order.as_deref().unwrap_or_default();
        let new = order.get(known..).unwrap_or_default();
        new.iter().map(|row| Registration {
            key: self.key(*row),
            slots: self.slots(*row).into(),
        })
    }

    /// Returns the row of an overflow key that is still remembered.
    pub(super) fn find_overflow(&self, key: Key) -> Option<Row> {
        let hash = self.hasher.hash_one(key.0);
        let found = self.overflow_keys.find(hash, |(known, _)| *known == key);
        found.map(|(_, row)| *row)
    }

    /// Returns whether overflow keys must be forgotten before another one is remembered.
    pub(super) fn has_max_overflow_keys(&self) -> bool {
        self.overflow_keys.len() >= OVERFLOW_KEYS
    }

    /// Remembers an overflow key and returns a row for it.
    pub(super) fn register_overflow(&mut self, key: Key, slots: &[usize]) -> Row {
        let hash = self.hasher.hash_one(slots);
        let is_same = |row: &Row| self.slots(*row) == slots;
        let row = self.overflow.find(hash, is_same).copied();
        let row = row.unwrap_or_else(|| {
            let row = match self.free.pop() {
                Some(row) => {
                    let first = row.index() * self.tables;
                    self.slots[first..][..self.tables].copy_from_slice(slots);
                    row
                }
                None => self.push(slots),
            };
            let slots = |row: &Row| &self.slots[row.index() * self.tables..][..self.tables];
            let rehash = |row: &Row| self.hasher.hash_one(slots(row));
            self.overflow.insert_unique(hash, row, rehash);
            row
        });
        let rehash = |(key, _): &(Key, Row)| self.hasher.hash_one(key.0);
        let hash = self.hasher.hash_one(key.0);
        self.overflow_keys.insert_unique(hash, (key, row), rehash);
        row
    }

    /// Forgets the overflow keys, whose blocks are empty. Their rows lead to other series from now on.
    pub(super) fn forget_overflow(&mut self) {
        self.overflow_keys.clear();
        self.free.extend(self.overflow.drain());
    }

    #[expect(
        clippy::expect_used,
        reason = "the blocks of so many rows do not fit into memory"
    )]
    fn push(&mut self, slots: &[usize]) -> Row {
        let row = u32::try_from(self.blocks.len() / self.parts).expect("fewer than 2^32 rows");
        self.blocks
            .resize(self.blocks.len() + self.parts, Part::EMPTY);
        self.slots.extend_from_slice(slots);
        Row(row)
    }

    /// Returns the key of a registered row.
    #[inline]
    fn key(&self, row: Row) -> Key {
        Layout::key(&self.blocks[row.index() * self.parts..])
    }

    /// Returns the hash of a key.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a hash of 32 bits will do")]
    fn hash(&self, key: Key) -> u32 {
        // The low half of the product depends on the low bits of the key, the high half on all.
        let product = u128::from(key.0) * u128::from(self.seed);
        (product ^ (product >> u64::BITS)) as u32
    }

    fn insert(&mut self, new: Place) {
        let most = self.places.len() - 1;
        let mut at = new.hash as usize & most;
        while self.places[at].row != Row::NONE {
            at = (at + 1) & most;
        }
        self.places[at] = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_keys_and_their_rows_take_bounded_memory() {
        let mut rows = Rows::new(1, 2);
        for key in 0..1_000 {
            if rows.has_max_overflow_keys() {
                rows.forget_overflow();
            }
            // Two keys share each row.
            let slots = [0, usize::try_from(key).unwrap() / 2];
            let row = rows.register_overflow(Key(key), &slots);
            assert_eq!(rows.slots(row), slots);
            assert_eq!(rows.find_overflow(Key(key)), Some(row));
        }
        assert_eq!(rows.all().count(), OVERFLOW_KEYS / 2);
        assert!((0..1_000).all(|key| rows.find(Key(key)).is_none()));
    }

    #[test]
    fn each_key_has_a_row_of_its_own_however_many_there_are() {
        let mut rows = Rows::new(2, 2);
        for key in 0..1_000 {
            assert_eq!(rows.find(Key(key)), None);
            let slots = [key, key + 1].map(|slot| usize::try_from(slot).unwrap());
            let row = rows.register(Key(key), &slots);
            assert_eq!(rows.find(Key(key)), Some(row));
        }
        for key in (0..1_000).chain((0..1_000).rev()) {
            let row = rows.find(Key(key)).unwrap();
            assert_eq!(rows.slots(row)[0] as u64, key);
        }
        assert_eq!(rows.registered(), 1_000);
        assert!(rows.places.len() >= 2_000);
    }

    #[test]
    fn rows_of_one_hash_are_distinguished_by_their_keys() {
        let mut rows = Rows::new(1, 0);
        let row = rows.register(Key(1), &[]);
        let other = rows.push(&[]);
        Layout::set_key(rows.block(other), Key(2));
        // As if both keys had the hash of the second one.
        let hash = rows.hash(Key(2));
        rows.places.fill(Place::FREE);
        for row in [row, other] {
            rows.insert(Place { hash, row });
        }
        assert_eq!(rows.find(Key(2)), Some(other));
    }

    #[test]
    fn the_order_of_registration_is_kept_on_request() {
        let register = |rows: &mut Rows| {
            for key in [5, 3, 4] {
                rows.register(Key(key), &[0]);
            }
            let behind = rows.registrations(1);
            behind.map(|row| row.key.0).collect::<Vec<_>>()
        };
        let mut rows = Rows::new(1, 1);
        assert!(register(&mut rows).is_empty());
        assert_eq!(rows.registered(), 3);
        let mut rows = Rows::new(1, 1);
        rows.keep_order();
        assert_eq!(register(&mut rows), [3, 4]);
    }
}
