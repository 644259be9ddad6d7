//! From a node and a segment to what stands behind it.
//!
//! Invariant: a table is as large as the URLconf made it; looking up never changes it, whatever
//! paths come.

use super::path::{WORDS_BYTES, Words};

/// Short segments that are literals, and what stands behind each: open addresses, four fifths full at most.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    /// As many as a power of two, or none.
    slots: Box<[Slot<T>]>,
    seed: u64,
    /// What is left of a product is as many bits as the size has.
    shift: u32,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    words: Words,
    value: Option<T>,
}

/// Factors that are tried to find one that spreads the segments of a node.
const SEEDS: usize = 64;

impl<T> Table<T> {
    /// Longest segment, in bytes.
    pub(super) const LONGEST: usize = WORDS_BYTES;

    /// Of segments, each different from the others, none of them longer than the longest.
    pub(super) fn new(segments: Vec<(Vec<u8>, T)>) -> Self {
        let words: Vec<Words> = segments.iter().map(|(text, _)| Words::of(text)).collect();
        let size = match segments.len() {
            0 => 0,
            count => (count + count / 4 + 1).next_power_of_two(),
        };
        let spread = Spread::new(&words, size);
        let free = || Slot {
            words: Words::of(b""),
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

    /// What stands behind a segment that is not longer than the longest.
    #[expect(clippy::inline_always, reason = "a call would cost a third of it")]
    #[inline(always)]
    pub(super) fn find(&self, words: Words) -> Option<&T> {
        let mut place = home(words, self.seed, self.shift);
        while let Some(slot) = self.slots.get(place) {
            // A free slot looks like one of an empty segment, which has no value there either.
            if slot.words == words {
                return slot.value.as_ref();
            }
            slot.value.as_ref()?;
            place = (place + 1) & (self.slots.len() - 1);
        }
        None
    }
}

/// A way to spread segments over a table.
struct Spread {
    shift: u32,
    seed: u64,
    places: Vec<usize>,
    /// What it takes to find all that are not at home.
    steps: usize,
}

impl Spread {
    /// The best found over so many slots, a power of two; they must be enough.
    fn new(words: &[Words], size: usize) -> Self {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        let mut best = Self::with(words, size, seed);
        for _ in 1..SEEDS {
            if best.steps == 0 {
                break;
            }
            seed = seed.wrapping_mul(0xd134_2543_de82_ef95) | 1;
            let other = Self::with(words, size, seed);
            if other.steps < best.steps {
                best = other;
            }
        }
        best
    }

    fn with(words: &[Words], size: usize, seed: u64) -> Self {
        let shift = 64 - size.max(2).trailing_zeros();
        let mut taken = vec![false; size];
        let (mut places, mut steps) = (Vec::new(), 0);
        for words in words {
            let mut at = home(*words, seed, shift);
            while taken[at] {
                at = (at + 1) & (size - 1);
                steps += 1;
            }
            taken[at] = true;
            places.push(at);
        }
        Self {
            shift,
            seed,
            places,
            steps,
        }
    }
}

#[inline]
fn home(words: Words, seed: u64, shift: u32) -> usize {
    let mixed = words.first ^ words.second.rotate_left(29);
    #[expect(clippy::cast_possible_truncation, reason = "few bits are left")]
    let home = (mixed.wrapping_mul(seed) >> (shift & 63)) as usize;
    home
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn a_segment_is_found_where_it_was_put_and_nowhere_else(
            segments in proptest::collection::btree_set("[ab]{0,16}", 0..60),
            asked in proptest::collection::vec("[ab]{0,16}", 0..60),
        ) {
            let known: BTreeMap<_, _> = segments.into_iter().zip(1..).collect();
            let entries = known.iter().map(|(segment, value)| (segment.clone().into_bytes(), *value));
            let table: Table<u32> = Table::new(entries.collect());
            for segment in known.keys().chain(&asked) {
                let found = table.find(Words::of(segment.as_bytes()));
                proptest::prop_assert_eq!(found, known.get(segment));
            }
        }
    }
}
