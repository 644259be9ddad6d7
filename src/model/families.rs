//! What a scrape shows: sorted families of sorted series of integers.
//!
//! Invariant: families are sorted by name, series by labels, and no name or label set repeats;
//! so the same counts always give the same bytes, whoever encodes them.

use std::sync::Arc;

use super::Unit;

/// Label names and values, sorted by name.
pub type Labels = Vec<(Arc<str>, Arc<str>)>;

/// All families of one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Families(Vec<Family>);

/// One metric name with its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Full name, unit and `_total` included.
    pub name: Arc<str>,
    /// One sentence for the `HELP` line.
    pub help: Arc<str>,
    /// What the values are.
    pub kind: Kind,
    /// Sorted by labels.
    pub series: Vec<Series>,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, but for a reset at start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of observations by upper bound, and their sum.
    Histogram,
}

/// One label set and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Sorted by name.
    pub labels: Labels,
    /// Of the family's kind.
    pub value: Value,
}

/// The value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or gauge.
    Number(Number),
    /// Of a histogram.
    Histogram(Histogram),
}

/// A number, exact unless it comes from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer in the given unit.
    Exact(u64, Unit),
    /// What the operating system or another library gave as a float.
    Float(f64),
}

/// A histogram with integer bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Inclusive upper bounds, ascending, in `unit`; +Inf is not among them.
    pub bounds: Arc<[u64]>,
    /// Observations per bucket (not cumulative); one more than `bounds`, the last for +Inf.
    pub counts: Vec<u64>,
    /// Sum of the observed values, in `unit`.
    pub sum: u64,
    /// Unit of bounds and sum.
    pub unit: Unit,
}

impl Families {
    /// Sorts, joins families of one name, and adds up series of one label set.
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
                |first, other| first.value.add(&other.value),
            );
        }
        Self(all)
    }

    /// The families, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Family> {
        self.0.iter()
    }

    /// The family of this name.
    pub fn get(&self, name: &str) -> Option<&Family> {
        self.0
            .binary_search_by(|family| (*family.name).cmp(name))
            .ok()
            .and_then(|at| self.0.get(at))
    }

    /// Both together, as one scrape of two shards.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self::new(self.0.into_iter().chain(other.0))
    }
}

impl Family {
    /// The sum of all its series: of counts, or of observations.
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
    /// The value of a label.
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

impl Value {
    /// Adds what another shard counted for the same series.
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
            }
            // One name has one definition, so one kind; `aggregate` and `telemetry` see to it.
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
            }],
        }
    }

    #[test]
    fn order_of_arrival_does_not_show() {
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
    fn same_series_of_two_shards_add_up() {
        let merged =
            Families::new([counter("a", "/", 1)]).merge(Families::new([counter("a", "/", 41)]));
        let family = merged.get("a").unwrap();
        assert_eq!(family.series.len(), 1);
        assert_eq!(family.total(), 42);
        assert_eq!(family.series[0].label("route"), Some("/"));
        assert_eq!(merged.get("z"), None);
    }
}
