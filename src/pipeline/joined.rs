//! Lines of linked sources, which are joined by the id of their request.

use super::Pipeline;
use crate::model::Micros;

impl Pipeline {
    /// Joins the lines fed so far with those of the linked source, if there is one. `now` is the time of any clock that
    /// all linked sources share. Call it after each batch, while no shard is locked.
    pub fn flush_joins(&mut self, now: Micros) {
        if let Some(tap) = &mut self.tap {
            tap.flush(now);
        }
    }

    /// Declares that all lines the source had written until `now` were fed and flushed.
    pub fn mark_read_until(&mut self, now: Micros) {
        if let Some(tap) = &mut self.tap {
            tap.mark_read_until(now);
        }
    }
}
