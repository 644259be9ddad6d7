//! The position in followed files.

use serde::{Deserialize, Serialize};

/// What is known of the followed files and of those that hold consumed text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFiles {}
