//! Which bucket a value falls into.
//!
//! Invariant: the answer is that of a search through the bounds, in the same few steps for every
//! value, so that a processor does not have to guess.

/// The bounds of a histogram, by the number of bits of the values that reach them.
#[derive(Debug)]
pub(super) struct Buckets {
    bounds: Box<[u64]>,
    /// For each number of bits, how many bounds are below every value that has it.
    passed: [u8; 65],
    /// The most bounds that have the same number of bits.
    steps: usize,
}

impl Buckets {
    /// Of ascending inclusive upper bounds, at most 255.
    pub(super) fn new(bounds: &[u64]) -> Self {
        let mut passed = [0; 65];
        let mut least = 0;
        let mut steps = 0;
        for (bits, passed) in passed.iter_mut().enumerate() {
            let below = bounds.partition_point(|bound| *bound < least);
            *passed = u8::try_from(below).unwrap_or(u8::MAX);
            let next = 1_u64.checked_shl(u32::try_from(bits).unwrap_or(64));
            let reached = next.map_or(bounds.len(), |next| {
                bounds.partition_point(|bound| *bound < next)
            });
            steps = steps.max(reached - below);
            least = next.unwrap_or(u64::MAX);
        }
        Self {
            bounds: bounds.into(),
            passed,
            steps,
        }
    }

    /// How many there are, the one without a bound included.
    pub(super) fn count(&self) -> usize {
        self.bounds.len() + 1
    }

    /// The bucket of a value, counted from 0.
    #[inline]
    pub(super) fn of(&self, value: u64) -> usize {
        let bits = 64 - value.leading_zeros();
        let mut bucket = usize::from(self.passed[bits as usize]);
        for _ in 0..self.steps {
            bucket += usize::from(self.bounds.get(bucket).is_some_and(|bound| *bound < value));
        }
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_bucket_is_the_first_whose_bound_is_not_below(
            mut bounds in proptest::collection::vec(prop_oneof![0..2_000_u64, any::<u64>()], 0..40),
            value in prop_oneof![0..2_000_u64, any::<u64>()],
            which: prop::sample::Index,
        ) {
            bounds.sort_unstable();
            bounds.dedup();
            let buckets = Buckets::new(&bounds);
            let mut values = vec![0, value, u64::MAX];
            if !bounds.is_empty() {
                let bound = bounds[which.index(bounds.len())];
                values.extend([bound.saturating_sub(1), bound, bound.saturating_add(1)]);
            }
            for value in values {
                prop_assert_eq!(buckets.of(value), bounds.partition_point(|bound| *bound < value));
            }
        }
    }
}
