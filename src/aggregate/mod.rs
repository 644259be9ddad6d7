//! Counting: one look-up a line, then integer adds.
//!
//! Invariant: what a shard has counted does not depend on the order of the lines, and a snapshot,
//! a save and the ledger taken under one lock are of one instant.

mod buckets;
mod definition;
mod history;
mod ledger;
mod shard;
mod table;

pub use definition::{Definition, Kind, Measure, Values};
pub use ledger::Ledger;
pub use shard::{Key, Names, Shard};
pub use table::LabelValues;
