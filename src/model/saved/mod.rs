//! The content of a checkpoint: the state that outlives the process.
//!
//! Invariant: no byte of a log line is in it but label values, which `/metrics` shows; positions and counts of a source are
//! of one instant.

pub mod files;
mod link;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use files::SavedFiles;
pub use link::{SavedFront, SavedFronts, SavedLines, SavedLink, SavedRequest, SavedSide};

/// The state of all sources, and what they share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Secret key of all fingerprints.
    pub key: [u64; 2],
    /// True if more may have been served than this contains: an older copy was used, and what stood in the logs then was not
    /// counted yet.
    pub is_behind: bool,
    /// Sources, in the order of the configuration.
    pub sources: Vec<SavedSource>,
    /// Links between sources.
    pub links: Vec<SavedLink>,
}

/// One source: its position in its input, and what was counted up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSource {
    /// Name in the configuration.
    pub name: String,
    /// Position in the input.
    pub input: SavedInput,
    /// Account of all lines.
    pub ledger: SavedLedger,
    /// Families, in any sequence.
    pub families: Vec<SavedFamily>,
    /// Names of routes.
    pub routes: SavedRoutes,
    /// Gaps, by reason.
    pub gaps: Vec<SavedGap>,
}

/// Gaps of one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedGap {
    /// The reason.
    pub reason: String,
    /// Number of losses.
    pub events: u64,
    /// Lost bytes that are known; `None` if the reason does not have this bound.
    pub at_least: Option<u64>,
    /// Most bytes that can have been lost; `None` if the reason does not have this bound.
    pub at_most: Option<u64>,
}

/// Position in an input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedInput {
    /// A pipe or a socket: what was received is counted, and nothing can be received again.
    #[default]
    Stream,
    /// Followed files.
    Files(Box<SavedFiles>),
    /// The journal, up to the entry of this cursor.
    Journal {
        /// Unit that is followed.
        unit: String,
        /// `__CURSOR` of the last entry that was counted (systemd.journal-fields(7)).
        cursor: String,
    },
}

/// The names of a source's routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRoutes {
    /// True if routes are folded paths; false if they are the views of a URLconf.
    pub are_folded: bool,
    /// Names, in the order in which they were learned.
    pub names: Vec<Arc<str>>,
    /// Number of names that were learned by folding a path.
    pub folded: u64,
    /// Number of names that lines stated.
    pub stated: u64,
}

/// Account of the lines of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLedger {
    /// Lines that were counted.
    pub recorded: u64,
    /// Lines that were counted in series for overflow.
    pub overflow: u64,
    /// Bytes of lines.
    pub bytes: u64,
    /// Rejected lines by reason.
    pub rejected: Vec<(String, u64)>,
    /// Skipped lines by rule.
    pub skipped: Vec<(String, u64)>,
}

/// The series of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFamily {
    /// Name, which is unique among the families of a source.
    pub name: Arc<str>,
    /// Describes what is counted, and by which labels and buckets: a family of another definition starts at 0. It begins
    /// with [`Self::NATIVE`] if the series have native histograms.
    pub definition: String,
    /// The series, in any sequence.
    pub series: Vec<SavedSeries>,
}

/// The numbers of a label set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSeries {
    /// Label values, in the sequence of the definition.
    pub labels: Vec<Arc<str>>,
    /// Time at which the series was created, in milliseconds since 1970.
    pub created: u64,
    /// The numbers: one, or those of a histogram's buckets and its sum, and behind them those of a native histogram.
    pub values: Vec<u64>,
}

impl SavedFamily {
    /// Beginning of the definition of a family with native histograms.
    pub const NATIVE: &str = "Native";

    /// Returns whether the series have native histograms, and hence different numbers of numbers.
    pub fn is_native(&self) -> bool {
        self.definition.starts_with(Self::NATIVE)
    }
}
