//! Index of the edges of a node that has many, as the suffix routes of an API (`users.json`) do.
//!
//! Invariant: an edge is left out only if the segment does not begin with the literal that its pattern begins with.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Fewest edges for which an index pays.
const MANY: usize = 12;
/// Longest beginning of a literal that is looked up, in bytes.
const LITERAL_BYTES: usize = 16;

/// Edges by the literal that their pattern begins with.
#[derive(Clone, Debug)]
pub(super) struct EdgeIndex {
    /// Lengths of the literals, ascending.
    lengths: Box<[usize]>,
    /// Places of the edges that begin with each literal, ascending.
    by_literal: HashMap<Box<[u8]>, Box<[usize]>, RandomState>,
    /// Places of the edges that begin otherwise, ascending.
    others: Box<[usize]>,
}

impl EdgeIndex {
    /// Makes the index of a node's edges, given the literals that their patterns begin with; `None` if there are few.
    pub(super) fn new<'e>(
        literals: impl ExactSizeIterator<Item = Option<&'e [u8]>>,
    ) -> Option<Self> {
        if literals.len() < MANY {
            return None;
        }
        let mut by_literal: HashMap<Box<[u8]>, Vec<usize>, RandomState> = HashMap::default();
        let mut others = Vec::new();
        for (place, literal) in literals.enumerate() {
            match literal {
                Some(literal) => {
                    let beginning = &literal[..literal.len().min(LITERAL_BYTES)];
                    by_literal.entry(beginning.into()).or_default().push(place);
                }
                None => others.push(place),
            }
        }
        let mut lengths: Vec<usize> = by_literal.keys().map(|literal| literal.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let by_literal = by_literal.into_iter();
        Some(Self {
            lengths: lengths.into(),
            by_literal: by_literal
                .map(|(literal, places)| (literal, places.into()))
                .collect(),
            others: others.into(),
        })
    }

    /// Returns the first edge from `from` on whose pattern may accept a segment.
    pub(super) fn next(&self, segment: &[u8], from: usize) -> Option<usize> {
        let first = |places: &[usize]| {
            let at = places.partition_point(|place| *place < from);
            places.get(at).copied()
        };
        let beginnings = self
            .lengths
            .iter()
            .map_while(|length| segment.get(..*length));
        let with_literal =
            beginnings.filter_map(|beginning| first(self.by_literal.get(beginning)?));
        with_literal.chain(first(&self.others)).min()
    }
}
