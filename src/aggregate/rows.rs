//! Maps a line's key to its row, and the row to a slot in every table.
//!
//! Invariant: a key is registered at most once; a registered key is never an overflow key.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Least and largest number of recent rows, which are found without a hash table. Powers of two.
const MIN_RECENT: usize = 16;
const MAX_RECENT: usize = 256;
/// Recent rows for each registered one: with fewer, rows that share a place would often be looked up in the hash table.
const RECENT_PER_ROW: usize = 8;

/// Largest number of overflow keys remembered; they take up to 2 MiB, and their rows 512 KiB for each table. Tests reach
/// it with a few lines.
const OVERFLOW_KEYS: usize = if cfg!(test) { 8 } else { 1 << 16 };

/// The small integers from which all labels of a line are made, packed into one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u64);

/// A row of the shard that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row(
    /// Offset of the row's slots.
    usize,
);

/// A registered row: its key, and its slot in each table.
#[derive(Clone, Debug)]
pub struct Registration {
    pub(super) key: Key,
    pub(super) slots: Box<[usize]>,
}

/// The rows of a shard.
#[derive(Debug)]
pub(super) struct Rows {
    registered: HashTable<(Key, Row)>,
    /// The registered rows, in the order of registration, if that is kept.
    order: Option<Vec<(Key, Row)>>,
    /// Rows found recently, each at the place of its key. There are more places the more rows are registered.
    recent: Box<[(Key, Row)]>,
    hasher: RandomState,
    /// For each row, the slot in each table.
    slots: Vec<usize>,
    /// Overflow keys seen recently. Making their labels again for each line would cost far more than counting it.
    overflow_keys: HashTable<(Key, Row)>,
    /// The rows of the overflow keys, by their slots: keys that are counted in the same series share one.
    overflow: HashTable<Row>,
    /// Rows of forgotten overflow keys, to be used again.
    free: Vec<Row>,
}

impl Key {
    /// Returns the place of the key among so many recent rows: a power of two, at most [`MAX_RECENT`].
    #[inline]
    const fn place(self, places: usize) -> usize {
        // Multiplied by 2^64 over the golden ratio, keys that differ a little spread.
        let [.., high] = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        high as usize & (places - 1)
    }
}

impl Row {
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            registered: HashTable::new(),
            order: None,
            recent: empty_places(MIN_RECENT),
            hasher: RandomState::default(),
            slots: Vec::new(),
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
    pub(super) fn find(&mut self, key: Key) -> Option<Row> {
        let (known, row) = self.recent[key.place(self.recent.len())];
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
        let place = key.place(self.recent.len());
        self.recent[place] = *found;
        Some(found.1)
    }

    /// Returns the slots of a row, one for each of `tables` tables.
    #[inline]
    pub(super) fn slots(&self, row: Row, tables: usize) -> &[usize] {
        &self.slots[row.0..][..tables]
    }

    /// Registers a key that has no row.
    pub(super) fn register(&mut self, key: Key, slots: &[usize]) -> Row {
        let row = self.push(slots);
        insert(&mut self.registered, &self.hasher, (key, row));
        if let Some(order) = &mut self.order {
            order.push((key, row));
        }
        let places = self.recent.len();
        if places < MAX_RECENT && self.registered.len() * RECENT_PER_ROW > places {
            self.recent = empty_places(2 * places);
        }
        row
    }

    /// Returns the number of registered rows.
    pub(super) fn registered(&self) -> usize {
        self.registered.len()
    }

