//! Histograms whose buckets grow by a factor, as Prometheus' native histograms.
//!
//! Invariant: a histogram has the finest resolution, of those up to [`NativeHistogram::FINEST`], at which its observations
//! take no more than [`NativeHistogram::MOST_BUCKETS`] buckets. So it does not depend on the sequence of observations and sums.

use super::Unit;

/// Observations in buckets whose bounds grow by a factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeHistogram {
    /// Resolution: the factor between two bounds is 2^(2^-schema).
    schema: i8,
    /// Observations of 0.
    zero: u64,
    /// Observations of each bucket that has any, not cumulative, by its index, ascending. The upper bound of a bucket is
    /// the factor to the power of its index, in base units (seconds, bytes).
    buckets: Vec<(i32, u64)>,
}

/// The bounds of the finest resolution, in an integer unit, by which an observation finds its bucket.
struct Scale {
    /// Index of the first bucket, which that of the value 1 is.
    first: i32,
    /// For each bucket, the largest integer in it or below it.
    bounds: [u64; BOUNDS],
    /// For each bit length less 1, the number of bounds below every value of that length.
    passed: [u16; 64],
}

/// Number of buckets of [`NativeHistogram::FINEST`] from that of the value 1 to that of `u64::MAX`, in each unit.
const BOUNDS: usize = 513;
/// Bounds from one power of two to the next, and binary places of [`ROOTS`].
const STEPS: i32 = 8;
const PLACES: i32 = 100;

/// 2^(n/8), in units of 2^-[`PLACES`], cut off.
const ROOTS: [u128; STEPS as usize] = [
    0x10_00000000_00000000_00000000,
    0x11_72b83c7d_517adcdf_7c8c50eb,
    0x13_06fe0a31_b7152de8_d5a46305,
    0x14_bfdad536_2a271d43_97afec42,
    0x16_a09e667f_3bcc908b_2fb1366e,
    0x18_ace5422a_a0db5ba7_c55a192c,
    0x1a_e89f995a_d3ad5e87_34d17732,
    0x1d_5818dcfb_a48725da_05aeb66e,
];

static MICROS: Scale = Scale::new(1_000_000, -159);
static WHOLE: Scale = Scale::new(1, 0);

impl Scale {
    /// Makes the bounds for integers of which `base` are one base unit.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a bound is compared before it is cast, and there are 513 of them"
    )]
    const fn new(base: u128, first: i32) -> Self {
        let mut bounds = [0; BOUNDS];
        let mut index = first;
        let mut at = 0;
        while at < BOUNDS {
            let product = base * ROOTS[index.rem_euclid(STEPS) as usize];
            let bound = product >> (PLACES - index.div_euclid(STEPS));
            bounds[at] = if bound > u64::MAX as u128 {
                u64::MAX
            } else {
                bound as u64
            };
            at += 1;
            index += 1;
        }
        let mut passed = [0; 64];
        let mut bits = 0;
        while bits < 64 {
            let mut below = 0;
            while bounds[below] < 1 << bits {
                below += 1;
            }
            passed[bits] = below as u16;
            bits += 1;
        }
        Self {
            first,
            bounds,
            passed,
        }
    }

    /// Returns the bucket of a value of the finest resolution; `None` for 0.
    fn find(&self, value: u64) -> Option<i32> {
        let bits = value.checked_ilog2()? as usize;
        let passed = self.passed[bits];
        let from = self.bounds.iter().skip(passed.into());
        let more = from.take_while(|bound| **bound < value);
        Some(more.fold(self.first + i32::from(passed), |index, _| index + 1))
    }
}

