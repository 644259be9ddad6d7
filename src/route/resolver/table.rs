//! Hash table of the short literal segments of a trie node.
//!
//! Invariant: the URLconf alone decides the size of a table; lookups never change it.

use super::words::{WORDS_BYTES, Words};

/// Maps short segments to values: open addressing, linear probing, at most four fifths full.
#[derive(Clone, Debug)]
pub(super) struct LiteralTable<T> {
    /// A power of two of them, or none.
    slots: Box<[Slot<T>]>,
    seed: u64,
    /// Shift that leaves as many bits of a product as the size has.
    shift: u32,
}

#[derive(Clone, Debug)]
#[repr(align(64))] // A look-up usually reads one cache line.
struct Slot<T> {
    words: Words,
    value: Option<T>,
}

/// Seeds tried to find one that spreads the segments of a node without collisions.
const SEEDS: usize = 64;

impl<T> LiteralTable<T> {
    /// Longest segment of a table, in bytes.
    pub(super) const LONGEST: usize = WORDS_BYTES;

    /// Makes a table of distinct segments of at most [`Self::LONGEST`] bytes.
    pub(super) fn new(segments: Vec<(Vec<u8>, T)>) -> Self {
        let words: Vec<Words> = segments
            .iter()
            .map(|(text, _)| Words::from_segment(text))
            .collect();
        let size = match segments.len() {
            0 => 0,
            count => (count + count / 4 + 1).next_power_of_two(),
        };
        let spread = Spread::new(&words, size);
        let free = || Slot {
            words: Words::from_segment(b""),
            value: None,
        };
        let mut slots: Vec<_> = (0..size).map(|_| free()).collect();
        for (((_, value), words), place) in segments.into_iter().zip(words).zip(spread.places) {
            let value = Some(value);
            slots[place] = Slot { words, value };
        }
        Self {
            slots: slots.into(),
            seed: spread.seed,
            shift: spread.shift,
        }
    }

    /// Returns the only segment and its value, if there is only one and `accept` returns true for its value.
    pub(super) fn into_only(mut self, accept: impl Fn(&T) -> bool) -> Result<(Words, T), Self> {
        let mut values = self.slots.iter().filter_map(|slot| slot.value.as_ref());
        if !matches!((values.next(), values.next()), (Some(only), None) if accept(only)) {
            return Err(self);
        }
        let mut slots = self.slots.iter_mut();
        let only = slots.find_map(|slot| Some((slot.words, slot.value.take()?)));
        only.ok_or(self)
    }

    /// Looks up a segment of at most [`Self::LONGEST`] bytes.
    #[expect(clippy::inline_always, reason = "a call would cost a third of it")]
    #[inline(always)]
    pub(super) fn find(&self, words: Words) -> Option<&T> {
        let mut place = home(words, self.seed, self.shift);
        while let Some(slot) = self.slots.get(place) {
            // A free slot has the words of an empty segment, and no value.
            if slot.words == words {
                return slot.value.as_ref();
            }
            slot.value.as_ref()?;
            place = (place + 1) & (self.slots.len() - 1);
        }
        None
    }
}

/// Slots of all segments under one seed.
struct Spread {
    shift: u32,
    seed: u64,
    places: Vec<usize>,
    /// Probes past the first that lookups of all segments take.
    probes: usize,
}

impl Spread {
    /// Finds the best of [`SEEDS`] seeds. `size` is a power of two and at least the number of words.
    fn new(words: &[Words], size: usize) -> Self {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        let mut best = Self::from_seed(words, size, seed);
        for _ in 1..SEEDS {
            if best.probes == 0 {
                break;
            }
            seed = seed.wrapping_mul(0xd134_2543_de82_ef95) | 1;
            let other = Self::from_seed(words, size, seed);
            if other.probes < best.probes {
                best = other;
            }
        }
        best
    }

    fn from_seed(words: &[Words], size: usize, seed: u64) -> Self {
        let shift = 64 - size.max(2).trailing_zeros();
        let mut taken = vec![false; size];
        let (mut places, mut probes) = (Vec::new(), 0);
        for words in words {
            let mut at = home(*words, seed, shift);
            while taken[at] {
                at = (at + 1) & (size - 1);
                probes += 1;
            }
            taken[at] = true;
            places.push(at);
        }
        Self {
            shift,
            seed,
            places,
            probes,
        }
    }
}

#[inline]
fn home(words: Words, seed: u64, shift: u32) -> usize {
    let mixed = words.first ^ words.second.rotate_left(29);
    #[expect(clippy::cast_possible_truncation, reason = "the shift leaves few bits")]
    let home = (mixed.wrapping_mul(seed) >> (shift & 63)) as usize;
    home
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn exactly_the_inserted_segments_are_found(
            segments in proptest::collection::btree_set("[ab]{0,16}", 0..60),
            asked in proptest::collection::vec("[ab]{0,16}", 0..60),
        ) {
            let known: BTreeMap<_, _> = segments.into_iter().zip(1..).collect();
            let entries = known.iter().map(|(segment, value)| (segment.clone().into_bytes(), *value));
            let table: LiteralTable<u32> = LiteralTable::new(entries.collect());
            for segment in known.keys().chain(&asked) {
                let found = table.find(Words::from_segment(segment.as_bytes()));
                proptest::prop_assert_eq!(found, known.get(segment));
            }
        }
    }
}
