//! Places in the servers' configurations.

use crate::diag::Place;

/// Most lines of a list.
const SHOWN: usize = 20;

/// Formats a place as `FILE:LINE`.
pub(super) fn file_and_line(place: &Place) -> String {
    format!("{}:{}", place.text.name, place.line_and_column().0)
}

/// Lists words with their places, each once, on a line of its own.
pub(super) fn list(all: &[(String, Place)]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (words, place) in all {
        let line = format!("\n  {}: {words}", file_and_line(place));
        // A file may be included more than once.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.len() > SHOWN {
        let more = format!("\n  and {} more", lines.len() - SHOWN);
        lines.splice(SHOWN.., [more]);
    }
    lines.concat()
}
