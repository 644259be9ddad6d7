//! The finder in a checkpoint.
//!
//! Invariant: after it was resumed, a finder lists all directories once, whether they changed or not.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listing::{Checked, Directories, Listing, Wanted};
use super::{Finder, Known, Place, Trouble, is_absence, walk};
use crate::model::saved::files::{
    SavedDirectory, SavedFiles, SavedPath, SavedPattern, SavedPlace, SavedRotation,
};
use crate::source::file::fs::{FileId, Fs, Kind, Meta};
use crate::source::file::pattern::PathPattern;
use crate::source::file::saved::{
    SavedFilesFault, checked, path_of, saved_path, saved_time, time_of,
};

impl Finder {
    /// Adds the finder to a checkpoint.
    pub(in crate::source::file) fn save(&self, into: &mut SavedFiles) {
        into.scans = self.scans;
        into.moments = self.moments;
        into.scan_moments = self.scan_moments;
        let scanned = self.wanted.iter().filter(|wanted| !wanted.fresh);
        into.patterns = scanned.map(Wanted::saved).collect();
        into.directories = (self.directories.checked.iter())
            .map(|(path, checked)| SavedDirectory {
                path: saved_path(path),
                modified: checked.modified,
                device: checked.device,
            })
            .collect();
        into.paths = (self.known.iter())
            .map(|(path, known)| SavedPath {
                path: saved_path(path),
                place: saved_place(known.place),
                size_at_first: known.size_at_first,
                parked: known.parked.map(Into::into),
                floor: known.floor,
                next_floor: known.next_floor,
            })
            .collect();
        into.foreign = self.foreign.iter().map(|path| saved_path(path)).collect();
        into.rotations = (self.rotations.windows())
            .map(|(base, window)| SavedRotation {
                base: saved_path(base),
                since: saved_time(window.since),
                floor: window.floor,
                is_rotation: window.is_rotation,
            })
            .collect();
    }

    /// Makes a finder of these paths that goes on where another one was saved.
    pub(in crate::source::file) fn resume(
        paths: &[PathPattern],
        saved: &SavedFiles,
    ) -> Result<Self, SavedFilesFault> {
        let mut finder = Self::new(paths);
        for wanted in &mut finder.wanted {
            let known = saved.patterns.iter().find(|known| wanted.is_saved(known));
            if let Some(known) = known {
                wanted.fresh = false;
                wanted.literal = known.literal.iter().map(path_of).collect();
            }
        }
        finder.scans = checked(saved.scans)?;
        finder.moments = checked(saved.moments)?;
        let (former, last) = saved.scan_moments;
        finder.scan_moments = (checked(former)?, checked(last)?);
        if former > last || last > finder.moments {
            return Err(SavedFilesFault::Number);
        }
        let checked = |directory: &SavedDirectory| {
            let checked = Checked {
                is_unchanged: false,
                modified: directory.modified,
                device: directory.device,
            };
            (path_of(&directory.path), checked)
        };
        finder.directories.checked = saved.directories.iter().map(checked).collect();
        let unsure = finder.directories.checked.iter();
        let unsure = unsure.map(|(path, checked)| (path.clone(), checked.device));
        finder.unsure = unsure.collect();
        finder.known = known_paths(saved)?;
        let mut known = std::mem::take(&mut finder.known);
        known.retain(|path, _| finder.is_wanted(path));
        finder.known = known;
        finder.foreign = saved.foreign.iter().map(path_of).collect();
        for window in &saved.rotations {
            let (base, since) = (path_of(&window.base), time_of(window.since)?);
            finder.rotations.resume(&base, window, since);
        }
        Ok(finder)
    }

    /// Returns the numbers that devices had, and those that they have now, as far as that was not known before.
    pub(in crate::source::file) fn renumbered<F: Fs>(&mut self, fs: &F) -> BTreeMap<u64, u64> {
        let mut devices = BTreeMap::new();
        self.unsure
            .retain(|(path, (device, number))| match fs.stat(path) {
                Ok(meta) => {
                    if meta.id.ino == *number && meta.id.dev != *device {
                        devices.insert(*device, meta.id.dev);
                    }
                    false
                }
                Err(error) => !is_absence(&error),
            });
        devices
    }

