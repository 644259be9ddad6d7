//! Sets of states.

/// A set of states of one automaton, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct StateSet(Box<[u64]>);

impl StateSet {
    /// Creates an empty set with room for so many states.
    pub(super) fn empty(states: usize) -> Self {
        Self(vec![0; states.div_ceil(64)].into())
    }

    pub(super) fn insert(&mut self, state: u16) {
        self.0[usize::from(state / 64)] |= 1 << (state % 64);
    }

    pub(super) fn contains(&self, state: u16) -> bool {
        self.0[usize::from(state / 64)] >> (state % 64) & 1 == 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Adds the members of another set.
    pub(super) fn add(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    /// Keeps the members of another set.
    pub(super) fn keep(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    /// Returns the members that are in another set too.
    pub(super) fn common<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = u16> + 's {
        let words = self.0.iter().zip(&other.0).zip(0_u16..);
        words.flat_map(|((one, other), at)| {
            let mut left = one & other;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    #[expect(clippy::cast_possible_truncation, reason = "below 64")]
                    let bit = left.trailing_zeros() as u16;
                    left &= left - 1;
                    at * 64 + bit
                })
            })
        })
    }
}
