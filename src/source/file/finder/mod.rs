//! Finds the files to follow.
//!
//! Invariant: the same trouble with a path is reported only once.

mod listing;
mod place;
mod reports;
mod rotations;
mod saved;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use listing::{Directories, Wanted, parent};
pub(super) use listing::{Listing, Sibling, backups_of, rotated_of};
use place::{Place, place};
pub(super) use place::{Trouble, is_absence, may_lead, stat};
use reports::Reports;
use rotations::Rotations;

use super::event::FileEvent;
use super::fs::{FileId, Fs, Meta, RealFs};
use super::names::Names;
use super::pattern::{GlobStep, PathPattern, Shape};
use super::rotated::Rotated;

/// The paths to follow, and the result of the last scan.
#[derive(Debug)]
pub(super) struct Finder {
    wanted: Vec<Wanted>,
    directories: Directories,
    /// Directories of a checkpoint of which the device is not known to have the same number still.
    unsure: Vec<(PathBuf, (u64, u64))>,
    known: BTreeMap<PathBuf, Known>,
    /// Known paths that are checked at each poll.
    checked: Vec<PathBuf>,
    /// Directories of the other ones, which are checked in their stead.
    standing: BTreeSet<PathBuf>,
    reports: Reports,
    /// Directories where a change can change the next listing.
    watched: BTreeSet<PathBuf>,
    rotations: Rotations,
    /// Paths with the name of a rotated file that lead to a log of another program.
    foreign: BTreeSet<PathBuf>,
    scans: u64,
    moments: u64,
    /// Moments of the scan before the last one, and of the last one.
    scan_moments: (u64, u64),
    /// Start of the last scan.
    scanned: Duration,
    /// Names that concern the next listing.
    names: Names,
}

/// Most paths of other programs' logs that are remembered.
const MOST_FOREIGN: usize = 4_096;

/// State of a path as of the last scan.
#[derive(Debug)]
struct Known {
    place: Place,
    /// See [`Sighting`](listing::Sighting).
    size_at_first: Option<u64>,
    /// See [`Sighting`](listing::Sighting).
    parked: Option<Meta>,
    /// Modification time of text that was not seen, at least, in nanoseconds since 1970.
    floor: u64,
    /// Latest modification time of the file and of its directory at the last scan: `floor`, once a read has shown that the
    /// file had not been cut by then.
    next_floor: u64,
}

/// Returns the files at paths that patterns match now. Nothing is opened.
pub fn find_files(patterns: &[PathPattern]) -> Vec<(PathBuf, FileId)> {
    let mut wanted: Vec<_> = patterns.iter().cloned().map(Wanted::new).collect();
    let mut directories = Directories::default();
    let mut listing = Listing::default();
    walk::add_matches(
        &RealFs,
        &mut wanted,
        &mut directories,
        Duration::ZERO,
        &mut listing,
    );
    let found = listing.sightings.into_iter();
    let found = found.filter_map(|(path, sighting)| Some((path, sighting.seen.ok()?.id)));
    found.collect()
}

impl Finder {
    pub(super) fn new(paths: &[PathPattern]) -> Self {
        Self {
            wanted: paths.iter().cloned().map(Wanted::new).collect(),
            directories: Directories::default(),
            unsure: Vec::new(),
            known: BTreeMap::new(),
            checked: Vec::new(),
            standing: BTreeSet::new(),
            reports: Reports::default(),
            watched: BTreeSet::new(),
            rotations: Rotations::default(),
            foreign: BTreeSet::new(),
            scans: 0,
            moments: 0,
            scan_moments: (0, 0),
            scanned: Duration::ZERO,
            names: names_of(paths),
        }
    }

    /// Follows these paths from now on. A pattern that was followed before keeps its first scan.
    pub(super) fn reconfigure(&mut self, paths: &[PathPattern]) {
        let before = std::mem::take(&mut self.wanted);
        self.wanted = paths.iter().cloned().map(Wanted::new).collect();
        self.names = names_of(paths);
        for wanted in &mut self.wanted {
            let same = |known: &&Wanted| known.pattern.is_same(&wanted.pattern);
            wanted.fresh = before.iter().find(same).is_none_or(|known| known.fresh);
        }
        let mut known = std::mem::take(&mut self.known);
        known.retain(|path, _| self.is_wanted(path));
        self.known = known;
        self.invalidate();
    }

