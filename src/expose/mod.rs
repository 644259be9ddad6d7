//! Families as bytes: the Prometheus text format, JSON for people's own tools, and OpenMetrics with the time of
//! each sample.
//!
//! Invariant: the same families always give the same bytes, and every encoder shows the same
//! numbers; integers are written as exact decimals of their base unit.

mod grid;
mod json;
mod number;
mod openmetrics;
mod text;

pub use json::encode_json;
pub use openmetrics::write_timeline;
pub use text::{TEXT_CONTENT_TYPE, encode_text};