impl NativeHistogram {
    /// Schema of a histogram without observations: its bounds grow by 9 %.
    pub const FINEST: i8 = 3;
    /// Most buckets. With more, the schema is lowered until there are fewer; all values of 64 bits take 130 at schema 1.
    pub const MOST_BUCKETS: usize = 160;
    /// Width of the bucket for 0, 2^-128: values are whole numbers of microseconds or bytes, so that nothing but 0 is in it.
    /// Prometheus' libraries have the same, and histograms with one width add up without a loss.
    pub const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);
    /// Least and largest index of a bucket.
    const INDICES: std::ops::RangeInclusive<i32> = -159..=512;

    /// Creates a histogram without observations.
    pub const fn new() -> Self {
        Self {
            schema: Self::FINEST,
            zero: 0,
            buckets: Vec::new(),
        }
    }

    /// Puts a histogram together; `None` if it cannot have come about.
    pub fn from_parts(schema: i8, zero: u64, buckets: Vec<(i32, u64)>) -> Option<Self> {
        let indices = buckets.iter().map(|(index, _)| index);
        let is_valid = (0..=Self::FINEST).contains(&schema)
            && buckets.len() <= Self::MOST_BUCKETS
            && indices.clone().is_sorted_by(|one, next| one < next)
            && indices.clone().all(|index| Self::INDICES.contains(index))
            && buckets.iter().all(|(_, count)| *count > 0);
        is_valid.then_some(Self {
            schema,
            zero,
            buckets,
        })
    }

    /// Returns the resolution: the factor between two bounds is 2^(2^-schema).
    pub fn schema(&self) -> i8 {
        self.schema
    }

    /// Returns the observations of 0.
    pub fn zero(&self) -> u64 {
        self.zero
    }

    /// Returns the observations of each bucket that has any, not cumulative, by its index, ascending. The upper bound of a
    /// bucket is the factor to the power of its index, in base units (seconds, bytes).
    pub fn buckets(&self) -> &[(i32, u64)] {
        &self.buckets
    }

    /// Returns the number of observations.
    pub fn observations(&self) -> u64 {
        let counts = self.buckets.iter().map(|(_, count)| *count);
        counts.fold(self.zero, u64::wrapping_add)
    }

    /// Observes a value.
    pub fn observe(&mut self, value: u64, unit: Unit) {
        let scale = match unit {
            Unit::Micros => &MICROS,
            Unit::One | Unit::Bytes => &WHOLE,
        };
        match scale.find(value) {
            None => self.zero = self.zero.wrapping_add(1),
            Some(index) => self.add_bucket(Self::FINEST, index, 1),
        }
    }

    /// Adds the observations of another histogram.
    pub fn add(&mut self, other: &Self) {
        self.zero = self.zero.wrapping_add(other.zero);
        while self.schema > other.schema {
            self.halve();
        }
        for (index, count) in &other.buckets {
            self.add_bucket(other.schema, *index, *count);
        }
    }

    /// Adds observations in the bucket of an index at a schema, which is not lower than that of `self`.
    fn add_bucket(&mut self, schema: i8, index: i32, count: u64) {
        let mut index = index;
        for _ in self.schema..schema {
            index = halved(index);
        }
        match self
            .buckets
            .binary_search_by_key(&index, |(index, _)| *index)
        {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.wrapping_add(count),
            Err(at) => self.buckets.insert(at, (index, count)),
        }
        while self.buckets.len() > Self::MOST_BUCKETS {
            self.halve();
        }
    }

    /// Lowers the schema by 1, which merges pairs of adjacent buckets.
    fn halve(&mut self) {
        self.schema -= 1;
        for (index, _) in &mut self.buckets {
            *index = halved(*index);
        }
        self.buckets.dedup_by(|next, before| {
            let is_same = next.0 == before.0;
            if is_same {
                before.1 = before.1.wrapping_add(next.1);
            }
            is_same
        });
    }
}

