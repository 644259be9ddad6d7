//! From a node and a segment to the next node.
//!
//! Invariant: the table is as large as the URLconf made it; looking up never changes it, whatever
//! paths come.

/// Segments of nodes, in a table of open addresses that is at most half full.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    slots: Box<[Slot]>,
    /// The middle of segments that are longer than two words.
    long: Box<[Box<[u8]>]>,
    shift: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    words: Words,
    from: u32,
    to: u32,
    long: u32,
}

/// A segment's length, its first eight bytes and its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    first: u64,
    last: u64,
    length: u32,
}

/// The node that no edge leads to: a slot that is free leads there.
const FREE: u32 = 0;

impl Table {
    /// Of edges, each different from the others; none leads to node 0.
    pub(super) fn new(edges: &[(u32, Vec<u8>, u32)]) -> Self {
        let size = (edges.len() * 2).next_power_of_two().max(2);
        let free = Slot {
            words: Words::of(b""),
            from: 0,
            to: FREE,
            long: 0,
        };
        let mut table = Self {
            slots: vec![free; size].into(),
            long: edges
                .iter()
                .map(|(_, segment, _)| segment.as_slice().into())
                .collect(),
            shift: 64 - size.trailing_zeros(),
        };
        for ((from, segment, to), long) in edges.iter().zip(0..) {
            let words = Words::of(segment);
            let mut at = table.home(*from, words);
            while table.slots[at].to != FREE {
                at = (at + 1) & (size - 1);
            }
            table.slots[at] = Slot {
                words,
                from: *from,
                to: *to,
                long,
            };
        }
        table
    }

    /// Where a segment leads from a node.
    #[inline]
    pub(super) fn find(&self, from: u32, segment: &[u8]) -> Option<u32> {
        let words = Words::of(segment);
        let mut at = self.home(from, words);
        loop {
            let slot = self.slots.get(at)?;
            if slot.to == FREE {
                return None;
            }
            if slot.from == from
                && slot.words == words
                && (segment.len() <= 16 || *self.long[slot.long as usize] == *segment)
            {
                return Some(slot.to);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn home(&self, from: u32, words: Words) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = words.first
            ^ words.last.rotate_left(23)
            ^ u64::from(from).rotate_left(40)
            ^ u64::from(words.length).rotate_left(57);
        let mixed = mixed.wrapping_mul(ODD);
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(ODD);
        usize::try_from(mixed >> self.shift).unwrap_or(0)
    }
}

impl Words {
    #[inline]
    fn of(segment: &[u8]) -> Self {
        let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
        let (first, last) = if let Some(words) = ends::<8>(segment) {
            words
        } else if let Some((first, last)) = ends::<4>(segment) {
            (first | last << 32, 0)
        } else {
            let byte = |at: usize| segment.get(at).map_or(0, |byte| u64::from(*byte));
            (byte(0) | byte(1) << 8 | byte(2) << 16, 0)
        };
        Self {
            first,
            last,
            length,
        }
    }
}

/// The first bytes of a text and its last; they overlap where it is short.
#[inline]
fn ends<const SIZE: usize>(text: &[u8]) -> Option<(u64, u64)> {
    let word = |bytes: &[u8; SIZE]| {
        bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    Some((word(text.first_chunk()?), word(text.last_chunk()?)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn a_segment_is_found_where_it_was_put_and_nowhere_else(
            segments in proptest::collection::btree_set((0..3_u32, "[ab]{0,20}"), 0..60),
            asked in proptest::collection::vec((0..3_u32, "[ab]{0,20}"), 0..60),
        ) {
            let edges: Vec<_> = segments
                .into_iter()
                .zip(1..)
                .map(|((from, segment), to)| (from, segment.into_bytes(), to))
                .collect();
            let table = Table::new(&edges);
            let known: BTreeMap<_, _> = edges
                .iter()
                .map(|(from, segment, to)| ((*from, segment.clone()), *to))
                .collect();
            for ((from, segment), to) in &known {
                proptest::prop_assert_eq!(table.find(*from, segment), Some(*to));
            }
            for (from, segment) in asked {
                let expected = known.get(&(from, segment.clone().into_bytes())).copied();
                proptest::prop_assert_eq!(table.find(from, segment.as_bytes()), expected);
            }
        }
    }
}
