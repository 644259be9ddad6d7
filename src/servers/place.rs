//! Places in the servers' configurations.

use crate::diag::{Fault, Place};

/// Formats a place as `FILE:LINE`.
pub(super) fn file_and_line(place: &Place) -> String {
    format!("{}:{}", place.text.name, place.line_and_column().0)
}

/// Adds the place to a fault, if it is known.
pub(super) fn fault_at(fault: Fault, place: Option<&Place>) -> Fault {
    match place {
        Some(place) => fault.at(place.clone()),
        None => fault,
    }
}