    /// Returns the registered rows behind the first `known`, in the order of registration; none unless that is kept.
    pub(super) fn registrations(
        &self,
        known: usize,
        tables: usize,
    ) -> impl Iterator<Item = Registration> {
        let order = self.order.as_deref().unwrap_or_default();
        let new = order.get(known..).unwrap_or_default();
        new.iter().map(move |(key, row)| Registration {
            key: *key,
            slots: self.slots(*row, tables).into(),
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
        let is_same = |row: &Row| self.slots(*row, slots.len()) == slots;
        let row = self.overflow.find(hash, is_same).copied();
        let row = row.unwrap_or_else(|| {
            let row = match self.free.pop() {
                Some(row) => {
                    self.slots[row.0..][..slots.len()].copy_from_slice(slots);
                    row
                }
                None => self.push(slots),
            };
            let rehash = |row: &Row| self.hasher.hash_one(&self.slots[row.0..][..slots.len()]);
            self.overflow.insert_unique(hash, row, rehash);
            row
        });
        insert(&mut self.overflow_keys, &self.hasher, (key, row));
        row
    }

    /// Forgets the overflow keys. Their rows lead to other series from now on.
    pub(super) fn forget_overflow(&mut self) {
        self.overflow_keys.clear();
        self.free.extend(self.overflow.drain());
    }

    fn push(&mut self, slots: &[usize]) -> Row {
        let row = Row(self.slots.len());
        self.slots.extend_from_slice(slots);
        row
    }
}

/// Returns recent rows without an entry: each place holds a key of another one, so that no look-up finds it.
fn empty_places(places: usize) -> Box<[(Key, Row)]> {
    let mut recent = vec![(Key(0), Row(0)); places];
    recent[Key(0).place(places)] = (Key(1), Row(0));
    recent.into()
}

fn insert(table: &mut HashTable<(Key, Row)>, hasher: &RandomState, entry: (Key, Row)) {
    let hash = |(key, _): &(Key, Row)| hasher.hash_one(key.0);
    table.insert_unique(hash(&entry), entry, hash);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_keys_and_their_rows_take_bounded_memory() {
        let mut rows = Rows::new();
        for key in 0..1_000 {
            if rows.has_max_overflow_keys() {
                rows.forget_overflow();
            }
            // Two keys share each row.
            let slots = [0, usize::try_from(key).unwrap() / 2];
            let row = rows.register_overflow(Key(key), &slots);
            assert_eq!(rows.slots(row, 2), slots);
            assert_eq!(rows.find_overflow(Key(key)), Some(row));
        }
        assert_eq!(rows.slots.len(), OVERFLOW_KEYS);
        assert!((0..1_000).all(|key| rows.find(Key(key)).is_none()));
    }

    #[test]
    fn recent_rows_grow_with_the_registered_ones_and_lose_none() {
        let mut rows = Rows::new();
        let mut places = vec![rows.recent.len()];
        for key in 0..100 {
            assert_eq!(rows.find(Key(key)), None);
            let row = rows.register(Key(key), &[]);
            assert!((0..=key).all(|known| rows.find(Key(known)).is_some()));
            assert_eq!(rows.find(Key(key)), Some(row));
            places.push(rows.recent.len());
        }
        places.dedup();
        assert_eq!(places, [16, 32, 64, 128, 256]);
    }

    #[test]
    fn the_order_of_registration_is_kept_on_request() {
        let register = |rows: &mut Rows| {
            for key in [5, 3, 4] {
                rows.register(Key(key), &[0]);
            }
            let behind = rows.registrations(1, 1);
            behind.map(|row| row.key.0).collect::<Vec<_>>()
        };
        let mut rows = Rows::new();
        assert!(register(&mut rows).is_empty());
        assert_eq!(rows.registered(), 3);
        let mut rows = Rows::new();
        rows.keep_order();
        assert_eq!(register(&mut rows), [3, 4]);
    }

    #[test]
    fn keys_of_one_place_do_not_hide_each_other() {
        let mut rows = Rows::new();
        for key in 0..1_000 {
            let slots = [key, key + 1].map(|slot| usize::try_from(slot).unwrap());
            rows.register(Key(key), &slots);
        }
        for key in (0..1_000).chain((0..1_000).rev()) {
            let row = rows.find(Key(key)).unwrap();
            assert_eq!(rows.slots(row, 2)[0] as u64, key);
        }
    }
}
