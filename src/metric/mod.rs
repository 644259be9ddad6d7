//! The metrics to count: the shipped sets, the metrics of a configuration, and the plan made from both for a source.
//!
//! Invariant: a metric is made of labels and values that have a variant; a plan contains exactly the families whose
//! fields the source's lines contain.

mod declaration;
mod initial;
mod metrics;
mod names;
mod plan;
mod read;
mod set;
mod when;

pub use declaration::{Counts, Metric, Quantity, field};
pub use initial::Initial;
pub use metrics::Metrics;
pub use names::read_labels;
pub use plan::MetricPlan;
pub use read::{bounds, read};
pub use set::Set;
pub use when::{read_conditions, read_when};
