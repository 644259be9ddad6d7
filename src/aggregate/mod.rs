//! Counting: one hash look-up and a few integer additions for each line.
//!
//! Invariant: the counts of a shard do not depend on the order of the lines; a snapshot and a ledger taken under one
//! lock are of one instant.

mod block;
mod buckets;
mod definition;
mod exemplars;
mod frame;
mod history;
mod key;
mod ledger;
mod native;
mod offer;
mod past;
mod rows;
mod saved;
mod shard;
mod table;

pub use definition::{Definition, Kind, Measure, Values};
pub use frame::Frames;
pub use key::Key;
pub use ledger::{Accounts, FRAME, Ledger, STDERR};
pub use rows::{Registration, Row};
pub use shard::Shard;
pub use table::LabelValues;