    /// Returns the files at followed paths as they are now.
    pub(in crate::source::file) fn followed_now<F: Fs>(&self, fs: &F) -> BTreeMap<FileId, PathBuf> {
        let (mut directories, mut listing) = (Directories::default(), Listing::default());
        let (mut wanted, now) = (self.wanted.clone(), self.scanned);
        walk::add_matches(fs, &mut wanted, &mut directories, now, &mut listing);
        let mut files = BTreeMap::new();
        for (path, sighting) in listing.sightings {
            if let Ok(meta) = sighting.seen {
                files.entry(meta.id).or_insert(path);
            }
        }
        files
    }

    /// Notes that a file which had the identity of the one at `path` is gone: another one has its number now.
    pub(in crate::source::file) fn note_gone(&mut self, path: &Path, id: FileId) {
        if let Some(known) = self.known.get_mut(path)
            && known.place == Ok(id)
        {
            let (dev, ino, born) = (0, 0, 0);
            known.place = Ok(FileId { dev, ino, born });
        }
    }

    /// Notes that a file of `base` with this modification time is to be judged though it was seen before.
    pub(in crate::source::file) fn note_unjudged(
        &mut self,
        base: &Path,
        modified: u64,
        now: Duration,
    ) {
        self.rotations.note(base, modified, now);
    }

    /// Gives a device another number.
    pub(in crate::source::file) fn renumber(&mut self, old: u64, new: u64) {
        for known in self.known.values_mut() {
            let place = known.place.as_mut().ok();
            let parked = known.parked.as_mut().map(|meta| &mut meta.id);
            let ids = place.into_iter().chain(parked);
            ids.filter(|id| id.dev == old).for_each(|id| id.dev = new);
        }
    }
}

fn known_paths(saved: &SavedFiles) -> Result<BTreeMap<PathBuf, Known>, SavedFilesFault> {
    let mut known = BTreeMap::new();
    for path in &saved.paths {
        let own = Known {
            place: place_of(path.place),
            size_at_first: path.size_at_first.map(checked).transpose()?,
            parked: path.parked.map(Meta::try_from).transpose()?,
            floor: path.floor,
            next_floor: path.next_floor,
        };
        if known.insert(path_of(&path.path), own).is_some() {
            return Err(SavedFilesFault::Sequence);
        }
    }
    Ok(known)
}

impl Wanted {
    fn saved(&self) -> SavedPattern {
        SavedPattern {
            text: saved_path(self.pattern.as_path()),
            is_plain: self.pattern.is_literal(),
            literal: self.literal.iter().map(|path| saved_path(path)).collect(),
        }
    }

    fn is_saved(&self, saved: &SavedPattern) -> bool {
        path_of(&saved.text) == self.pattern.as_path()
            && saved.is_plain == self.pattern.is_literal()
    }
}

fn saved_place(place: Place) -> SavedPlace {
    match place {
        Ok(id) => SavedPlace::File(id.into()),
        Err(Trouble::Missing) => SavedPlace::Missing,
        Err(Trouble::NotRegular(_)) => SavedPlace::NotRegular,
        Err(Trouble::Io(io::ErrorKind::PermissionDenied)) => SavedPlace::Refused,
        Err(Trouble::Io(_)) => SavedPlace::Unreadable,
    }
}

/// Returns a saved place. One of another kind or error than was saved only makes the path count as changed.
fn place_of(saved: SavedPlace) -> Place {
    Err(match saved {
        SavedPlace::File(id) => return Ok(id.into()),
        SavedPlace::Missing => Trouble::Missing,
        SavedPlace::NotRegular => Trouble::NotRegular(Kind::Device),
        SavedPlace::Refused => Trouble::Io(io::ErrorKind::PermissionDenied),
        SavedPlace::Unreadable => Trouble::Io(io::ErrorKind::Other),
    })
}
