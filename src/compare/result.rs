//! The result of a comparison.
//!
//! Invariant: a series is equal, or its difference is the sum of its reasons and of what is unexplained.

use std::collections::BTreeMap;

use super::class::Class;

/// A side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// django-prometheus.
    Theirs,
    /// The exporter.
    Ours,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Every family of both sides.
    pub families: Vec<FamilyResult>,
    /// The counts are those between two times, not all that were ever counted.
    pub has_before: bool,
    /// The page of django-prometheus is that of one process.
    pub is_one_process: bool,
}

/// The result of a family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FamilyResult {
    /// Name of the family.
    pub name: &'static str,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// The exporter counts the family; otherwise its log lacks a field, and nothing is compared.
    pub is_compared: bool,
    /// The series that one of both sides has counted.
    pub series: Vec<SeriesResult>,
}

/// The result of a series. Differences are what the exporter has counted more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesResult {
    /// Values of the labels, in the sequence of their names.
    pub labels: Vec<String>,
    /// Count of django-prometheus.
    pub theirs: i64,
    /// Count of the exporter.
    pub ours: i64,
    /// Reasons of the difference.
    pub reasons: Vec<Reason>,
    /// The part of the difference without a reason.
    pub unexplained: i64,
    /// Observations that django-prometheus has under methods that it exports as they are.
    pub renamed: i64,
    /// Sums of a histogram, if they differ.
    pub sums: Option<Sums>,
}

/// A part of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The cause.
    pub class: Class,
    /// The part of the difference.
    pub count: i64,
}

/// Sums of a histogram that differ, in seconds or bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// That of django-prometheus.
    pub theirs: f64,
    /// The exporter's.
    pub ours: f64,
    /// The cause, if there is one.
    pub class: Option<Class>,
}

impl Comparison {
    /// Returns the number of series with an unexplained difference.
    pub fn unexplained(&self) -> usize {
        let series = self.families.iter().flat_map(|family| &family.series);
        series.filter(|series| !series.is_explained()).count()
    }

    /// Returns the families in which each class occurs, each with the sum of the differences.
    pub fn classes(&self) -> BTreeMap<Class, BTreeMap<&'static str, u64>> {
        let mut classes: BTreeMap<Class, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for family in &self.families {
            for (class, count) in family.classes() {
                classes.entry(class).or_default().insert(family.name, count);
            }
        }
        classes
    }
}

impl FamilyResult {
    /// Returns the sums of both sides.
    pub fn totals(&self) -> (i64, i64) {
        let series = self.series.iter();
        series.fold((0, 0), |(theirs, ours), one| {
            (theirs + one.theirs, ours + one.ours)
        })
    }

    /// Returns the classes of its differences, each with the sum of their sizes: of counts, or the number of sums that differ.
    pub fn classes(&self) -> BTreeMap<Class, u64> {
        let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
        for series in &self.series {
            for reason in &series.reasons {
                *classes.entry(reason.class).or_default() += reason.count.unsigned_abs();
            }
            if series.renamed != 0 {
                *classes.entry(Class::Method).or_default() += series.renamed.unsigned_abs();
            }
            if let Some(class) = series.sums.and_then(|sums| sums.class) {
                *classes.entry(class).or_default() += 1;
            }
        }
        classes
    }
}

impl SeriesResult {
    /// Returns whether the count of both sides is the same.
    pub const fn is_equal(&self) -> bool {
        self.theirs == self.ours
    }

    /// Returns whether nothing is unexplained.
    pub fn is_explained(&self) -> bool {
        self.unexplained == 0 && self.sums.is_none_or(|sums| sums.class.is_some())
    }
}
