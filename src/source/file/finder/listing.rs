//! Result of a scan, and the directories that were listed for it.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::place::{is_absence, stat};
use crate::source::file::fs::{Entry, FileError, FileId, Fs, Kind, Meta};
use crate::source::file::mtime::Mtime;
use crate::source::file::pattern::PathPattern;
use crate::source::file::rotated::{Packing, Rotated};

/// A pattern to follow.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) pattern: PathPattern,
    /// True before the first scan, whose files existed at the start.
    pub(super) fresh: bool,
    /// Paths in which brackets or braces were found to be part of a name.
    pub(super) literal: BTreeSet<PathBuf>,
}

/// Result of one scan.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Matching files; also literal paths, whatever they lead to.
    pub(crate) sightings: BTreeMap<PathBuf, Sighting>,
    /// Names of literal paths and of the targets of links.
    pub(super) names: BTreeSet<OsString>,
    /// Directories where a change can change this listing.
    pub(super) directories: BTreeSet<PathBuf>,
    /// Directories and files that cannot be read; patterns that match nothing (without an error).
    pub(crate) faults: Vec<(PathBuf, Option<FileError>)>,
    /// Files named like a rotated file of a followed path.
    pub(crate) rotated: BTreeMap<PathBuf, Sibling>,
    /// Directories of the targets of followed symbolic links, by their paths.
    pub(super) homes: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// Directories whose rotated files are all in `rotated`.
    pub(super) listed: BTreeSet<PathBuf>,
    /// Directories that could not be listed.
    pub(super) unlisted: BTreeSet<PathBuf>,
    /// Followed paths whose file could not be opened; its size, if it could be read.
    pub(crate) unopened: BTreeMap<PathBuf, Option<u64>>,
}

/// State of a path as of one scan.
#[derive(Debug)]
pub(crate) struct Sighting {
    pub(crate) seen: Result<Meta, FileError>,
    /// True if every pattern that matches the path was scanned for the first time.
    pub(crate) fresh: bool,
    /// Size at the first scan of a file that existed then and could not be opened since.
    pub(crate) size_at_first: Option<u64>,
    /// Metadata of a file that was closed for want of descriptors and is to be opened once it changes.
    pub(crate) parked: Option<Meta>,
    /// True for a rotated file that is closed, and did not change since: it is not checked while its directory does not change.
    pub(crate) is_standing: bool,
}

/// A file that may hold text written to a followed path.
#[derive(Clone, Debug)]
pub(crate) struct Sibling {
    /// The followed path.
    pub(crate) base: PathBuf,
    /// The path of the file before it was compressed, if a pattern matches that too: the file may be a log of its own.
    pub(crate) own: Option<PathBuf>,
    pub(crate) packing: Packing,
    /// See [`Rotated::is_infix`].
    pub(crate) is_infix: bool,
    /// True if the file existed at the first scan of its path.
    pub(crate) fresh: bool,
}

/// Modification times of listed directories: an unchanged one need not be listed again for rotated files.
#[derive(Debug, Default)]
pub(super) struct Directories {
    mtimes: BTreeMap<PathBuf, Mtime>,
    /// Directories that were checked in the present scan.
    pub(super) checked: BTreeMap<PathBuf, Checked>,
    /// Directories that were checked in the previous scan.
    before: BTreeMap<PathBuf, Checked>,
    /// Tests that drive the clock disable the check: directories change at the pace of the system's clock.
    #[cfg(test)]
    pub(super) lists_always: bool,
}

/// State of a directory in one scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub(super) is_unchanged: bool,
    /// Modification time, in nanoseconds since 1970.
    pub(super) modified: u64,
    /// Device and inode number.
    pub(super) device: (u64, u64),
}

impl Wanted {
    pub(super) fn new(pattern: PathPattern) -> Self {
        Self {
            pattern,
            fresh: true,
            literal: BTreeSet::new(),
        }
    }
}

