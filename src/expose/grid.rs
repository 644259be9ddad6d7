//! The times at which a series of a timeline has samples.
//!
//! Invariant: from [`REACH`] before a change of a series to [`REACH`] after it, every step has a sample, as if
//! scraped, so that `rate()` and `increase()` over ranges up to [`REACH`] are exact. Elsewhere a sample at least
//! every [`REACH`] keeps the series from going stale, unless the log itself is silent for a day.

use std::num::NonZeroU32;

/// Age in seconds up to which Prometheus uses a sample (`--query.lookback-delta`).
const REACH: u32 = 300;
/// Seconds without a line after which a log has a gap, in which no series has samples.
const SILENCE: u32 = 86_400;

/// The boundaries between steps at which samples are possible. Step N begins at boundary N, where step N-1 ends.
#[derive(Debug)]
pub(super) struct Grid {
    /// [`REACH`] in steps, at least 1.
    reach: u32,
    /// Spans of boundaries outside the log's gaps, both ends included; ascending and not adjacent.
    alive: Vec<(u32, u32)>,
    last: u32,
}

impl Grid {
    /// Creates a grid from the steps in which any series changes, ascending. `step` is their length in seconds.
    pub(super) fn new(steps: &[u32], step: NonZeroU32) -> Self {
        let reach = (REACH / step).max(1);
        let last = steps.last().map_or(0, |last| last.saturating_add(1));
        let boundaries = steps.iter().map(|step| step.saturating_add(1));
        let silence = (SILENCE / step).max(reach);
        Self {
            reach,
            alive: spans(boundaries, reach, silence, last),
            last,
        }
    }

    /// Returns the boundaries at which a series has a sample, ascending, given the steps in which it changes,
    /// ascending.
    pub(super) fn samples(&self, changes: impl Iterator<Item = u32>) -> Vec<u32> {
        let ends = changes.map(|step| step.saturating_add(1));
        let mut samples = Vec::new();
        let mut from = None;
        for (first, last) in spans(ends, self.reach, self.reach, self.last) {
            if let Some(from) = from {
                self.push_idle(from, first, &mut samples);
            }
            samples.extend(first..=last);
            from = Some(last.saturating_add(1));
        }
        if let Some(from) = from
            && from <= self.last
        {
            self.push_idle(from, self.last, &mut samples);
            samples.push(self.last);
        }
        samples
    }

    /// Appends a boundary every [`REACH`] outside the log's gaps. These are aligned, hence common to all series, and
    /// include whole hours.
    fn push_idle(&self, from: u32, until: u32, samples: &mut Vec<u32>) {
        let first = self.alive.partition_point(|(_, last)| *last < from);
        for (first, last) in self.alive.iter().skip(first) {
            if *first >= until {
                break;
            }
            let start = from.max(*first).next_multiple_of(self.reach);
            let end = until.min(last.saturating_add(1));
            let reach = self.reach as usize;
            samples.extend((start..end).step_by(reach));
        }
    }
}

/// Returns the spans that cover every point with `before` and `behind`, merged where they touch, up to `last`.
fn spans(
    points: impl Iterator<Item = u32>,
    before: u32,
    behind: u32,
    last: u32,
) -> Vec<(u32, u32)> {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for point in points {
        let start = point.saturating_sub(before);
        let end = point.saturating_add(behind).min(last);
        match spans.last_mut() {
            Some((_, open)) if start <= open.saturating_add(1) => *open = end,
            _ => spans.push((start, end)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(steps: &[u32], step: u32) -> Grid {
        Grid::new(steps, NonZeroU32::new(step).unwrap())
    }

    #[test]
    fn samples_are_dense_around_changes_and_five_minutes_apart_elsewhere() {
        let grid = grid(&[100, 131], 60);
        let samples = grid.samples([100].into_iter());
        let dense: Vec<u32> = (96..=106).collect();
        assert_eq!(
            samples,
            [dense, [110, 115, 120, 125, 130, 132].into()].concat()
        );
    }

    #[test]
    fn a_day_of_silence_is_a_gap() {
        let grid = grid(&[100, 1_000_000], 60);
        let samples = grid.samples([100, 1_000_000].into_iter());
        assert!(samples.len() < 11 + 1440 / 5 + 11, "{}", samples.len());
        assert_eq!(samples[..2], [96, 97]);
        assert_eq!(samples.last(), Some(&1_000_001));
    }

    #[test]
    fn steps_as_long_as_the_reach_have_a_sample_each() {
        let grid = grid(&[10, 20], 300);
        let samples = grid.samples([10].into_iter());
        assert_eq!(samples, (10..=21).collect::<Vec<_>>());
        assert!(grid.samples([].into_iter()).is_empty());
    }

    proptest! {
        #[test]
        fn samples_surround_each_change_and_are_never_far_apart(
            changes in proptest::collection::btree_set(1_000..3_000_u32, 1..20),
            others in proptest::collection::btree_set(1_000..3_000_u32, 0..20),
            seconds in 1..=300_u32,
        ) {
            let steps: Vec<u32> = changes.union(&others).copied().collect();
            let grid = grid(&steps, seconds);
            let samples = grid.samples(changes.iter().copied());
            prop_assert!(samples.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(*samples.last().unwrap(), steps.last().unwrap() + 1);
            let reach = 300 / seconds;
            for change in &changes {
                let end = (change + 1 + reach).min(steps.last().unwrap() + 1);
                for boundary in change + 1 - reach..=end {
                    prop_assert!(samples.binary_search(&boundary).is_ok(), "{boundary}");
                }
            }
            if 2_000 * seconds < SILENCE {
                for pair in samples.windows(2) {
                    prop_assert!((pair[1] - pair[0]) * seconds <= REACH);
                }
            }
        }
    }
}
