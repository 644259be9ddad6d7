//! Counts and positions of one instant, in a form that outlives the tables they came from.
//!
//! Invariant: positions and counts come from one cut, taken between two batches.

use super::{Labels, Position};

/// Version of the layout of [`Saved`].
pub const SCHEMA: u32 = 1;

/// Everything a shard needs to go on exactly where another one stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// How far each generation was read.
    pub positions: Vec<Position>,
    /// Every family with its series.
    pub families: Vec<SavedFamily>,
}

/// One family's counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFamily {
    /// Its name.
    pub name: String,
    /// Names its kind, labels and bounds; a family whose definition changed starts anew.
    pub definition: String,
    /// Its series.
    pub series: Vec<SavedSeries>,
}

/// One series' counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSeries {
    /// Sorted by name.
    pub labels: Labels,
    /// A counter's value, or a histogram's buckets and sum.
    pub values: Vec<u64>,
}