    /// Scans for all files to follow. `was_read` tells the files that were read since the last scan, and found to hold
    /// the text that was read before. Call [`Self::remember`] once the listing is processed.
    pub(super) fn scan<F: Fs>(
        &mut self,
        fs: &F,
        was_read: impl Fn(FileId) -> bool,
        now: Duration,
    ) -> Listing {
        self.scans += 1;
        self.moments += 1;
        self.scan_moments = (self.scan_moments.1, self.moments);
        self.scanned = now;
        for known in self.known.values_mut() {
            // Where nothing can be read, a rotation is expected anyway.
            if known.place.is_ok_and(&was_read) || known.place.is_err() {
                known.floor = known.next_floor;
            }
        }
        let listing = walk::scan(fs, &mut self.wanted, &mut self.directories, now);
        self.note_changes(&listing);
        listing
    }

    /// Notes the followed paths that lead elsewhere than at the previous scan, or nowhere.
    fn note_changes(&mut self, listing: &Listing) {
        let now = self.scanned;
        self.rotations.begin();
        for (path, sighting) in &listing.sightings {
            let place = place(&sighting.seen);
            let floor = match self.known.get(path) {
                Some(known) if known.place == place => {
                    if place.is_err() {
                        self.rotations.expect(path, known.floor, now);
                    }
                    continue;
                }
                Some(known) => known.floor,
                // What stands at the first scan is history.
                None if sighting.fresh && place.is_ok() => continue,
                None if sighting.fresh => self.directories.modified(parent(path)),
                None => self.directories.modified_before(parent(path)),
            };
            self.rotations.note(path, floor, now);
        }
        for (path, known) in &self.known {
            if !listing.sightings.contains_key(path) {
                self.rotations.note(path, known.floor, now);
            }
        }
        for sibling in listing.rotated.values().filter(|sibling| !sibling.fresh) {
            if !listing.sightings.contains_key(&sibling.base) {
                let floor = self.directories.modified_before(parent(&sibling.base));
                self.rotations.expect(&sibling.base, floor, now);
            }
        }
    }

    /// Notes that the file at `base` may have been cut at `now`.
    pub(super) fn note_cut(&mut self, base: &Path, now: Duration) {
        self.rotations.note(base, self.floor(base), now);
    }

    /// Leaves a rotated file of `base` to a later scan, which is to judge it as this one would.
    pub(super) fn postpone(&mut self, base: &Path) {
        let floor = self.floor(base);
        self.rotations.postpone(base, floor, self.scanned);
        self.invalidate();
    }

    /// Returns whether `base` was rotated, or may have been, since all its rotated files were judged.
    pub(super) fn was_rotated(&self, base: &Path) -> bool {
        self.rotations.was_rotated(base)
    }

    /// Returns whether a file modified at this time, in nanoseconds since 1970, can be a generation of `base` that was
    /// never seen.
    pub(super) fn is_young(&self, base: &Path, modified: u64) -> bool {
        self.rotations.is_young(base, modified, self.floor(base))
    }

    fn floor(&self, base: &Path) -> u64 {
        let unseen = || self.directories.modified_before(parent(base));
        self.known
            .get(base)
            .map_or_else(unseen, |known| known.floor)
    }

    /// Returns whether `path`, which has the name of a rotated file, leads to a log of another program.
    pub(super) fn is_foreign(&self, path: &Path) -> bool {
        self.foreign.contains(path)
    }

    /// Notes that `path`, which has the name of a rotated file, leads to a log of another program.
    pub(super) fn note_foreign(&mut self, path: &Path) {
        if self.foreign.len() < MOST_FOREIGN {
            self.foreign.insert(path.to_path_buf());
        }
    }

    /// Returns whether a followed path led to something at the last scan.
    pub(super) fn is_known(&self, path: &Path) -> bool {
        self.known.contains_key(path)
    }

