//! Labels that the configuration defines.
//!
//! Invariant: the values of such a label are in the configuration.

use std::sync::Arc;

use super::vocabulary::Vocabulary;

/// A label that the configuration defines. Clones of the [`Arc`] around it are the label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLabel {
    /// Name of the label.
    pub name: Arc<str>,
    /// Origin of its values.
    pub origin: Origin,
}

/// Origin of the values of an own label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One value for all lines of a source.
    Constant(Arc<str>),
    /// A field of the lines, and the values of its texts.
    Read {
        /// Name of the field: one of a record, a variable of the format, or a key.
        field: Arc<str>,
        /// The values.
        vocabulary: Vocabulary,
    },
}

impl OwnLabel {
    /// Returns how many values the label may take, `<other>` included.
    pub fn size(&self) -> usize {
        match &self.origin {
            Origin::Constant(_) => 1,
            Origin::Read { vocabulary, .. } => vocabulary.values().len() + 1,
        }
    }

    /// Returns the value, if it is the same for all lines.
    pub fn constant(&self) -> Option<&Arc<str>> {
        match &self.origin {
            Origin::Constant(value) => Some(value),
            Origin::Read { .. } => None,
        }
    }

    /// Returns the vocabulary, if the values are read from lines.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        match &self.origin {
            Origin::Constant(_) => None,
            Origin::Read { vocabulary, .. } => Some(vocabulary),
        }
    }
}
