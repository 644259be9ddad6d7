//! From a node and a segment to what stands behind it.
//!
//! Invariant: a table is as large as the URLconf made it; looking up never changes it, whatever
//! paths come.

use super::path::{Path, Segment};
use crate::model::digits::word;

/// Segments that are literals, and what stands behind each: open addresses, at most half full.
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
    held: Option<Box<Held<T>>>,
}

/// What stands behind a segment, and the segment itself, which may be longer than two words.
#[derive(Clone, Debug)]
struct Held<T> {
    value: T,
    segment: Box<[u8]>,
}

/// A segment's length, its first eight bytes and, if it has more, its last.
#[derive(Clone, Copy, Debug)]
struct Words {
    first: u64,
    last: u64,
    length: u64,
}

/// The bits of a word that a segment of so many bytes has.
const KEPT: [u64; 9] = [
    0,
    u64::MAX >> 56,
    u64::MAX >> 48,
    u64::MAX >> 40,
    u64::MAX >> 32,
    u64::MAX >> 24,
    u64::MAX >> 16,
    u64::MAX >> 8,
    u64::MAX,
];
/// Factors that are tried to find one that spreads the segments of a node.
const SEEDS: usize = 64;

impl<T> Table<T> {
    /// Of segments, each different from the others.
    pub(super) fn new(segments: Vec<(Vec<u8>, T)>) -> Self {
        let mut table = Self {
            slots: Box::default(),
            seed: 0x9e37_79b9_7f4a_7c15,
            shift: 0,
        };
        if segments.is_empty() {
            return table;
        }
        let size = (segments.len() * 2).next_power_of_two();
        table.shift = 64 - size.trailing_zeros();
        let words: Vec<Words> = segments.iter().map(|(text, _)| Words::of(text)).collect();
        let (mut best, mut fewest) = (Vec::new(), usize::MAX);
        let mut seed = table.seed;
        for _ in 0..SEEDS {
            let (places, steps) = placed(&words, size, seed, table.shift);
            if steps < fewest {
                (best, fewest, table.seed) = (places, steps, seed);
            }
            if fewest == 0 {
                break;
            }
            seed = seed.wrapping_mul(0xd134_2543_de82_ef95) | 1;
        }
        let free = || Slot {
            words: Words::of(b""),
            held: None,
        };
        let mut slots: Vec<_> = (0..size).map(|_| free()).collect();
        for (((segment, value), words), place) in segments.into_iter().zip(words).zip(best) {
            let segment = segment.into();
            let held = Some(Box::new(Held { value, segment }));
            slots[place] = Slot { words, held };
        }
        table.slots = slots.into();
        table
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What stands behind a segment.
    #[expect(clippy::inline_always, reason = "a call would cost a third of it")]
    #[inline(always)]
    pub(super) fn find(&self, path: &Path<'_>, segment: Segment) -> Option<&T> {
        let length = segment.end - segment.at;
        let words = Words::new(segment.head, segment.tail, length);
        let mut place = words.home(self.seed, self.shift);
        while let Some(slot) = self.slots.get(place) {
            // A free slot looks like one of an empty segment.
            if slot.words.is(words) {
                let held = slot.held.as_ref()?;
                if length <= 16 || held.is(path, segment) {
                    return Some(&held.value);
                }
            }
            slot.held.as_ref()?;
            place = (place + 1) & (self.slots.len() - 1);
        }
        None
    }
}

/// The places of segments in a table, and how many steps it takes to find all that are not at home.
fn placed(words: &[Words], size: usize, seed: u64, shift: u32) -> (Vec<usize>, usize) {
    let mut taken = vec![false; size];
    let (mut places, mut steps) = (Vec::new(), 0);
    for words in words {
        let mut at = words.home(seed, shift);
        while taken[at] {
            at = (at + 1) & (size - 1);
            steps += 1;
        }
        taken[at] = true;
        places.push(at);
    }
    (places, steps)
}

impl<T> Held<T> {
    #[cold]
    fn is(&self, path: &Path<'_>, segment: Segment) -> bool {
        path.bytes.get(segment.at..segment.end) == Some(&*self.segment)
    }
}

impl Words {
    fn of(segment: &[u8]) -> Self {
        let last = segment.len().saturating_sub(8);
        Self::new(word(segment, 0), word(segment, last), segment.len())
    }

    #[inline]
    fn home(self, seed: u64, shift: u32) -> usize {
        let mixed = self.first ^ self.last.rotate_left(29) ^ self.length;
        #[expect(clippy::cast_possible_truncation, reason = "few bits are left")]
        let home = (mixed.wrapping_mul(seed) >> (shift & 63)) as usize;
        home
    }

    /// Of the words that a segment begins and ends with, and its length.
    #[inline]
    fn new(head: u64, tail: u64, length: usize) -> Self {
        Self {
            first: head & KEPT[length.min(8)],
            last: if length > 8 { tail } else { 0 },
            length: length as u64,
        }
    }

    /// Whether they are the same; one branch is cheaper than three.
    #[inline]
    fn is(self, other: Self) -> bool {
        let differ = (self.first ^ other.first) | (self.last ^ other.last);
        differ | (self.length ^ other.length) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn a_segment_is_found_where_it_was_put_and_nowhere_else(
            segments in proptest::collection::btree_set("[ab]{0,20}", 0..60),
            asked in proptest::collection::vec("[ab]{0,20}", 0..60),
            before in "[ab/]{0,3}|[a/]{40,80}",
            after in "[/ab]{0,9}",
        ) {
            let known: BTreeMap<_, _> = segments.into_iter().zip(1..).collect();
            let entries = known.iter().map(|(segment, value)| (segment.clone().into_bytes(), *value));
            let table: Table<u32> = Table::new(entries.collect());
            for segment in known.keys().chain(&asked) {
                let text = format!("{before}{segment}{after}");
                let (at, end) = (before.len(), before.len() + segment.len());
                let path = Path::decoded(text.as_bytes());
                let cut = path.segment(at, path.ends(at));
                if cut.end == end {
                    let found = table.find(&path, cut);
                    proptest::prop_assert_eq!(found, known.get(segment));
                }
            }
        }
    }
}
