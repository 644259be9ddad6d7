//! Makes one of what has the same name or the same labels.
//!
//! Invariant: what was gathered is sorted by its key, and no key repeats.

/// What there can be several of under one key.
pub(super) trait Gather {
    /// What tells it from others.
    type Key: Ord + ?Sized;

    fn key(&self) -> &Self::Key;

    /// Takes up what another of the same key holds.
    fn take_up(&mut self, other: &mut Self);
}

/// Sorts, and makes one of those of one key, in the order they came.
pub(super) fn gather<T: Gather>(all: &mut Vec<T>) {
    all.sort_by(|a, b| a.key().cmp(b.key()));
    all.dedup_by(|later, earlier| {
        let same = later.key() == earlier.key();
        if same {
            earlier.take_up(later);
        }
        same
    });
}
