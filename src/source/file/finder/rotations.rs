//! Decides whether a rotation can have made a rotated file that was never seen.
//!
//! Invariant: such a file is a generation of a followed path only if that path led elsewhere, or its file was cut, and if
//! the file was modified since its path was last found unchanged: text that is older was there, or elsewhere, before. All
//! times of files come from the file system, so that no clock has to agree with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::saved::files::SavedRotation;

/// Time after a rotation in which its files may appear.
const OPEN: Duration = Duration::from_mins(1);
/// Most by which a modification time may lag behind, in nanoseconds: file systems count them in ticks of up to 2 s.
const SLACK: u64 = 2_000_000_000;

/// Rotations since the last complete scan, by followed path.
#[derive(Debug, Default)]
pub(super) struct Rotations(BTreeMap<PathBuf, Window>);

/// Time in which files of a followed path may appear.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) since: Duration,
    /// Modification time that a generation cannot be older than, in nanoseconds since 1970.
    pub(super) floor: u64,
    /// True if a rotation was found; otherwise files only wait to be judged.
    pub(super) is_rotation: bool,
    /// True if a file could not be judged in the present scan.
    is_postponed: bool,
}

impl Rotations {
    /// Returns the followed paths of which files may appear.
    pub(super) fn windows(&self) -> impl Iterator<Item = (&PathBuf, &Window)> {
        self.0.iter()
    }

    /// Adds a saved window, which began at `since`.
    pub(super) fn resume(&mut self, base: &Path, saved: &SavedRotation, since: Duration) {
        self.window(base, saved.floor, since).is_rotation |= saved.is_rotation;
    }

    /// Starts a scan.
    pub(super) fn begin(&mut self) {
        for window in self.0.values_mut() {
            window.is_postponed = false;
        }
    }

    /// Notes a rotation of `base` at `now`; `floor` is the latest modification time known before it.
    pub(super) fn note(&mut self, base: &Path, floor: u64, now: Duration) {
        let window = self.window(base, floor, now);
        window.is_rotation = true;
        window.since = now;
    }

    /// Notes that a rotation of `base` is possible at any time, since nothing can be read at the path.
    pub(super) fn expect(&mut self, base: &Path, floor: u64, now: Duration) {
        self.window(base, floor, now).is_rotation = true;
    }

    /// Notes that a rotated file of `base` is to be judged at a later scan, as it would be at this one.
    pub(super) fn postpone(&mut self, base: &Path, floor: u64, now: Duration) {
        self.window(base, floor, now).is_postponed = true;
    }

    fn window(&mut self, base: &Path, floor: u64, now: Duration) -> &mut Window {
        let window = self.0.entry(base.to_path_buf());
        window.or_insert(Window {
            since: now,
            floor,
            is_rotation: false,
            is_postponed: false,
        })
    }

    /// Returns whether a rotation of `base` may have left a file that was not judged.
    pub(super) fn was_rotated(&self, base: &Path) -> bool {
        self.0.get(base).is_some_and(|window| window.is_rotation)
    }

    /// Returns whether a file modified at this time can be a generation of `base` that was never seen; `floor` applies
    /// if no rotation was noted.
    pub(super) fn is_young(&self, base: &Path, modified: u64, floor: u64) -> bool {
        let floor = self.0.get(base).map_or(floor, |window| window.floor);
        modified == 0 || modified.saturating_add(SLACK) >= floor
    }

    /// Ends a scan at `now`: forgets rotations of which all files were judged. `is_incomplete` tells the paths of which
    /// files may not have been found.
    pub(super) fn end(&mut self, now: Duration, is_incomplete: impl Fn(&Path) -> bool) {
        self.0.retain(|base, window| {
            let is_recent = window.is_rotation && now.saturating_sub(window.since) < OPEN;
            is_recent || window.is_postponed || is_incomplete(base)
        });
    }
}
