//! The native histograms of a family's series, beside their classic buckets.
//!
//! Invariant: as many values are observed in the native histogram of a series as in its classic one.

use super::definition::{Definition, Kind, Measure, Values};
use crate::model::NativeHistogram;

/// Native histograms of the series of a table, in the order of their slots.
#[derive(Debug)]
pub(super) struct Natives {
    measure: Measure,
    series: Vec<NativeHistogram>,
}

impl Natives {
    /// Creates the native histograms of a family without series; `None` if the family has none.
    pub(super) fn new(definition: &Definition) -> Option<Self> {
        match definition.kind {
            Kind::Histogram(measure, _) if definition.has_native() => Some(Self {
                measure,
                series: Vec::new(),
            }),
            _ => None,
        }
    }

    /// Makes room for this many series.
    pub(super) fn make_room(&mut self, series: usize) {
        if self.series.len() < series {
            self.series.resize(series, NativeHistogram::new());
        }
    }

    /// Returns the histogram of a series.
    pub(super) fn get(&self, place: usize) -> Option<&NativeHistogram> {
        self.series.get(place)
    }

    /// Observes a line in a series.
    pub(super) fn observe(&mut self, place: usize, values: &Values) {
        if let (Some(value), Some(series)) = (values.get(self.measure), self.series.get_mut(place))
        {
            series.observe(value, self.measure.unit());
        }
    }

    /// Adds observations to a series.
    pub(super) fn add(&mut self, place: usize, observed: &NativeHistogram) {
        if let Some(series) = self.series.get_mut(place) {
            series.add(observed);
        }
    }

    /// Adds the observations of series of the same places.
    pub(super) fn absorb(&mut self, others: &Self) {
        for (mine, theirs) in self.series.iter_mut().zip(&others.series) {
            mine.add(theirs);
        }
    }
}

/// Appends a histogram to the saved numbers of a series: its schema, the observations of 0, and each bucket, as the distance
/// of its index from that of the bucket before, of the first one from [`FIRST`], and its count.
pub(super) fn append(histogram: &NativeHistogram, values: &mut Vec<u64>) {
    values.extend([histogram.schema().unsigned_abs().into(), histogram.zero()]);
    let mut before = FIRST;
    for (index, count) in histogram.buckets() {
        values.extend([u64::from(index.abs_diff(before)), *count]);
        before = *index;
    }
}

/// Below the least index of a bucket.
const FIRST: i32 = -160;

/// Reads the numbers that [`append`] has written; `None` if they are not such.
pub(super) fn read(values: &[u64]) -> Option<NativeHistogram> {
    let [schema, zero, rest @ ..] = values else {
        return None;
    };
    let (pairs, []) = rest.as_chunks() else {
        return None;
    };
    let mut index = FIRST;
    let mut buckets = Vec::with_capacity(pairs.len());
    for [distance, count] in pairs {
        index = index.checked_add(i32::try_from(*distance).ok()?)?;
        buckets.push((index, *count));
    }
    NativeHistogram::from_parts(i8::try_from(*schema).ok()?, *zero, buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_histogram_is_read_as_it_was_written(values: Vec<u64>, small in proptest::collection::vec(0..100_000_u64, 0..50)) {
            let mut histogram = NativeHistogram::new();
            for value in values.iter().chain(&small) {
                histogram.observe(*value, Unit::Micros);
            }
            let mut saved = Vec::new();
            append(&histogram, &mut saved);
            prop_assert_eq!(read(&saved), Some(histogram));
        }

        #[test]
        fn any_numbers_are_read_as_a_histogram_or_refused(values in proptest::collection::vec(prop_oneof![0..5_u64, any::<u64>()], 0..12)) {
            if let Some(histogram) = read(&values) {
                let mut saved = Vec::new();
                append(&histogram, &mut saved);
                prop_assert_eq!(saved, values);
            }
        }
    }
}
