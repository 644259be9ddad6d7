//! The lines that histograms show as examples of what they count.
//!
//! Invariant: only a well-formed id of the kind that the configuration allows leaves the line.

use super::Pipeline;
use crate::aggregate::{Row, Shard, Values};
use crate::model::{Record, Timestamp};

impl Pipeline {
    /// Offers a line as an exemplar.
    pub(super) fn offer(&self, shard: &mut Shard, row: Row, values: &Values, record: &Record<'_>) {
        if let Some(which) = self.exemplars {
            let time = record.time.and_then(Timestamp::parse_millis);
            shard.offer(row, values, time, || which.read(record));
        }
    }
}
