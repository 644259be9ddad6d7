//! Families over time: the growth of each number, by step.
//!
//! Invariant: families are sorted by name, series by labels; the changes of a series are sorted by step, with at most
//! one for each cell and step. They add up to the series of a scrape at the end.

use std::sync::Arc;

use super::families::merge_by_key;
use super::{Kind, Labels, Number, Value};

/// All families over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline(Vec<Course>);

/// A family over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Full name, unit and `_total` included.
    pub name: Arc<str>,
    /// Text of the `HELP` line.
    pub help: Arc<str>,
    /// Type of the values.
    pub kind: Kind,
    /// Series, sorted by labels.
    pub tracks: Vec<Track>,
}

/// A series over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Labels, sorted by name.
    pub labels: Labels,
    /// Value before the first change: 0.
    pub zero: Value,
    /// Changes, sorted by step, then by cell.
    pub changes: Vec<Change>,
}

/// Growth of a number in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Number of the step, counted from 1970.
    pub step: u32,
    /// Index of the number: 0 in a counter; in a histogram that of a bucket, or the number of buckets for the sum.
    pub cell: u32,
    /// Growth, in the unit of the value.
    pub delta: u64,
}

impl Timeline {
    /// Sorts families and series; merges families with the same name, and series with the same labels.
    pub fn new(courses: impl IntoIterator<Item = Course>) -> Self {
        let mut all: Vec<Course> = courses.into_iter().collect();
        merge_by_key(
            &mut all,
            |course| &*course.name,
            |first, other| first.tracks.append(&mut other.tracks),
        );
        for course in &mut all {
            merge_by_key(
                &mut course.tracks,
                |track| &track.labels,
                |first, other| {
                    first.changes.append(&mut other.changes);
                    Change::add_up(&mut first.changes);
                },
            );
        }
        Self(all)
    }

    /// Iterates over the families, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Course> {
        self.0.iter()
    }

    /// Returns whether no number ever changed.
    pub fn is_empty(&self) -> bool {
        let mut tracks = self.0.iter().flat_map(|course| &course.tracks);
        tracks.all(|track| track.changes.is_empty())
    }

    /// Returns the steps with a change, ascending.
    pub fn steps(&self) -> Vec<u32> {
        let mut steps = Vec::new();
        for track in self.0.iter().flat_map(|course| &course.tracks) {
            // Deduplicated after each series, so that memory is bounded by the steps, not by the changes.
            steps.extend(track.changes.iter().map(|change| change.step));
            steps.sort_unstable();
            steps.dedup();
        }
        steps
    }
}

impl Change {
    /// Sorts changes, and adds up those of the same step and cell.
    pub fn add_up(changes: &mut Vec<Self>) {
        changes.sort_unstable();
        changes.dedup_by(|later, earlier| {
            let same = (later.step, later.cell) == (earlier.step, earlier.cell);
            if same {
                earlier.delta = earlier.delta.wrapping_add(later.delta);
            }
            same
        });
    }
}

impl Value {
    /// Adds the growth of a cell; ignores a cell that does not exist.
    pub fn grow(&mut self, change: Change) {
        let cell = change.cell as usize;
        let number = match self {
            Self::Number(Number::Exact(value, _)) => (cell == 0).then_some(value),
            Self::Number(Number::Float(_)) => None,
            Self::Histogram(histogram) if cell == histogram.counts.len() => {
                Some(&mut histogram.sum)
            }
            Self::Histogram(histogram) => histogram.counts.get_mut(cell),
        };
        if let Some(number) = number {
            *number = number.wrapping_add(change.delta);
        }
    }
}
