//! Counts batches of container logs: their lines, and what stands among these.

use std::path::Path;

use super::{Pipeline, Watch};
use crate::aggregate::{FRAME, STDERR, Shard};
use crate::model::{Aside, AsideKind, Batch};
use crate::pattern::Reject;

impl Pipeline {
    /// Reads the labels that are in the path of the log whose lines follow, if there are any.
    pub fn begin_file(&mut self, path: Option<&Path>) {
        let Some(file) = &mut self.file else {
            return;
        };
        let path = path.unwrap_or(Path::new(""));
        if **file != *path {
            *file = path.into();
            for own in &mut self.own {
                own.begin_file(path);
            }
        }
    }

    /// Counts the lines of a batch, and its asides, in their sequence.
    #[cold]
    pub(super) fn feed_with_asides<W: Watch>(
        &mut self,
        shard: &mut Shard,
        batch: &Batch<'_>,
        watcher: &mut W,
    ) {
        let bytes = batch.bytes();
        let mut from = 0;
        for Aside { at, kind } in batch.asides() {
            self.feed_lines(shard, bytes.get(from..*at).unwrap_or_default(), watcher);
            from = *at;
            match kind {
                AsideKind::Stderr(lines) => shard.skip_many(STDERR, *lines),
                AsideKind::Overlong => self.reject(shard, Reject::Overlong.name(), None, watcher),
                AsideKind::Damaged(length) => {
                    let line = bytes.get(from..from + length);
                    self.reject(shard, FRAME, line, watcher);
                    from += length + 1;
                }
            }
        }
        self.feed_lines(shard, bytes.get(from..).unwrap_or_default(), watcher);
    }
}