impl Listing {
    /// Adds what was found at `path`.
    pub(super) fn add(&mut self, path: PathBuf, seen: Result<Meta, FileError>, fresh: bool) {
        self.directories.insert(parent(&path).to_path_buf());
        match self.sightings.entry(path) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(Sighting {
                    seen,
                    fresh,
                    size_at_first: None,
                    parked: None,
                    is_standing: false,
                });
            }
            btree_map::Entry::Occupied(mut entry) => entry.get_mut().fresh &= fresh,
        }
    }

    /// Adds a file named like a rotated one. A followed path in the same directory outweighs a link to it from elsewhere.
    pub(super) fn add_rotated(&mut self, path: PathBuf, sibling: Sibling) {
        match self.rotated.entry(path) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(sibling);
            }
            btree_map::Entry::Occupied(mut entry) => {
                let is_beside = |base: &Path| parent(base) == parent(entry.key());
                let is_outweighed = is_beside(&entry.get().base) && !is_beside(&sibling.base);
                let fresh = entry.get().fresh && sibling.fresh;
                if !is_outweighed {
                    entry.insert(sibling);
                }
                entry.get_mut().fresh = fresh;
            }
        }
    }

    /// Returns the metadata of the regular file at `path`: those of the listing if it is in it.
    pub(crate) fn meta_of<F: Fs>(&self, fs: &F, path: &Path) -> Result<Meta, FileError> {
        let sighting = self.sightings.get(path);
        match sighting.map(|sighting| &sighting.seen) {
            Some(Ok(meta)) => Ok(*meta),
            _ => stat(fs, path),
        }
    }

    /// Returns whether a rotated file of `base` that is not in this listing is gone, or is not wanted any more.
    pub(crate) fn is_listed(&self, base: &Path) -> bool {
        let is_out_of_reach = |dir| self.unlisted.is_empty() && !self.directories.contains(dir);
        self.homes_of(base).all(|dir| {
            !self.unlisted.contains(dir) && (self.listed.contains(dir) || is_out_of_reach(dir))
        })
    }

    /// Returns whether rotated files of `base` may stand that are not in this listing.
    pub(super) fn is_incomplete(&self, base: &Path) -> bool {
        let seen = self.sightings.get(base).map(|sighting| &sighting.seen);
        self.unopened.contains_key(base)
            || matches!(seen, Some(Err(FileError::Io(error))) if !is_absence(error))
            || self.homes_of(base).any(|dir| self.unlisted.contains(dir))
    }

    /// Returns the directories in which rotated files of `base` stand.
    fn homes_of<'a>(&'a self, base: &'a Path) -> impl Iterator<Item = &'a Path> {
        let homes = self.homes.get(base).into_iter().flatten();
        std::iter::once(parent(base)).chain(homes.map(PathBuf::as_path))
    }

    /// Returns whether a path leads to a file of another identity.
    pub(crate) fn leads_to_other(&self, path: &Path, id: FileId) -> bool {
        let sighting = self.sightings.get(path);
        sighting.is_some_and(|own| own.seen.as_ref().is_ok_and(|meta| meta.id != id))
    }

    /// Returns whether a text of `size` bytes may be a copy of the file at `base`, which could not be opened.
    pub(crate) fn may_be_copy_of_unopened(&self, base: &Path, size: u64) -> bool {
        let original = self.unopened.get(base);
        original.is_some_and(|original| original.is_none_or(|original| size <= original))
    }
}

impl Directories {
    /// Starts a scan.
    pub(super) fn begin(&mut self) {
        self.before = std::mem::take(&mut self.checked);
    }

    /// Returns the modification time of a directory in the present scan; 0 if it was not checked.
    pub(super) fn modified(&self, dir: &Path) -> u64 {
        self.checked.get(dir).map_or(0, |checked| checked.modified)
    }

    /// Returns whether the modification time of a directory is another than in the last scan.
    pub(super) fn has_changed<F: Fs>(&self, fs: &F, dir: &Path) -> bool {
        let checked = self.checked.get(dir);
        let modified = || fs.stat(dir).map_or(0, |meta| meta.modified);
        checked.is_some_and(|checked| checked.modified != modified())
    }

