//! The parts of a line that few metrics need.
//!
//! Invariant: a part that no metric of a plan needs is not read.

use super::names::Layout;
use crate::model::{Field, FieldSet};

/// Fields of values that are read by `Pipeline::wide_values`.
const WIDE: [Field; 2] = [Field::ContentLength, Field::ConnectDuration];

/// Returns whether a plan with this layout and these fields needs a part of a line that few plans need.
pub(super) fn is_wide(layout: &Layout, fields: FieldSet) -> bool {
    !layout.parts().is_empty() || has_wide_values(fields)
}

/// Returns whether a plan with these fields needs a value that few plans need.
pub(super) fn has_wide_values(fields: FieldSet) -> bool {
    WIDE.iter().any(|field| fields.contains(*field))
}
