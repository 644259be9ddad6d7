//! The content of a scrape: sorted families of sorted series of integers.
//!
//! Invariant: families are sorted by name, series by labels, and each name and label set is unique;
//! so equal counts encode to equal bytes.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{NativeHistogram, Unit};

/// Label names and values, sorted by name.
pub type Labels = Vec<(Arc<str>, Arc<str>)>;

/// All families of one moment. Clones share them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Families(Vec<Arc<Family>>);

/// A metric name with its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The full name, including the unit and `_total`.
    pub name: Arc<str>,
    /// The text of the `HELP` line, one sentence.
    pub help: Arc<str>,
    /// The type of the values.
    pub kind: Kind,
    /// The series, sorted by labels.
    pub series: Vec<Series>,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows; it restarts at 0 with the process.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Counts of observations by bucket, and their sum.
    Histogram,
}

/// A label set and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels, sorted by name.
    pub labels: Labels,
    /// The value, of the family's kind.
    pub value: Value,
    /// Time at which the series was created, in milliseconds since 1970, where it is known.
    pub created: Option<u64>,
}

/// The value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The value of a counter or gauge.
    Number(Number),
    /// The value of a histogram.
    Histogram(Histogram),
}

/// The number of a counter or gauge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer in the given unit.
    Exact(u64, Unit),
    /// A float from the operating system or another library.
    Float(f64),
}

/// A histogram with integer bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Inclusive upper bounds in `unit`, ascending, without +Inf.
    pub bounds: Arc<[u64]>,
    /// Observations per bucket, not cumulative; one more than `bounds`, the last for +Inf.
    pub counts: Vec<u64>,
    /// Sum of the observed values, in `unit`.
    pub sum: u64,
    /// The unit of `bounds` and `sum`.
    pub unit: Unit,
    /// True if a whole bound is written without a decimal point: `1` instead of `1.0`.
    pub has_short_bounds: bool,
    /// Observations in buckets of exponentially growing width, if the family has them.
    pub native: Option<NativeHistogram>,
    /// At most one example of a request for each bucket, sorted by bucket.
    pub exemplars: Vec<Exemplar>,
}

/// An example of the requests that a bucket counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// Place of its bucket among [`Histogram::counts`].
    pub bucket: usize,
    /// Labels that lead to the request, such as `trace_id`.
    pub labels: Labels,
    /// The observed value, in the histogram's unit.
    pub value: u64,
    /// Time of the request, in milliseconds since 1970.
    pub time: u64,
}

impl Exemplar {
    /// Age up to which an exemplar is shown, in milliseconds.
    pub const MAX_AGE_MILLIS: u64 = 60_000;

    /// Returns the earliest time of the exemplars of a page at a time, both in milliseconds since 1970.
    pub fn shown_since(now: u64) -> u64 {
        now.saturating_sub(Self::MAX_AGE_MILLIS)
    }
}

impl Kind {
    /// Returns the name in every exposition format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Families {
    /// Sorts families and series, merges families of one name and adds up series of one label set.
    pub fn new(families: impl IntoIterator<Item = Family>) -> Self {
        let mut all: Vec<Family> = families.into_iter().collect();
        merge_by_key(
            &mut all,
            |family| &*family.name,
            |first, other| first.series.append(&mut other.series),
        );
        for family in &mut all {
            merge_by_key(
                &mut family.series,
                |series| &series.labels,
                |first, other| first.add(other),
            );
        }
        Self(all.into_iter().map(Arc::new).collect())
    }

    /// Returns the families of both, shared with them. A family that both have is that of `self`.
    #[must_use]
    pub fn joined(&self, others: &Self) -> Self {
        let mut all: Vec<Arc<Family>> = self.0.iter().chain(&others.0).cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|later, first| later.name == first.name);
        Self(all)
    }

    /// Returns those families that are wanted, shared with this.
    #[must_use]
    pub fn filtered(&self, is_wanted: impl Fn(&Family) -> bool) -> Self {
        let wanted = self.0.iter().filter(|family| is_wanted(family));
        Self(wanted.cloned().collect())
    }

    /// Removes the exemplars of requests before a time, in milliseconds since 1970.
    pub fn forget_exemplars(&mut self, before: u64) {
        let is_old = |exemplar: &Exemplar| exemplar.time < before;
        for family in &mut self.0 {
            let has_old = family.series.iter().any(|series| match &series.value {
                Value::Histogram(histogram) => histogram.exemplars.iter().any(is_old),
                Value::Number(_) => false,
            });
            if has_old {
                for series in &mut Arc::make_mut(family).series {
                    if let Value::Histogram(histogram) = &mut series.value {
                        histogram.exemplars.retain(|exemplar| !is_old(exemplar));
                    }
                }
            }
        }
    }

    /// Returns the families, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Family> {
        self.0.iter().map(|family| &**family)
    }

    /// Returns the family of a name.
    pub fn get(&self, name: &str) -> Option<&Family> {
        self.0
            .binary_search_by(|family| (*family.name).cmp(name))
            .ok()
            .and_then(|at| self.0.get(at).map(|family| &**family))
    }
}

