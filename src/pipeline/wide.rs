//! The parts of a line that few metrics need.
//!
//! Invariant: a part that no metric of a plan needs is not read.

use super::names::Bits;
use crate::label::Label;
use crate::model::{Field, FieldSet};

/// A part of a line that few plans need.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wide {
    /// Packed into the key by `Pipeline::wide_key`.
    Label(Label),
    /// Read by `Pipeline::wide_values`.
    Value(Field),
}

/// The parts of a line that are read only for plans that need one of them.
pub(super) const WIDE: [Wide; 6] = [
    Wide::Label(Label::Charset),
    Wide::Label(Label::Host),
    Wide::Label(Label::Scheme),
    Wide::Label(Label::Upstream),
    Wide::Value(Field::ContentLength),
    Wide::Value(Field::ConnectDuration),
];

impl Wide {
    /// Returns whether a plan with this mask and these fields needs the part.
    pub(super) fn is_needed(self, mask: u64, fields: FieldSet) -> bool {
        match self {
            Self::Label(label) => Bits::of(label).is_some_and(|bits| mask & bits.mask() != 0),
            Self::Value(field) => fields.contains(field),
        }
    }
}
