//! Observations of the last hour by bucket, and quantiles of them.

use std::sync::Arc;

use super::document::Quantiles;
use super::ring::SLOTS;
use crate::model::{Histogram, Unit};

/// Observations of a histogram in the last hour, in slots of five minutes.
#[derive(Clone, Debug, Default)]
pub(super) struct BucketHistory {
    /// Upper bounds without +Inf; empty before the first histogram.
    bounds: Arc<[u64]>,
    unit: Option<Unit>,
    /// Totals of the last sample, and parts of the next one.
    totals: Vec<u64>,
    next: Vec<u64>,
    /// Growth of each bucket, slot after slot.
    slots: Vec<u32>,
    /// Place of the present slot.
    at: usize,
    /// Sum of all slots.
    hour: Vec<u64>,
}

impl BucketHistory {
    /// Adds a histogram to the next totals. Histograms of other bounds begin again.
    pub(super) fn note(&mut self, histogram: &Histogram) {
        if self.bounds != histogram.bounds || self.unit != Some(histogram.unit) {
            let buckets = histogram.counts.len();
            *self = Self {
                bounds: Arc::clone(&histogram.bounds),
                unit: Some(histogram.unit),
                totals: vec![0; buckets],
                next: vec![0; buckets],
                slots: vec![0; SLOTS * buckets],
                hour: vec![0; buckets],
                at: self.at,
            };
        }
        for (next, count) in self.next.iter_mut().zip(&histogram.counts) {
            *next += count;
        }
    }

    /// Begins a slot; the oldest is dropped.
    pub(super) fn begin(&mut self) {
        self.at = (self.at + 1) % SLOTS;
        let buckets = self.totals.len();
        let oldest = &mut self.slots[self.at * buckets..][..buckets];
        for (sum, count) in self.hour.iter_mut().zip(oldest) {
            *sum -= u64::from(std::mem::take(count));
        }
    }

    /// Replaces the totals by the sum of the histograms that were noted. Returns the p95 of the growth, in the histogram's unit, or 0
    /// without any. What was counted before a base does not
    /// count as growth.
    pub(super) fn advance(&mut self, is_base: bool) -> u64 {
        let buckets = self.totals.len();
        let has_begun_again =
            (self.next.iter().zip(&self.totals)).any(|(next, total)| next < total);
        if has_begun_again {
            self.totals.fill(0);
        }
        // The difference takes the place of the former totals for a moment.
        for (total, next) in self.totals.iter_mut().zip(&self.next) {
            *total = next - *total;
        }
        let mut p95 = 0;
        if !is_base {
            let slot = &mut self.slots[self.at * buckets..][..buckets];
            let cells = slot.iter_mut().zip(&mut self.hour);
            for ((cell, sum), grown) in cells.zip(&self.totals) {
                let before = *cell;
                *cell = before.saturating_add(u32::try_from(*grown).unwrap_or(u32::MAX));
                *sum += u64::from(*cell - before);
            }
            p95 = quantile(&self.bounds, &self.totals, 95).map_or(0, rounded);
        }
        std::mem::swap(&mut self.totals, &mut self.next);
        self.next.fill(0);
        p95
    }

    /// Returns the number of observations of the last hour.
    pub(super) fn observations(&self) -> u64 {
        self.hour.iter().sum()
    }

    /// Returns quantiles of the last hour, in seconds; `None` without an observation.
    pub(super) fn quantiles(&self) -> Option<Quantiles> {
        let seconds = |percent| Some(quantile(&self.bounds, &self.hour, percent)? / 1e6);
        Some(Quantiles {
            p50: seconds(50)?,
            p95: seconds(95)?,
            p99: seconds(99)?,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quantile lies between 0 and a bound; `as` saturates"
)]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

/// Estimates a quantile as Prometheus' `histogram_quantile` does: by linear interpolation inside a bucket, from 0 on in the first one;
/// the greatest bound for those beyond it. `None` without an observation.
#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate; counts of an hour are far below 2^53"
)]
fn quantile(bounds: &[u64], counts: &[u64], percent: u64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let rank = total * percent;
    let (mut below, mut lower) = (0, 0);
    for (upper, count) in bounds.iter().zip(counts) {
        let reached = below + 100 * count;
        if *count > 0 && reached >= rank {
            let part = (rank - below) as f64 / (100 * count) as f64;
            return Some(lower as f64 + (upper - lower) as f64 * part);
        }
        below = reached;
        lower = *upper;
    }
    Some(lower as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: [u64; 3]) -> Histogram {
        Histogram {
            bounds: [1_000_000, 2_000_000].into(),
            counts: counts.into(),
            sum: 0,
            unit: Unit::Micros,
            has_short_bounds: false,
            native: None,
            exemplars: Vec::new(),
        }
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let check = |counts: [u64; 3], percent, expected: f64| {
            let found = quantile(&[100, 200], &counts, percent).unwrap();
            assert!((found - expected).abs() < 1e-9, "{found}");
        };
        check([10, 0, 0], 50, 50.0);
        check([10, 10, 0], 50, 100.0);
        check([10, 10, 0], 75, 150.0);
        check([0, 4, 0], 50, 150.0);
        check([1, 0, 99], 95, 200.0);
        assert_eq!(quantile(&[100], &[0, 0], 50), None);
    }

    #[test]
    fn observations_of_the_base_and_older_than_an_hour_do_not_count() {
        let mut history = BucketHistory::default();
        history.note(&histogram([5, 5, 5]));
        assert_eq!(history.advance(true), 0);
        assert_eq!(history.quantiles(), None);
        history.note(&histogram([5, 6, 5]));
        history.note(&histogram([0, 1, 0]));
        assert_eq!(history.advance(false), 1_950_000);
        assert_eq!(history.observations(), 2);
        let median = history.quantiles().unwrap().p50;
        assert!((median - 1.5).abs() < 1e-9);
        for _ in 0..SLOTS {
            history.begin();
        }
        assert_eq!(history.observations(), 0);
    }

    #[test]
    fn a_histogram_that_begins_again_or_has_other_bounds_counts_as_a_whole() {
        let mut history = BucketHistory::default();
        history.note(&histogram([5, 0, 0]));
        history.advance(true);
        history.note(&histogram([3, 0, 0]));
        history.advance(false);
        assert_eq!(history.observations(), 3);
        let mut other = histogram([1, 1, 0]);
        other.bounds = [5, 6].into();
        history.note(&other);
        history.advance(false);
        assert_eq!(history.observations(), 2);
    }
}
