//! Finds the files to follow.
//!
//! Invariant: the same trouble with a path is reported only once.

mod listing;
mod place;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use listing::{Directories, Wanted};
pub(super) use listing::{Listing, Sibling, rotated_of};
use place::{Place, place};
pub(super) use place::{Trouble, is_absence, may_lead, stat};

use super::event::FileEvent;
use super::fs::{FileId, Fs};
use super::pattern::PathPattern;
use super::rotated::Rotated;

/// The paths to follow, and the result of the last scan.
#[derive(Debug)]
pub(super) struct Finder {
    wanted: Vec<Wanted>,
    directories: Directories,
    known: BTreeMap<PathBuf, Known>,
    reported: BTreeMap<PathBuf, Trouble>,
    /// Directories where a change can change the next listing.
    watched: BTreeSet<PathBuf>,
    scans: u64,
}

/// State of a path as of the last scan.
#[derive(Debug)]
struct Known {
    place: Place,
    /// See [`Sighting`](listing::Sighting).
    size_at_first: Option<u64>,
}

impl Finder {
    pub(super) fn new(paths: &[PathPattern]) -> Self {
        Self {
            wanted: paths.iter().cloned().map(Wanted::new).collect(),
            directories: Directories::default(),
            known: BTreeMap::new(),
            reported: BTreeMap::new(),
            watched: BTreeSet::new(),
            scans: 0,
        }
    }

    /// Follows these paths from now on. A pattern that was followed before keeps its first scan.
    pub(super) fn reconfigure(&mut self, paths: &[PathPattern]) {
        let before = std::mem::take(&mut self.wanted);
        self.wanted = paths.iter().cloned().map(Wanted::new).collect();
        for wanted in &mut self.wanted {
            let same = |known: &&Wanted| known.pattern.is_same(&wanted.pattern);
            wanted.fresh = before.iter().find(same).is_none_or(|known| known.fresh);
        }
        let mut known = std::mem::take(&mut self.known);
        known.retain(|path, _| self.is_wanted(path));
        self.known = known;
        self.invalidate();
    }

    /// Scans for all files to follow. Call [`Self::remember`] once the listing is processed.
    pub(super) fn scan<F: Fs>(&mut self, fs: &F, now: Duration) -> Listing {
        self.scans += 1;
        walk::scan(fs, &mut self.wanted, &mut self.directories, now)
    }

    /// Stores the listing for comparison with the next one, and reports new troubles.
    pub(super) fn remember(&mut self, listing: Listing, events: &mut dyn FnMut(FileEvent)) {
        self.watched = listing.directories;
        self.known.clear();
        let mut faults = listing.faults;
        for (path, sighting) in listing.sightings {
            let known = Known {
                place: place(&sighting.seen),
                size_at_first: sighting.size_at_first,
            };
            if let Err(error) = sighting.seen {
                faults.push((path.clone(), Some(error)));
            }
            self.known.insert(path, known);
        }
        let before = std::mem::take(&mut self.reported);
        for (path, error) in faults {
            let trouble = error.as_ref().map_or(Trouble::Missing, Trouble::from);
            if before.get(&path) != Some(&trouble) {
                let path = path.clone();
                events(match error {
                    Some(error) if trouble != Trouble::Missing => {
                        FileEvent::Unreadable { path, error }
                    }
                    _ => FileEvent::Missing { path },
                });
            }
            self.reported.insert(path, trouble);
        }
    }

    /// Returns whether a known path leads to another file than at the last scan.
    pub(super) fn has_changed<F: Fs>(&self, fs: &F) -> bool {
        self.known
            .iter()
            .any(|(path, known)| place(&stat(fs, path)) != known.place)
    }

    /// Makes the next scan list all directories, changed or not.
    pub(super) fn invalidate(&mut self) {
        self.directories.invalidate();
    }

    /// Returns whether a pattern matches this path.
    pub(super) fn is_wanted(&self, path: &Path) -> bool {
        self.wanted
            .iter()
            .any(|wanted| wanted.pattern.matches(path))
    }

    /// Returns the followed path that a rotated file belongs to by its name, or else `path` itself.
    pub(super) fn base_of(&self, path: &Path) -> PathBuf {
        let base = Rotated::base_of(path).filter(|base| self.is_wanted(base));
        base.unwrap_or_else(|| path.to_path_buf())
    }

    /// Returns whether the path of a rotated file exists again. True for paths of globs, where no new file is expected.
    pub(super) fn is_succeeded(&self, path: &Path) -> bool {
        let is_plain = |wanted: &Wanted| wanted.pattern.is_plain() && wanted.pattern.matches(path);
        !self.wanted.iter().any(is_plain)
            || self
                .known
                .get(path)
                .is_some_and(|known| matches!(known.place, Ok(_) | Err(Trouble::NotRegular(_))))
    }

    /// Returns the file that `path` led to at the last scan.
    pub(super) fn file_at(&self, path: &Path) -> Option<FileId> {
        self.known.get(path)?.place.ok()
    }

    /// Returns the size at the first scan of a file at `path` that existed then and could not be opened since.
    pub(super) fn size_at_first(&self, path: &Path, id: FileId) -> Option<u64> {
        let known = self.known.get(path)?;
        (known.place == Ok(id)).then_some(known.size_at_first)?
    }

    /// Returns the number of scans so far.
    pub(super) fn scans(&self) -> u64 {
        self.scans
    }

    /// Returns whether a path could not be read at the last scan.
    pub(super) fn has_trouble(&self) -> bool {
        !self.reported.is_empty()
    }

    /// Directories where a change can change the next listing.
    pub(super) fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        self.watched.iter()
    }

    /// Lists all directories at every scan, changed or not.
    #[cfg(test)]
    pub(super) fn set_lists_always(&mut self, lists_always: bool) {
        self.directories.lists_always = lists_always;
    }
}