impl Default for NativeHistogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the index of a bucket's half as many as fine bucket, which ends where the later one of its pair ends.
fn halved(index: i32) -> i32 {
    (index + 1).div_euclid(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Multiplies exactly; the result has its least significant digit first, in base 2^32.
    #[expect(clippy::cast_possible_truncation, reason = "the low digit is wanted")]
    fn product(factors: impl IntoIterator<Item = u64>) -> Vec<u32> {
        factors.into_iter().fold(vec![1], |mut digits, factor| {
            let mut carry = 0_u128;
            for digit in &mut digits {
                carry += u128::from(*digit) * u128::from(factor);
                *digit = carry as u32;
                carry >>= 32;
            }
            while carry > 0 {
                digits.push(carry as u32);
                carry >>= 32;
            }
            while digits.last() == Some(&0) {
                digits.pop();
            }
            digits
        })
    }

    fn is_at_most(one: &[u32], other: &[u32]) -> bool {
        one.len() < other.len()
            || one.len() == other.len() && one.iter().rev().le(other.iter().rev())
    }

    /// Returns whether a value is at most a bound: whether value^n ≤ base^n · 2^index for n = 2^schema.
    fn is_within(value: u64, base: u64, index: i32, schema: i8) -> bool {
        let power = 1_usize << schema;
        let twos = |exponent: i32| vec![2; usize::try_from(exponent).unwrap_or(0)];
        let left = product([vec![value; power], twos(-index)].concat());
        let right = product([vec![base; power], twos(index)].concat());
        is_at_most(&left, &right)
    }

    fn check(value: u64, unit: Unit) {
        let base = if unit == Unit::Micros { 1_000_000 } else { 1 };
        let mut histogram = NativeHistogram::new();
        histogram.observe(value, unit);
        for schema in (0..=NativeHistogram::FINEST).rev() {
            assert_eq!(histogram.schema(), schema);
            let [(index, 1)] = histogram.buckets()[..] else {
                panic!("{value} {unit:?} {schema}: {histogram:?}")
            };
            assert!(
                is_within(value, base, index, schema),
                "{value} {unit:?} {schema} {index}"
            );
            assert!(
                !is_within(value, base, index - 1, schema),
                "{value} {unit:?} {schema} {index}"
            );
            assert!(NativeHistogram::INDICES.contains(&index));
            histogram.halve();
        }
    }

    #[test]
    fn each_value_at_a_bound_or_beside_it_is_in_the_bucket_whose_bounds_it_lies_between() {
        for (scale, unit) in [(&MICROS, Unit::Micros), (&WHOLE, Unit::Bytes)] {
            for bound in scale.bounds {
                for value in [bound.saturating_sub(1), bound, bound.saturating_add(1)] {
                    if value > 0 {
                        check(value, unit);
                    }
                }
            }
        }
        for value in [1, u64::MAX] {
            check(value, Unit::Micros);
            check(value, Unit::One);
        }
    }

    #[test]
    fn powers_of_two_are_bounds() {
        for (value, unit, index) in [
            (1_000_000, Unit::Micros, 0),
            (1_000_001, Unit::Micros, 1),
            (2_000_000, Unit::Micros, 8),
            (500_000, Unit::Micros, -8),
            (15_625, Unit::Micros, -48),
            (1, Unit::Bytes, 0),
            (2, Unit::Bytes, 8),
            (1_024, Unit::Bytes, 80),
            (1_025, Unit::Bytes, 81),
        ] {
            let mut histogram = NativeHistogram::new();
            histogram.observe(value, unit);
            assert_eq!(histogram.buckets(), [(index, 1)], "{value} {unit:?}");
        }
    }

    #[test]
    fn zero_has_a_bucket_of_its_own() {
        let mut histogram = NativeHistogram::new();
        histogram.observe(0, Unit::Micros);
        histogram.observe(1, Unit::Micros);
        assert_eq!(
            (histogram.zero(), histogram.buckets()),
            (1, &[(-159, 1)][..])
        );
        let threshold = NativeHistogram::ZERO_THRESHOLD.to_bits();
        assert_eq!(threshold, 2_f64.powi(-128).to_bits());
    }

    #[test]
    fn all_values_fit_at_schema_1() {
        for unit in [Unit::Micros, Unit::Bytes] {
            let mut histogram = NativeHistogram::new();
            for bits in 0..64 {
                for part in 0..16_u64 {
                    histogram.observe((1 << bits) | (part << bits >> 4), unit);
                }
            }
            assert_eq!(histogram.schema(), 1);
            let buckets = histogram.buckets().len();
            assert!((120..=130).contains(&buckets), "{buckets}");
        }
    }

    /// Values from a few to those of all lengths, so that some histograms keep their schema and others do not.
    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift);
        prop_oneof![
            proptest::collection::vec(0..5_000_000_u64, 0..60),
            proptest::collection::vec(value, 0..600),
        ]
    }

    fn observed(values: &[u64]) -> NativeHistogram {
        let mut histogram = NativeHistogram::new();
        for value in values {
            histogram.observe(*value, Unit::Micros);
        }
        histogram
    }

    proptest! {
        #[test]
        fn any_value_is_in_the_bucket_whose_bounds_it_lies_between(value: u64, shift in 0..64_u32) {
            for unit in [Unit::One, Unit::Micros, Unit::Bytes] {
                if value >> shift > 0 {
                    check(value >> shift, unit);
                }
            }
        }

        #[test]
        fn the_sum_of_parts_is_the_whole_in_any_sequence(values in values(), at: prop::sample::Index) {
            let whole = observed(&values);
            let (one, two) = values.split_at(at.index(values.len() + 1));
            for (first, second) in [(one, two), (two, one)] {
                let mut sum = observed(first);
                sum.add(&observed(second));
                prop_assert_eq!(&sum, &whole);
            }
            prop_assert_eq!(whole.observations(), values.len() as u64);
            prop_assert_eq!(whole.zero(), values.iter().filter(|value| **value == 0).count() as u64);
            prop_assert!(whole.buckets().len() <= NativeHistogram::MOST_BUCKETS);
            // Its buckets are as fine as they may be.
            if whole.schema() < NativeHistogram::FINEST {
                let finer = whole.schema() + 1;
                let mut indices: Vec<i32> = values.iter().filter_map(|value| MICROS.find(*value)).collect();
                for _ in finer..NativeHistogram::FINEST {
                    for index in &mut indices {
                        *index = halved(*index);
                    }
                }
                indices.sort_unstable();
                indices.dedup();
                prop_assert!(indices.len() > NativeHistogram::MOST_BUCKETS);
            }
            let NativeHistogram { schema, zero, buckets } = whole.clone();
            prop_assert_eq!(NativeHistogram::from_parts(schema, zero, buckets), Some(whole));
        }
    }

    #[test]
    fn parts_that_do_not_go_together_are_refused() {
        let make = NativeHistogram::from_parts;
        assert!(make(3, 0, vec![(-159, 1), (512, 1)]).is_some());
        for buckets in [
            vec![(1, 0)],
            vec![(2, 1), (1, 1)],
            vec![(1, 1), (1, 1)],
            vec![(513, 1)],
        ] {
            assert_eq!(make(3, 0, buckets), None);
        }
        assert_eq!(make(4, 0, Vec::new()), None);
        assert_eq!(make(-1, 0, Vec::new()), None);
        assert_eq!(make(3, 0, (0..161).map(|index| (index, 1)).collect()), None);
    }
}