    /// Returns the modification time of a directory in the previous scan; 0 if it was not checked.
    pub(super) fn modified_before(&self, dir: &Path) -> u64 {
        self.before.get(dir).map_or(0, |checked| checked.modified)
    }

    /// Returns whether the names in a directory are certainly those of the previous scan.
    pub(super) fn is_unchanged<F: Fs>(&mut self, fs: &F, dir: &Path, now: Duration) -> bool {
        if let Some(checked) = self.checked.get(dir) {
            return checked.is_unchanged;
        }
        let seen = fs.stat(dir);
        let modified = seen.as_ref().map_or(0, |meta| meta.modified);
        let mtime = self.mtimes.entry(dir.to_path_buf()).or_default();
        let is_unchanged = mtime.is_unchanged(modified, now);
        #[cfg(test)]
        let is_unchanged = is_unchanged && !self.lists_always;
        let checked = Checked {
            is_unchanged,
            modified: match &seen {
                Ok(_) => modified,
                Err(error) if is_absence(error) => 0,
                // What changed in it was not seen.
                Err(_) => self.modified_before(dir),
            },
            device: seen.map_or((0, 0), |meta| (meta.id.dev, meta.id.ino)),
        };
        self.checked.insert(dir.to_path_buf(), checked);
        is_unchanged
    }

    /// Notes that a directory could not be listed in the present scan: what changed in it was not seen.
    pub(super) fn note_failure(&mut self, dir: &Path) {
        self.invalidate();
        let modified = self.modified_before(dir);
        if let Some(checked) = self.checked.get_mut(dir) {
            checked.modified = modified;
        }
    }

    /// Makes the next scan list all directories, changed or not.
    pub(super) fn invalidate(&mut self) {
        self.mtimes.clear();
    }
}

/// Returns the rotated files of one path, beside it and beside the targets of its link.
pub(crate) fn rotated_of<F: Fs>(
    fs: &F,
    base: &Path,
    targets: &[PathBuf],
) -> Vec<(PathBuf, Sibling)> {
    let mut found = Vec::new();
    for original in std::iter::once(base).chain(targets.iter().map(PathBuf::as_path)) {
        let (dir, name) = (parent(original), original.file_name().unwrap_or_default());
        // A directory that cannot be listed holds no copy that could be opened with certainty.
        let _ = fs.list(dir, &mut |entry| {
            if let Some(rotated) = rotated_file(&entry)
                && rotated.was(name)
            {
                let sibling = Sibling {
                    base: base.to_path_buf(),
                    own: None,
                    packing: rotated.packing,
                    is_infix: rotated.is_infix,
                    fresh: false,
                };
                found.push((dir.join(&entry.name), sibling));
            }
        });
    }
    found
}

/// Returns the paths beside `base` whose names hold its name, but are not those of rotated files: editors and
/// administrators keep a file under them before they write another.
pub(crate) fn backups_of<F: Fs>(fs: &F, base: &Path) -> Vec<PathBuf> {
    let (dir, name) = (parent(base), base.file_name().unwrap_or_default());
    let finder = memchr::memmem::Finder::new(name.as_bytes());
    let mut found = Vec::new();
    // What cannot be listed is not found.
    let _ = fs.list(dir, &mut |entry| {
        let is_named = entry.name != name && finder.find(entry.name.as_bytes()).is_some();
        if is_named && Rotated::parse(&entry.name).is_none() {
            found.push(dir.join(&entry.name));
        }
    });
    found
}

/// Parses the name of a directory entry that may be a rotated file.
pub(super) fn rotated_file(entry: &Entry) -> Option<Rotated<'_>> {
    let may_be_file = matches!(entry.kind, Kind::Regular | Kind::Symlink);
    may_be_file
        .then(|| Rotated::parse_any(&entry.name))
        .flatten()
}

/// Returns the directory that holds `path`; the empty path is the current directory.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
