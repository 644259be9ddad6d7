//! The parts of a line that few metrics need.
//!
//! Invariant: a part that no metric of a plan needs is not read.

use super::names::{Layout, Part};
use crate::model::{Field, FieldSet};

/// Fields of values that are read by `Pipeline::wide_values`.
const WIDE: [Field; 2] = [Field::ContentLength, Field::ConnectDuration];

/// Returns whether a key of this layout has parts that few plans need, besides labels of the configuration.
pub(super) fn has_wide_key(layout: &Layout) -> bool {
    let mut parts = layout.parts().iter();
    parts.any(|(part, _)| !matches!(part, Part::Own(..)))
}

/// Returns whether a plan with these fields needs a value that few plans need.
pub(super) fn has_wide_values(fields: FieldSet) -> bool {
    WIDE.iter().any(|field| fields.contains(*field))
}