impl Family {
    /// Creates a family of whole numbers.
    pub fn from_counts(
        name: &str,
        help: &str,
        kind: Kind,
        counts: impl IntoIterator<Item = (Labels, u64)>,
    ) -> Self {
        let counts = counts.into_iter();
        let series = counts.map(|(labels, count)| Series::from_count(labels, count));
        Self {
            name: name.into(),
            help: help.into(),
            kind,
            series: series.collect(),
        }
    }

    /// Returns the sum over all series of the exact numbers and the observations.
    pub fn total(&self) -> u64 {
        self.series
            .iter()
            .map(|series| match &series.value {
                Value::Number(Number::Exact(value, _)) => *value,
                Value::Number(Number::Float(_)) => 0,
                Value::Histogram(histogram) => histogram.observations(),
            })
            .sum()
    }
}

impl Series {
    /// Creates a series of a whole number.
    pub fn from_count(labels: Labels, count: u64) -> Self {
        Self {
            labels,
            value: Value::Number(Number::Exact(count, Unit::One)),
            created: None,
        }
    }

    /// Adds the same series of another shard. The sum was 0 before the first of both was created.
    fn add(&mut self, other: &Self) {
        self.value.add(&other.value);
        let both = self.created.zip(other.created);
        self.created = both.map(|(mine, theirs)| mine.min(theirs));
    }

    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(label, _)| &**label == name)
            .map(|(_, value)| &**value)
    }
}

impl Histogram {
    /// Returns the running total of observations at each bucket; the last item is their number.
    pub fn cumulative(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(0_u64, |total, count| {
            *total = total.wrapping_add(*count);
            Some(*total)
        })
    }

    /// Returns the number of observations.
    pub fn observations(&self) -> u64 {
        self.cumulative().last().unwrap_or_default()
    }
}

impl Histogram {
    /// Adds exemplars; of two for a bucket, the later one stays.
    fn add_exemplars(&mut self, others: &[Exemplar]) {
        if others.is_empty() {
            return;
        }
        self.exemplars.extend_from_slice(others);
        let rank = |exemplar: &Exemplar| (exemplar.bucket, Reverse(exemplar.time));
        self.exemplars.sort_by_key(rank);
        self.exemplars.dedup_by_key(|exemplar| exemplar.bucket);
    }
}

impl Value {
    /// Adds the value of the same series in another shard.
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Number(Number::Exact(mine, _)), Self::Number(Number::Exact(theirs, _))) => {
                *mine = mine.wrapping_add(*theirs);
            }
            (Self::Number(Number::Float(mine)), Self::Number(Number::Float(theirs))) => {
                *mine += theirs;
            }
            (Self::Histogram(mine), Self::Histogram(theirs)) => {
                for (mine, theirs) in mine.counts.iter_mut().zip(&theirs.counts) {
                    *mine = mine.wrapping_add(*theirs);
                }
                mine.sum = mine.sum.wrapping_add(theirs.sum);
                mine.add_exemplars(&theirs.exemplars);
                mine.native = match (mine.native.take(), &theirs.native) {
                    (Some(mut mine), Some(theirs)) => {
                        mine.add(theirs);
                        Some(mine)
                    }
                    _ => None,
                };
            }
            // Not reached: a name has one definition, hence one kind.
            _ => {}
        }
    }
}

