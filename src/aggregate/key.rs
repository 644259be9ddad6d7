//! The key of a row.
//!
//! Invariant: lines with the same key are counted in the same series.

/// The small integers from which all labels of a line are made, packed into one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u64);
