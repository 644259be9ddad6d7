//! Result of a scan, and the directories that were listed for it.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::source::file::fs::{Entry, FileError, Fs, Kind, Meta};
use crate::source::file::mtime::Mtime;
use crate::source::file::pattern::PathPattern;
use crate::source::file::rotated::{Packing, Rotated};

/// A pattern to follow.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) pattern: PathPattern,
    /// True before the first scan, whose files existed at the start.
    pub(super) fresh: bool,
}

/// Result of one scan.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Matching files; also literal paths, whatever they lead to.
    pub(crate) sightings: BTreeMap<PathBuf, Sighting>,
    /// Directories where a change can change this listing.
    pub(super) directories: BTreeSet<PathBuf>,
    /// Directories and files that cannot be read; patterns that match nothing (without an error).
    pub(crate) faults: Vec<(PathBuf, Option<FileError>)>,
    /// Files named like a rotated file of a followed path.
    pub(crate) rotated: BTreeMap<PathBuf, Sibling>,
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
}

/// A file that may hold text written to a followed path.
#[derive(Clone, Debug)]
pub(crate) struct Sibling {
    /// The followed path.
    pub(crate) base: PathBuf,
    pub(crate) packing: Packing,
    /// True if the file existed at the first scan of its path.
    pub(crate) fresh: bool,
}

/// Modification times of listed directories: an unchanged one need not be listed again for rotated files.
#[derive(Debug, Default)]
pub(super) struct Directories {
    mtimes: BTreeMap<PathBuf, Mtime>,
    /// Results of [`Self::is_unchanged`] in the present scan.
    checked: BTreeMap<PathBuf, bool>,
    /// Tests that drive the clock disable the check: directories change at the pace of the system's clock.
    #[cfg(test)]
    pub(super) lists_always: bool,
}

impl Wanted {
    pub(super) fn new(pattern: PathPattern) -> Self {
        Self {
            pattern,
            fresh: true,
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
                });
            }
            btree_map::Entry::Occupied(mut entry) => entry.get_mut().fresh &= fresh,
        }
    }

    /// Returns whether a rotated file in `dir` that is not in this listing is gone, or is not wanted any more.
    pub(crate) fn is_listed(&self, dir: &Path) -> bool {
        let is_out_of_reach = || self.unlisted.is_empty() && !self.directories.contains(dir);
        !self.unlisted.contains(dir) && (self.listed.contains(dir) || is_out_of_reach())
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
        self.checked.clear();
    }

    /// Returns whether the names in a directory are certainly those of the previous scan.
    pub(super) fn is_unchanged<F: Fs>(&mut self, fs: &F, dir: &Path, now: Duration) -> bool {
        if let Some(checked) = self.checked.get(dir) {
            return *checked;
        }
        let modified = fs.stat(dir).map_or(0, |meta| meta.modified);
        let mtime = self.mtimes.entry(dir.to_path_buf()).or_default();
        let is_unchanged = mtime.is_unchanged(modified, now);
        #[cfg(test)]
        let is_unchanged = is_unchanged && !self.lists_always;
        self.checked.insert(dir.to_path_buf(), is_unchanged);
        is_unchanged
    }

    /// Makes the next scan list all directories, changed or not.
    pub(super) fn invalidate(&mut self) {
        self.mtimes.clear();
    }
}

/// Returns the rotated files of one path.
pub(crate) fn rotated_of<F: Fs>(fs: &F, base: &Path) -> io::Result<Vec<(PathBuf, Packing)>> {
    let (dir, mut found) = (parent(base), Vec::new());
    fs.list(dir, &mut |entry| {
        if let Some(rotated) = rotated_file(&entry)
            && base.file_name().is_some_and(|name| rotated.was(name))
        {
            found.push((dir.join(&entry.name), rotated.packing));
        }
    })?;
    Ok(found)
}

/// Parses the name of a directory entry that may be a rotated file.
pub(super) fn rotated_file(entry: &Entry) -> Option<Rotated<'_>> {
    let may_be_file = matches!(entry.kind, Kind::Regular | Kind::Symlink);
    may_be_file.then(|| Rotated::parse(&entry.name)).flatten()
}

/// Returns the directory that holds `path`; the empty path is the current directory.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
