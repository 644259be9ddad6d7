//! Receives the lines of logs while they are counted.
//!
//! Invariant: a selector receives the lines in the sequence of the logs, and what it does changes no count.

use std::sync::Arc;

use crate::aggregate::Shard;
use crate::cli::exit::Failure;
use crate::model::Batch;
use crate::pattern::Pattern;
use crate::pipeline::Pipeline;

/// Selects lines.
pub(crate) trait Selector {
    /// Returns whether a progress bar is shown meanwhile.
    fn shows_progress(&self) -> bool;

    /// Begins a format, before its first line. Formats are numbered in the order of these calls.
    /// `sources` are the names of the configuration's sources whose lines these may be.
    fn begin(
        &mut self,
        pattern: &Arc<Pattern>,
        pipeline: &Pipeline,
        sources: Vec<String>,
    ) -> Result<(), Failure>;

    /// Counts a batch of a format, and selects its lines.
    fn feed(
        &mut self,
        format: usize,
        pipeline: &mut Pipeline,
        shard: &mut Shard,
        batch: &Batch<'_>,
    ) -> Result<(), Failure>;
}
