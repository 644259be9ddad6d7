//! The counts of one page.
//!
//! Invariant: a method that django-prometheus exports as it is counts as an invalid one.

use std::collections::{BTreeMap, BTreeSet};

use super::family::Family;
use super::page::{Page, Sample};

/// Values of a series' labels, in the sequence of its family.
pub(super) type Key = Vec<String>;
/// Counts by labels.
pub(super) type Cells = BTreeMap<Key, i64>;

const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];
/// View of the page of django-prometheus.
pub(super) const METRICS: &str = "prometheus-django-metrics";
/// Label of other methods.
pub(super) const INVALID: &str = "<invalid method>";

/// The counts of one page, or of an interval between two.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    cells: BTreeMap<Family, Cells>,
    /// Sums of histograms.
    sums: BTreeMap<(Family, Key), f64>,
    /// Streamed responses.
    pub(super) streamed: i64,
    /// Exceptions by view.
    pub(super) raised: BTreeMap<String, i64>,
    /// Observations of unknown methods by view.
    pub(super) renamed: BTreeMap<String, i64>,
}

impl Counts {
    /// Reads a page, whose names may have a prefix.
    pub(super) fn read(page: &Page, prefix: &str) -> Self {
        let mut counts = Self::default();
        for sample in &page.samples {
            if let Some(name) = sample.name.strip_prefix(prefix) {
                counts.add(name, sample);
            }
        }
        for family in Family::ALL {
            if page.declares(&format!("{prefix}{}", family.name())) {
                counts.cells.entry(family).or_default();
            }
        }
        counts
    }

    fn add(&mut self, name: &str, sample: &Sample) {
        match name {
            "django_http_responses_streaming_total" => self.streamed += whole(sample.value),
            "django_http_exceptions_total_by_view_total" => {
                let view = sample.label("view").to_owned();
                *self.raised.entry(view).or_default() += whole(sample.value);
            }
            _ => {
                let is_it = |family: &&Family| name.starts_with(family.name());
                let Some(family) = Family::ALL.iter().rev().find(is_it).copied() else {
                    return;
                };
                match (&name[family.name().len()..], family.is_histogram()) {
                    ("", false) | ("_count", true) => {
                        let key = self.key(family, sample);
                        let cells = self.cells.entry(family).or_default();
                        *cells.entry(key).or_default() += whole(sample.value);
                    }
                    ("_sum", true) => {
                        let key = key(family, sample);
                        *self.sums.entry((family, key)).or_default() += sample.value;
                    }
                    _ => {}
                }
            }
        }
    }

    fn key(&mut self, family: Family, sample: &Sample) -> Key {
        let method = sample.label("method");
        if family == Family::LatencyByView && is_raw(method) {
            let view = sample.label("view").to_owned();
            *self.renamed.entry(view).or_default() += whole(sample.value);
        }
        key(family, sample)
    }

    /// Returns whether the page has a family.
    pub(super) fn has(&self, family: Family) -> bool {
        self.cells.contains_key(&family)
    }

    /// Returns the counts of a family.
    pub(super) fn cells(&self, family: Family) -> impl Iterator<Item = (&Key, i64)> {
        let cells = self.cells.get(&family).into_iter().flatten();
        cells.map(|(key, count)| (key, *count))
    }

    /// Returns a count, 0 if there is none.
    pub(super) fn get(&self, family: Family, key: &[String]) -> i64 {
        let cells = self.cells.get(&family);
        cells.and_then(|cells| cells.get(key)).copied().unwrap_or(0)
    }

    /// Returns the sum of a histogram.
    pub(super) fn sum(&self, family: Family, key: &[String]) -> f64 {
        let sum = self.sums.get(&(family, key.to_vec()));
        sum.copied().unwrap_or(0.0)
    }

    /// Returns the sum of a family's counts.
    pub(super) fn total(&self, family: Family) -> i64 {
        self.cells(family).map(|(_, count)| count).sum()
    }

    /// Returns the sum of the counts of a family whose labels satisfy `is_meant`.
    pub(super) fn total_of(&self, family: Family, is_meant: impl Fn(&Key) -> bool) -> i64 {
        let cells = self.cells(family).filter(|(key, _)| is_meant(key));
        cells.map(|(_, count)| count).sum()
    }

    /// Returns whether a count is less than before.
    pub(super) fn is_less_than(&self, before: &Self) -> bool {
        let mut cells = before.cells.iter().flat_map(|(family, cells)| {
            let now = |key: &Key| self.get(*family, key);
            cells.iter().map(move |(key, count)| now(key) < *count)
        });
        cells.any(|is_less| is_less)
    }

    /// Returns what was counted since an earlier page.
    pub(super) fn since(&self, before: &Self) -> Self {
        let mut since = self.clone();
        for (family, cells) in &mut since.cells {
            for (key, count) in cells {
                *count -= before.get(*family, key);
            }
        }
        for ((family, key), sum) in &mut since.sums {
            *sum -= before.sum(*family, key);
        }
        since.streamed -= before.streamed;
        for (now, before) in [
            (&mut since.raised, &before.raised),
            (&mut since.renamed, &before.renamed),
        ] {
            for (view, count) in now {
                *count -= before.get(view).copied().unwrap_or(0);
            }
        }
        since
    }

    /// Returns the labels of a family that one of two pages has counted.
    pub(super) fn keys_with<'c>(&'c self, other: &'c Self, family: Family) -> BTreeSet<&'c Key> {
        let both = self.cells(family).chain(other.cells(family));
        both.filter(|(_, count)| *count != 0)
            .map(|(key, _)| key)
            .collect()
    }
}

fn key(family: Family, sample: &Sample) -> Key {
    let value = |label: &&str| {
        let value = sample.label(label);
        let is_raw = family == Family::LatencyByView && *label == "method" && is_raw(value);
        if is_raw { INVALID } else { value }.to_owned()
    };
    family.labels().iter().map(value).collect()
}

fn is_raw(method: &str) -> bool {
    method != INVALID && !METHODS.contains(&method)
}

/// Returns a count, of which floating point numbers hold up to 2^53 exactly; 0 for what is not a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "conversion of a float saturates, and a count is whole"
)]
pub(super) fn whole(value: f64) -> i64 {
    const MOST: f64 = 9_007_199_254_740_992.0;
    value.clamp(-MOST, MOST).round() as i64
}

/// Returns the method of responses by method, status and view.
pub(super) fn method(key: &Key) -> &str {
    key.first().map_or("", String::as_str)
}

/// Returns their status.
pub(super) fn status(key: &Key) -> &str {
    key.get(1).map_or("", String::as_str)
}

/// Returns their view.
pub(super) fn view(key: &Key) -> &str {
    key.get(2).map_or("", String::as_str)
}
