//! Families over time: when each number grew, and by how much.
//!
//! Invariant: families are sorted by name, series by labels; the changes of a series are sorted by step, each
//! cell at most once a step. Added up, they are the series as a scrape would show it at the end.

use std::sync::Arc;

use super::families::merge_by_key;
use super::{Kind, Labels, Number, Value};

/// All families, step by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline(Vec<Course>);

/// One metric name with its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Full name, unit and `_total` included.
    pub name: Arc<str>,
    /// One sentence for the `HELP` line.
    pub help: Arc<str>,
    /// What the values are.
    pub kind: Kind,
    /// Sorted by labels.
    pub tracks: Vec<Track>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Sorted by name.
    pub labels: Labels,
    /// What it begins with: 0.
    pub zero: Value,
    /// Sorted by step, then by cell.
    pub changes: Vec<Change>,
}

/// How much a number grew in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// How many steps after 1970 it began.
    pub step: u32,
    /// Which number: 0 of a counter; of a histogram a bucket, or behind the last of them the sum.
    pub cell: u32,
    /// In the unit of the value.
    pub delta: u64,
}

impl Timeline {
    /// Sorts, joins families of one name, and adds up series of one label set.
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

    /// The families, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Course> {
        self.0.iter()
    }

    /// Whether nothing ever changed.
    pub fn is_empty(&self) -> bool {
        let mut tracks = self.0.iter().flat_map(|course| &course.tracks);
        tracks.all(|track| track.changes.is_empty())
    }

    /// The steps in which anything changed, ascending.
    pub fn steps(&self) -> Vec<u32> {
        let mut steps = Vec::new();
        for track in self.0.iter().flat_map(|course| &course.tracks) {
            // After each series, so that there are as many as steps, not as changes.
            steps.extend(track.changes.iter().map(|change| change.step));
            steps.sort_unstable();
            steps.dedup();
        }
        steps
    }
}

impl Change {
    /// Sorts, and makes one of those of the same step and cell.
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
    /// Lets a cell grow; one that there is not is left alone.
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
