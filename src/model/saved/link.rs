//! The requests of linked sources.

use serde::{Deserialize, Serialize};

/// The link between a front source and those behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLink {
    /// Name of the front source.
    pub front: String,
    /// Names of the sources behind it.
    pub backs: Vec<String>,
    /// Secret key of the hashes of request ids.
    pub key: [u64; 2],
    /// Lines of the front and of each source behind it, by outcome.
    pub lines: Vec<SavedLines>,
    /// Requests of the front that no server behind it logged, by reason.
    pub unreached: Vec<(String, u64)>,
    /// Observations by bucket and then their sum, of each source behind the front.
    pub queues: Vec<Vec<u64>>,
    /// Requests of which another line may come, in order of arrival.
    pub requests: Vec<SavedRequest>,
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
