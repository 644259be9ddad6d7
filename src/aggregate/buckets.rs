//! Finds the histogram bucket of a value.
//!
//! Invariant: the result is that of a search through the bounds, in the same few steps for every value, so that the
//! processor has no branch to predict.

/// The bounds of a histogram, indexed by the bit length of the values.
#[derive(Debug)]
pub(super) struct Buckets {
    bounds: Box<[u64]>,
    /// For each bit length, the number of bounds below every value of that length.
    passed: [u8; 65],
    /// Largest number of bounds of one bit length.
    steps: usize,
}

impl Buckets {
    /// Prepares ascending inclusive upper bounds, at most 255.
    #[expect(
        clippy::expect_used,
        reason = "`metric` accepts far fewer bounds, and refuses a metric with more"
    )]
    pub(super) fn new(bounds: &[u64]) -> Self {
        let mut passed = [0; 65];
        let mut least = 0;
        let mut steps = 0;
        for (bits, passed) in (0_u32..).zip(&mut passed) {
            let below = bounds.partition_point(|bound| *bound < least);
            *passed = u8::try_from(below).expect("at most 255 bounds");
            let next = 1_u64.checked_shl(bits);
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

    /// Returns the bounds.
    pub(super) fn bounds(&self) -> &[u64] {
        &self.bounds
    }

    /// Returns the number of buckets, the one for +Inf included.
    pub(super) fn count(&self) -> usize {
        self.bounds.len() + 1
    }

    /// Returns the bucket of a value, counted from 0.
    #[inline]
    pub(super) fn find(&self, value: u64) -> usize {
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
                prop_assert_eq!(buckets.find(value), bounds.partition_point(|bound| *bound < value));
            }
        }
    }
}