    /// Stores the listing for comparison with the next one, and reports new troubles.
    pub(super) fn remember(&mut self, listing: Listing, events: &mut dyn FnMut(FileEvent)) {
        let is_incomplete = |base: &Path| listing.is_incomplete(base);
        self.rotations.end(self.scanned, is_incomplete);
        self.watched = listing.directories;
        self.names.exact = listing.names;
        let known_before = std::mem::take(&mut self.known);
        self.checked.clear();
        self.standing.clear();
        let mut faults = listing.faults;
        for (path, sighting) in listing.sightings {
            let modified = sighting.seen.as_ref().map_or(0, |meta| meta.modified);
            let next_floor = modified.max(self.directories.modified(parent(&path)));
            let floor = match known_before.get(&path) {
                Some(known) => known.floor,
                None if sighting.fresh => next_floor,
                None => self.directories.modified_before(parent(&path)),
            };
            let known = Known {
                place: place(&sighting.seen),
                size_at_first: sighting.size_at_first,
                parked: sighting.parked,
                floor,
                next_floor,
            };
            if let Err(error) = sighting.seen {
                faults.push((path.clone(), Some(error)));
            }
            if !sighting.is_standing {
                self.checked.push(path.clone());
            } else if !self.standing.contains(parent(&path)) {
                self.standing.insert(parent(&path).to_path_buf());
            }
            self.known.insert(path, known);
        }
        self.reports.report(faults, events);
    }

    /// Notes that a file was closed for want of descriptors: it is to be opened once it changes.
    pub(super) fn park(&mut self, path: &Path, meta: Meta) {
        if let Some(known) = self.known.get_mut(path) {
            known.parked = Some(meta);
        }
    }

    /// Returns whether a known path leads to another file than at the last scan, or a file that is not open changed. Of rotated
    /// files that are closed, however many there are, only the directories are checked.
    pub(super) fn has_changed<F: Fs>(&self, fs: &F) -> bool {
        let mut checked = self.checked.iter();
        let mut standing = self.standing.iter();
        standing.any(|dir| self.directories.has_changed(fs, dir))
            || checked.any(|path| {
                let Some(known) = self.known.get(path) else {
                    return false;
                };
                let seen = stat(fs, path);
                place(&seen) != known.place
                    || matches!((seen, known.parked), (Ok(seen), Some(parked)) if seen != parked)
            })
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

    /// Returns whether this path is followed by its name, and not as one that a glob matches.
    pub(super) fn is_literal(&self, path: &Path) -> bool {
        let is_plain =
            |wanted: &Wanted| wanted.pattern.is_literal() && wanted.pattern.matches(path);
        self.wanted.iter().any(is_plain)
    }

    /// Returns the followed path that a rotated file belongs to by its name, or else `path` itself.
    pub(super) fn base_of(&self, path: &Path) -> PathBuf {
        let base = Rotated::base_of(path).filter(|base| self.is_wanted(base));
        base.unwrap_or_else(|| path.to_path_buf())
    }

    /// Returns the sibling at a path that a pattern matches, if it has the name of a rotated file of a followed path.
    pub(super) fn sibling_at(&self, path: &Path, fresh: bool) -> Option<Sibling> {
        let rotated = Rotated::parse(path.file_name()?)?;
        let base = path.with_file_name(rotated.base());
        self.is_wanted(&base).then(|| Sibling {
            base,
            own: Some(path.to_path_buf()),
            packing: rotated.packing,
            is_infix: rotated.is_infix,
            fresh,
        })
    }

    /// Returns whether the path of a rotated file exists again. True for paths of globs, where no new file is expected.
    pub(super) fn is_succeeded(&self, path: &Path) -> bool {
        !self.is_literal(path)
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

    /// Returns the moment of the scan before the last one.
    pub(super) fn former_scan(&self) -> u64 {
        self.scan_moments.0
    }

    /// Begins a round of reading.
    pub(super) fn begin_round(&mut self) {
        self.moments += 1;
    }

    /// Returns the number of scans and rounds so far: texts are dated by it.
    pub(super) fn latest_moment(&self) -> u64 {
        self.moments
    }

    /// Returns whether a path could not be read at the last scan.
    pub(super) fn has_trouble(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Directories where a change can change the next listing.
    pub(super) fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        self.watched.iter()
    }

    /// Returns the names that concern the next listing, in whichever directory.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Lists all directories at every scan, changed or not.
    #[cfg(test)]
    pub(super) fn set_lists_always(&mut self, lists_always: bool) {
        self.directories.lists_always = lists_always;
    }
}

/// Returns the names that these patterns match.
fn names_of(patterns: &[PathPattern]) -> Names {
    let mut names = Names::default();
    let mut globs = Vec::new();
    for pattern in patterns {
        if let Shape::Glob { steps, .. } = &pattern.shape {
            names.walks |= matches!(&steps[..], [] | [GlobStep::Directories] | [_, _, ..]);
            globs.extend(steps.last().cloned());
        }
    }
    names.globs = globs.into();
    names
}
