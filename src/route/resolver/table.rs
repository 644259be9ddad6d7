//! From a node and a segment to the next node.
//!
//! Invariant: a table is as large as the URLconf made it; looking up never changes it, whatever
//! paths come.

use super::path::Path;

/// The segments of all nodes: a table of open addresses for each, at most half full.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    slots: Box<[Slot]>,
    /// Segments that are longer than two words.
    long: Box<[Box<[u8]>]>,
}

/// Where the table of one node is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Table {
    start: u32,
    /// Its size less one.
    mask: u32,
    seed: u64,
    /// What is left of a product is as many bits as the size has; 0 if the node has no segments.
    shift: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    words: Words,
    to: u32,
    long: u32,
}

/// A segment's length, its first eight bytes and, if it has more, its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    first: u64,
    last: u64,
    length: u64,
}

/// Tables in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    slots: Vec<Slot>,
    long: Vec<Box<[u8]>>,
}

/// The node that no edge leads to: a slot that is free leads there.
const FREE: u32 = 0;
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

impl Builder {
    /// Adds a node's segments, each different from the others, and where they lead: never to node 0.
    pub(super) fn add<'s>(&mut self, segments: impl Iterator<Item = (&'s [u8], u32)>) -> Table {
        let mut edges = Vec::new();
        for (segment, to) in segments {
            let long = u32::try_from(self.long.len()).unwrap_or(u32::MAX);
            if segment.len() > 16 {
                self.long.push(segment.into());
            }
            let path = Path::decoded(segment);
            let words = Words::of(&path, (0, segment.len()), path.word(0));
            edges.push(Slot { words, to, long });
        }
        if edges.is_empty() {
            return Table::default();
        }
        let size = (edges.len() * 2).next_power_of_two();
        let mut table = Table {
            start: u32::try_from(self.slots.len()).unwrap_or(u32::MAX),
            mask: u32::try_from(size - 1).unwrap_or(u32::MAX),
            seed: 0,
            shift: 64 - size.trailing_zeros(),
        };
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let (mut best, mut fewest) = (Vec::new(), usize::MAX);
        for _ in 0..SEEDS {
            let (slots, steps) = placed(&edges, size, Table { seed, ..table });
            if steps < fewest {
                (best, fewest, table.seed) = (slots, steps, seed);
            }
            if fewest == 0 {
                break;
            }
            seed = seed.wrapping_mul(0xd134_2543_de82_ef95) | 1;
        }
        self.slots.extend(best);
        table
    }

    pub(super) fn build(self) -> Tables {
        Tables {
            slots: self.slots.into(),
            long: self.long.into(),
        }
    }
}

/// The slots of a table, and how many steps it takes to find all that are not at home.
fn placed(edges: &[Slot], size: usize, table: Table) -> (Vec<Slot>, usize) {
    let free = Slot {
        words: Words {
            first: 0,
            last: 0,
            length: 0,
        },
        to: FREE,
        long: 0,
    };
    let mut slots = vec![free; size];
    let mut steps = 0;
    for edge in edges {
        let mut at = table.home(edge.words) as usize;
        while slots[at].to != FREE {
            at = (at + 1) & (size - 1);
            steps += 1;
        }
        slots[at] = *edge;
    }
    (slots, steps)
}

impl Tables {
    /// Where the segment of a path leads that begins with the word `head`.
    #[expect(clippy::inline_always, reason = "a call would cost a third of it")]
    #[inline(always)]
    pub(super) fn find(
        &self,
        table: &Table,
        path: &Path<'_>,
        (at, end): (usize, usize),
        head: u64,
    ) -> Option<u32> {
        let words = Words::of(path, (at, end), head);
        let mut place = table.home(words);
        loop {
            let slot = self.slots.get((table.start + place) as usize)?;
            if slot.words == words && (words.length <= 16 || self.is_it(slot, &path.bytes[at..end]))
            {
                // A free slot looks like one of an empty segment.
                return (slot.to != FREE).then_some(slot.to);
            }
            if slot.to == FREE {
                return None;
            }
            place = (place + 1) & table.mask;
        }
    }

    #[cold]
    fn is_it(&self, slot: &Slot, segment: &[u8]) -> bool {
        let long = self.long.get(slot.long as usize);
        long.is_some_and(|long| **long == *segment)
    }
}

impl Table {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.shift == 0
    }

    #[inline]
    fn home(&self, words: Words) -> u32 {
        let mixed = words.first ^ words.last.rotate_left(29) ^ words.length;
        #[expect(clippy::cast_possible_truncation, reason = "few bits are left")]
        let home = (mixed.wrapping_mul(self.seed) >> (self.shift & 63)) as u32;
        home
    }
}

impl Words {
    /// Of a segment of a path, and the word it begins with.
    #[inline]
    fn of(path: &Path<'_>, (at, end): (usize, usize), head: u64) -> Self {
        let length = end - at;
        let first = head & KEPT[length.min(8)];
        let last = if length > 8 { path.word(end - 8) } else { 0 };
        let length = length as u64;
        Self {
            first,
            last,
            length,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn a_segment_is_found_where_it_was_put_and_nowhere_else(
            segments in proptest::collection::btree_set((0..3_usize, "[ab]{0,20}"), 0..60),
            asked in proptest::collection::vec((0..3_usize, "[ab]{0,20}"), 0..60),
            before in "[ab/]{0,3}",
            after in "[/ab]{0,9}",
        ) {
            let known: BTreeMap<_, _> = segments.into_iter().zip(1..).collect();
            let mut builder = Builder::default();
            let tables: Vec<Table> = (0..3)
                .map(|node| {
                    let of_node = known.iter().filter(|((from, _), _)| *from == node);
                    builder.add(of_node.map(|((_, segment), to)| (segment.as_bytes(), *to)))
                })
                .collect();
            let all = builder.build();
            for (node, segment) in known.keys().chain(&asked) {
                let expected = known.get(&(*node, segment.clone())).copied();
                let text = format!("{before}{segment}{after}");
                let (at, end) = (before.len(), before.len() + segment.len());
                let table = tables[*node];
                let path = Path::decoded(text.as_bytes());
                let found = if table.is_empty() {
                    None
                } else {
                    all.find(&table, &path, (at, end), path.word(at))
                };
                proptest::prop_assert_eq!(found, expected);
            }
        }
    }
}
