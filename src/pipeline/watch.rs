//! Watches lines while they are counted.
//!
//! Invariant: watching changes no count, and costs nothing where nothing watches.

use std::sync::Arc;

use super::Pipeline;
use crate::aggregate::{Definition, Row, Shard, Values};
use crate::model::{Batch, FieldSet};

/// Receives every line that is counted or rejected, in the sequence of the lines.
pub trait Watch {
    /// False if nothing is received.
    const IS_WATCHING: bool = true;

    /// Receives a line that was counted.
    fn counted(&mut self, shard: &Shard, line: &CountedLine<'_>);

    /// Receives a row that leads to other series from now on than it may have before.
    fn registered(&mut self, row: Row);

    /// Receives a rejected line; `text` is `None` if it is over-long.
    fn rejected(&mut self, reason: &'static str, text: Option<&[u8]>);
}

/// A line that was counted.
#[derive(Clone, Copy, Debug)]
pub struct CountedLine<'l> {
    /// The line without its newline.
    pub text: &'l [u8],
    /// The row it was counted in.
    pub row: Row,
    /// The numbers it was counted with.
    pub values: &'l Values,
}

/// Watches nothing.
impl Watch for () {
    const IS_WATCHING: bool = false;

    #[inline]
    fn counted(&mut self, _: &Shard, _: &CountedLine<'_>) {}

    #[inline]
    fn registered(&mut self, _: Row) {}

    #[inline]
    fn rejected(&mut self, _: &'static str, _: Option<&[u8]>) {}
}

impl Pipeline {
    /// Counts a batch like [`Self::feed`]; `watcher` receives its lines.
    pub fn feed_watched(&mut self, shard: &mut Shard, batch: &Batch<'_>, watcher: &mut impl Watch) {
        self.feed_batch(shard, batch, watcher);
    }

    /// Returns the families, those of recorded lines first, in the numbering of a shard.
    pub fn families(&self) -> &[Definition] {
        self.plan.families()
    }

    /// Returns the name of the source.
    pub fn source(&self) -> &Arc<str> {
        &self.settings.source
    }

    /// Returns the fields that the families need.
    pub fn counted_fields(&self) -> FieldSet {
        self.plan.fields()
    }
}
