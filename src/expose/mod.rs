//! Encoders of families: the Prometheus text format, JSON for custom tools, and OpenMetrics with the time of each
//! sample.
//!
//! Invariant: equal families encode to equal bytes, in every format with the same numbers. Integers are written as
//! exact decimals of their base unit. Encoders do not sort: families are sorted already.

mod grid;
mod json;
mod number;
mod openmetrics;
mod padded;
mod text;

pub use json::encode_json;
pub use openmetrics::write_timeline;
pub use text::{TEXT_CONTENT_TYPE, encode_text};
