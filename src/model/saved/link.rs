//! The requests of linked sources.

use serde::{Deserialize, Serialize};

/// The link between front sources and those behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLink {
    /// Name of the first front source.
    pub front: String,
    /// Names of the sources behind the fronts.
    pub backs: Vec<String>,
    /// Secret key of the hashes of request ids.
    pub key: [u64; 2],
    /// Lines of the first front and of each source behind, by outcome.
    pub lines: Vec<SavedLines>,
    /// Requests of the first front that no server behind it logged, by reason.
    pub unreached: Vec<(String, u64)>,
    /// Observations by bucket and then their sum, of each source behind.
    pub queues: Vec<Vec<u64>>,
    /// Requests of which another line may come, in order of arrival.
    pub requests: Vec<SavedRequest>,
    /// The other fronts; a section of its own contains them if there are any.
    #[serde(skip)]
    pub others: SavedFronts,
}

/// The fronts of a link besides the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFronts {
    /// The fronts.
    pub fronts: Vec<SavedFront>,
    /// For each of [`SavedLink::requests`] the front that passed it on: 0 for the first one, and for requests that wait for no
    /// server behind. Empty without other fronts.
    pub requests: Vec<u32>,
}

/// A front of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFront {
    /// Name of the source.
    pub name: String,
    /// Its lines by outcome.
    pub lines: SavedLines,
    /// Its requests that no server behind it logged, by reason.
    pub unreached: Vec<(String, u64)>,
}

impl SavedLink {
    /// Returns the names of all fronts.
    pub fn fronts(&self) -> impl Iterator<Item = &str> {
        let others = self.others.fronts.iter().map(|front| front.name.as_str());
        std::iter::once(self.front.as_str()).chain(others)
    }
}

/// The lines of one of the linked sources that have an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLines {
    /// Numbers of lines by outcome.
    pub outcomes: Vec<(String, u64)>,
}

/// A request of which a line was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRequest {
    /// Keyed hash of the request id.
    pub id: u64,
    /// Time since the arrival of the first line, in microseconds.
    pub age: u64,
    /// The lines that were read.
    pub side: SavedSide,
}

/// The lines of a request that were read. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedSide {
    /// That of the front.
    Passed {
        /// Outcome that counts if no other line arrives, by its place in [`SavedLink::unreached`].
        reason: u8,
        /// Upstream time.
        time: Option<u64>,
    },
    /// That of a server behind it.
    Worked {
        /// Index of the source.
        back: u32,
        /// Time of the request.
        time: Option<u64>,
    },
    /// Both.
    Joined,
}