/// Sorts items by key and merges those with the same key into the first of them.
pub(super) fn merge_by_key<T, K: Ord + ?Sized>(
    items: &mut Vec<T>,
    key: impl Fn(&T) -> &K,
    merge: impl Fn(&mut T, &mut T),
) {
    // The series of one shard are sorted already.
    if items.is_sorted_by(|a, b| key(a) < key(b)) {
        return;
    }
    items.sort_by(|a, b| key(a).cmp(key(b)));
    items.dedup_by(|later, first| {
        let is_same = key(later) == key(first);
        if is_same {
            merge(first, later);
        }
        is_same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &str, route: &str, value: u64) -> Family {
        Family {
            name: name.into(),
            help: "h".into(),
            kind: Kind::Counter,
            series: vec![Series {
                labels: vec![("route".into(), route.into())],
                value: Value::Number(Number::Exact(value, Unit::One)),
                created: None,
            }],
        }
    }

    #[test]
    fn the_order_of_insertion_does_not_matter() {
        let one = Families::new([
            counter("b", "/", 1),
            counter("a", "/y", 2),
            counter("a", "/x", 3),
        ]);
        let two = Families::new([
            counter("a", "/x", 3),
            counter("b", "/", 1),
            counter("a", "/y", 2),
        ]);
        assert_eq!(one, two);
        assert_eq!(
            one.iter().map(|family| &*family.name).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn the_same_series_of_two_shards_adds_up() {
        let merged = Families::new([counter("a", "/", 1), counter("a", "/", 41)]);
        let family = merged.get("a").unwrap();
        assert_eq!(family.series.len(), 1);
        assert_eq!(family.total(), 42);
        assert_eq!(family.series[0].label("route"), Some("/"));
        assert_eq!(merged.get("z"), None);
    }

    fn histogram(exemplars: &[(usize, u64)]) -> Family {
        let exemplar = |(bucket, time): &(usize, u64)| Exemplar {
            bucket: *bucket,
            labels: Labels::new(),
            value: 1,
            time: *time,
        };
        Family {
            kind: Kind::Histogram,
            series: vec![Series {
                labels: Labels::new(),
                value: Value::Histogram(Histogram {
                    bounds: [10].into(),
                    counts: vec![1, 1],
                    sum: 2,
                    unit: Unit::Bytes,
                    has_short_bounds: false,
                    native: None,
                    exemplars: exemplars.iter().map(exemplar).collect(),
                }),
                created: None,
            }],
            ..counter("a_bytes", "/", 1)
        }
    }

    fn exemplars(families: &Families) -> Vec<(usize, u64)> {
        let Value::Histogram(histogram) = &families.get("a_bytes").unwrap().series[0].value else {
            panic!("no histogram")
        };
        let exemplars = histogram.exemplars.iter();
        exemplars.map(|it| (it.bucket, it.time)).collect()
    }

    #[test]
    fn of_the_exemplars_of_two_shards_the_later_one_stays() {
        let (one, other) = (histogram(&[(0, 5), (1, 5)]), histogram(&[(0, 6), (1, 4)]));
        let merged = Families::new([one.clone(), other]);
        assert_eq!(exemplars(&merged), [(0, 6), (1, 5)]);
        let merged = Families::new([histogram(&[]), one]);
        assert_eq!(exemplars(&merged), [(0, 5), (1, 5)]);
    }

    #[test]
    fn old_exemplars_are_removed_and_other_copies_keep_theirs() {
        let families = Families::new([histogram(&[(0, 5), (1, 6)]), counter("b", "/", 1)]);
        let mut younger = families.clone();
        younger.forget_exemplars(5);
        assert_eq!(younger, families);
        younger.forget_exemplars(6);
        assert_eq!(exemplars(&younger), [(1, 6)]);
        assert_eq!(exemplars(&families), [(0, 5), (1, 6)]);
        assert!(Arc::ptr_eq(&younger.0[1], &families.0[1]));
    }

    #[test]
    fn a_sum_is_as_old_as_the_first_of_its_parts() {
        let created = |at: Option<u64>| {
            let mut family = counter("a", "/", 1);
            family.series[0].created = at;
            family
        };
        let check = |one, other, expected: Option<u64>| {
            let sum = Families::new([created(one), created(other)]);
            assert_eq!(sum.get("a").unwrap().series[0].created, expected);
        };
        check(Some(5), Some(3), Some(3));
        check(Some(3), Some(5), Some(3));
        // Not known: any other time may be too late.
        check(Some(3), None, None);
    }

    #[test]
    fn native_histograms_add_up_with_the_classic_ones() {
        let observed = |values: &[u64]| {
            let mut native = NativeHistogram::new();
            for value in values {
                native.observe(*value, Unit::Micros);
            }
            let mut family = counter("a", "/", 1);
            family.kind = Kind::Histogram;
            family.series[0].value = Value::Histogram(Histogram {
                bounds: [].into(),
                counts: vec![values.len() as u64],
                sum: values.iter().sum(),
                unit: Unit::Micros,
                has_short_bounds: false,
                native: Some(native),
                exemplars: Vec::new(),
            });
            family
        };
        let sum = Families::new([observed(&[0, 10]), observed(&[10, 5_000])]);
        assert_eq!(sum, Families::new([observed(&[0, 10, 10, 5_000])]));
    }

    #[test]
    fn joined_families_are_sorted_and_shared() {
        let one = Families::new([counter("a", "/", 1), counter("c", "/", 2)]);
        let other = Families::new([counter("b", "/", 3), counter("c", "/", 4)]);
        let joined = one.joined(&other);
        let totals: Vec<u64> = joined.iter().map(Family::total).collect();
        assert_eq!(totals, [1, 3, 2]);
        assert!(Arc::ptr_eq(&joined.0[1], &other.0[0]));
    }
}
