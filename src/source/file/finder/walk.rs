//! Scans directories for the files that patterns match.
//!
//! Invariant: a path is listed once; a path that cannot be checked is reported differently from a missing one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listing::{Directories, Listing, Sibling, Wanted, parent, rotated_file};
use super::place::{is_absence, stat};
use crate::source::file::fs::{Entry, FileError, Fs, Kind, targets};
use crate::source::file::pattern::{GlobStep, Shape};
use crate::source::file::rotated::Rotated;

/// Number of followed paths in a directory up to which other names are dropped before they are parsed.
const MOST_STEMS: usize = 4;

/// Followed paths, by the directory and the name under which a rotation renames their files.
type Originals = BTreeMap<PathBuf, BTreeMap<OsString, Original>>;

/// A followed path whose rotated files are searched for.
struct Original {
    base: PathBuf,
    /// True before the first scan of the path.
    fresh: bool,
}

/// Scans for all patterns. A pattern stays fresh only if it is a literal path that could not be checked.
pub(super) fn scan<F: Fs>(
    fs: &F,
    wanted: &mut [Wanted],
    directories: &mut Directories,
    now: Duration,
) -> Listing {
    let mut listing = Listing::default();
    directories.begin();
    let mut originals = Originals::new();
    for wanted in &*wanted {
        if wanted.pattern.is_literal() {
            let path = wanted.pattern.as_path();
            add_original(fs, path, wanted.fresh, &mut originals, &mut listing);
        }
    }
    scan_beside(fs, originals, directories, now, &mut listing);
    add_matches(fs, wanted, directories, now, &mut listing);
    listing
}

/// Adds the files that patterns match, without the rotated files of literal paths.
pub(super) fn add_matches<F: Fs>(
    fs: &F,
    wanted: &mut [Wanted],
    directories: &mut Directories,
    now: Duration,
    listing: &mut Listing,
) {
    for wanted in wanted {
        let pattern = wanted.pattern.as_path();
        let was_scanned = match &wanted.pattern.shape {
            Shape::Plain => {
                let seen = stat(fs, pattern);
                let is_known = !matches!(&seen, Err(FileError::Io(error)) if !is_absence(error));
                listing.add(pattern.to_path_buf(), seen, wanted.fresh);
                is_known
            }
            Shape::Glob { base, steps } => {
                let mut walk = Walk {
                    fs,
                    directories,
                    now,
                    listing: &mut *listing,
                    fresh: wanted.fresh,
                    literal: &mut wanted.literal,
                    found: false,
                    failed: false,
                };
                walk.descend(base, steps);
                // A directory that cannot be listed is a fault of its own.
                if !walk.found && !walk.failed {
                    listing.faults.push((pattern.to_path_buf(), None));
                }
                true
            }
        };
        wanted.fresh &= !was_scanned;
    }
}

/// Adds the names under which a rotation renames the file at a followed path: its own, and those of the targets of a link.
fn add_original<F: Fs>(
    fs: &F,
    path: &Path,
    fresh: bool,
    originals: &mut Originals,
    listing: &mut Listing,
) {
    let targets = targets(fs, path);
    for target in &targets {
        let dir = parent(target).to_path_buf();
        listing.directories.insert(dir.clone());
        listing.homes.entry(path.into()).or_default().push(dir);
    }
    for place in std::iter::once(path).chain(targets.iter().map(PathBuf::as_path)) {
        let Some(name) = place.file_name() else {
            continue;
        };
        listing.names.insert(name.to_os_string());
        let names = originals.entry(parent(place).to_path_buf()).or_default();
        let original = names.entry(name.to_os_string()).or_insert(Original {
            base: path.to_path_buf(),
            fresh,
        });
        original.fresh &= fresh;
        if place == path {
            // It outweighs a link to it.
            path.clone_into(&mut original.base);
        }
    }
}

/// Scans for rotated files. Each directory is listed once, however many of their followed paths it holds. The paths
/// themselves must be checked later: a file that is rotated meanwhile is then either listed, or found to have changed.
fn scan_beside<F: Fs>(
    fs: &F,
    originals: Originals,
    directories: &mut Directories,
    now: Duration,
    listing: &mut Listing,
) {
    for (dir, names) in originals {
        if directories.is_unchanged(fs, &dir, now) {
            continue;
        }
        let mut add = |entry: Entry| {
            let Some(rotated) = rotated_file(&entry) else {
                return;
            };
            if let Some(original) = names.get(&rotated.base()) {
                let sibling = Sibling {
                    base: original.base.clone(),
                    own: None,
                    packing: rotated.packing,
                    is_infix: rotated.is_infix,
                    fresh: original.fresh,
                };
                listing.add_rotated(dir.join(&entry.name), sibling);
            }
        };
        // Not a fault: files in a directory that cannot be listed may be readable.
        let listed = if names.len() <= MOST_STEMS {
            let stems: Vec<&[u8]> = names.keys().map(|name| Rotated::stem(name)).collect();
            fs.list_beginning(&dir, &stems, &mut add)
        } else {
            fs.list(&dir, &mut add)
        };
        if let Err(error) = listed {
            directories.note_failure(&dir);
            if !is_absence(&error) {
                listing.unlisted.insert(dir.clone());
            }
        }
        listing.listed.insert(dir);
    }
}

/// Walk through the directories that one glob can reach.
struct Walk<'a, F> {
    fs: &'a F,
    directories: &'a mut Directories,
    now: Duration,
    listing: &'a mut Listing,
    fresh: bool,
    /// See [`Wanted::literal`].
    literal: &'a mut BTreeSet<PathBuf>,
    found: bool,
    failed: bool,
}

impl<F: Fs> Walk<'_, F> {
    fn descend(&mut self, dir: &Path, steps: &[GlobStep]) {
        let Some((step, later)) = steps.split_first() else {
            return;
        };
        match step {
            GlobStep::Match {
                name: Some(name), ..
            } if self.is_literal(&dir.join(name), later.is_empty()) => {
                let mut steps = vec![GlobStep::Name(name.clone())];
                steps.extend_from_slice(later);
                self.descend(dir, &steps);
            }
            GlobStep::Name(name) if later.is_empty() => {
                let path = dir.join(name);
                self.scan_beside([path.as_path()]);
                self.add_file(path);
            }
            GlobStep::Name(name) => self.descend(&dir.join(name), later),
            GlobStep::Match { .. } if later.is_empty() => self.add_files(dir, step),
            GlobStep::Match { .. } => {
                for name in self.names(dir, |entry| {
                    matches!(entry.kind, Kind::Directory | Kind::Symlink)
                        && step.allows(&entry.name)
                }) {
                    self.descend(&dir.join(name), later);
                }
            }
            GlobStep::Directories => {
                if later.is_empty() {
                    self.add_files(dir, step);
                } else {
                    self.descend(dir, later);
                }
                // Symbolic links to directories are not entered: they can form loops.
                for name in self.names(dir, |entry| {
                    entry.kind == Kind::Directory && step.allows(&entry.name)
                }) {
                    self.descend(&dir.join(name), steps);
                }
            }
        }
    }

    /// Returns whether brackets or braces in the name of `path` are part of it: it leads, or once led, to a file if it is
    /// the last of a pattern, otherwise to a directory.
    fn is_literal(&mut self, path: &Path, is_last: bool) -> bool {
        let is_literal = self.literal.contains(path)
            || (self.fs.stat(path)).is_ok_and(|meta| (meta.kind == Kind::Directory) != is_last);
        if is_literal {
            self.literal.insert(path.to_path_buf());
            if !is_last {
                // A file may appear in it.
                self.listing.directories.insert(path.to_path_buf());
            }
        }
        is_literal
    }

    /// Adds the files in `dir` that match `step`, and their rotated files.
    fn add_files(&mut self, dir: &Path, step: &GlobStep) {
        let (mut rotated, mut links) = (Vec::new(), Vec::new());
        let is_unchanged = self.directories.is_unchanged(self.fs, dir, self.now);
        let names = self.names(dir, |entry| {
            if entry.kind != Kind::Directory && step.allows_file(&entry.name) {
                if entry.kind == Kind::Symlink {
                    links.push(dir.join(&entry.name));
                }
                return true;
            }
            if !is_unchanged && let Some(file) = rotated_file(entry) {
                let base = file.base();
                if step.allows_file(&base) {
                    rotated.push((entry.name.clone(), base, file.packing, file.is_infix));
                }
            }
            false
        });
        self.scan_beside(links.iter().map(PathBuf::as_path));
        for name in names {
            self.add_file(dir.join(name));
        }
        if !is_unchanged {
            self.listing.listed.insert(dir.to_path_buf());
        }
        for (name, base, packing, is_infix) in rotated {
            let path = dir.join(name);
            let own = Rotated::unpacked(&path);
            let is_own = step.allows_file(own.file_name().unwrap_or_default());
            let sibling = Sibling {
                base: dir.join(base),
                own: is_own.then_some(own),
                packing,
                is_infix,
                fresh: self.fresh,
            };
            self.listing.add_rotated(path, sibling);
        }
    }

    /// Scans for the rotated files of these paths.
    fn scan_beside<'p>(&mut self, paths: impl IntoIterator<Item = &'p Path>) {
        let mut originals = Originals::new();
        for path in paths {
            add_original(self.fs, path, self.fresh, &mut originals, self.listing);
        }
        scan_beside(self.fs, originals, self.directories, self.now, self.listing);
    }

    /// Adds a path unless it is missing or a directory.
    fn add_file(&mut self, path: PathBuf) {
        let seen = stat(self.fs, &path);
        let is_ignored = match &seen {
            Ok(_) => false,
            Err(FileError::NotRegular(kind)) => *kind == Kind::Directory,
            Err(FileError::Io(error)) => is_absence(error),
        };
        if !is_ignored {
            self.found = true;
            self.listing.add(path, seen, self.fresh);
        }
    }

    /// Returns the names in `dir` whose entries pass `is_wanted`.
    fn names(&mut self, dir: &Path, mut is_wanted: impl FnMut(&Entry) -> bool) -> Vec<OsString> {
        let mut names = Vec::new();
        self.listing.directories.insert(dir.to_path_buf());
        let listed = self.fs.list(dir, &mut |entry| {
            if is_wanted(&entry) {
                names.push(entry.name);
            }
        });
        if let Err(error) = listed
            && !is_absence(&error)
        {
            let fault = (dir.to_path_buf(), Some(FileError::Io(error)));
            self.listing.faults.push(fault);
            self.failed = true;
            self.listing.unlisted.insert(dir.to_path_buf());
            self.directories.note_failure(dir);
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::fs::RealFs;
    use crate::source::file::pattern::PathPattern;
    use std::fs::{create_dir_all, write};

    /// Makes `files`, scans for `pattern`, and expects these paths and directories, all relative to a temporary
    /// directory.
    fn check(files: &[&str], pattern: &str, paths: &[&str], directories: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(path, "").unwrap();
        }
        let pattern = PathPattern::new(root.path().join(pattern).to_str().unwrap()).unwrap();
        let mut wanted = [Wanted::new(pattern)];
        let mut directories_seen = Directories::default();
        let listing = scan(&RealFs, &mut wanted, &mut directories_seen, Duration::ZERO);
        assert!(!wanted[0].fresh);
        let absolute = |names: &[&str]| -> Vec<PathBuf> {
            names.iter().map(|name| root.path().join(name)).collect()
        };
        let found: Vec<_> = listing.sightings.into_keys().collect();
        assert_eq!(found, absolute(paths));
        let reachable: Vec<_> = listing.directories.into_iter().collect();
        assert_eq!(reachable, absolute(directories));
    }

    #[test]
    fn a_literal_path_is_listed_whether_it_exists_or_not() {
        check(&["a.log"], "a.log", &["a.log"], &[""]);
        check(&[], "a.log", &["a.log"], &[""]);
    }

    #[test]
    fn only_directories_that_can_match_are_walked() {
        let files = ["a/x.log", "a/deep/y.log", "b/x.log", "b/z.txt", "c.log"];
        check(&files, "*.log", &["c.log"], &[""]);
        check(&files, "*/*.log", &["a/x.log", "b/x.log"], &["", "a", "b"]);
        check(&files, "*/x.log", &["a/x.log", "b/x.log"], &["", "a", "b"]);
        check(&files, "a/*.log", &["a/x.log"], &["a"]);
        check(
            &files,
            "**/*.log",
            &["a/deep/y.log", "a/x.log", "b/x.log", "c.log"],
            &["", "a", "a/deep", "b"],
        );
    }

    #[test]
    fn brackets_of_names_that_exist_are_no_glob() {
        let files = [
            "[ab]/x.log",
            "a/x.log",
            "c{1,2}.log",
            "c1.log",
            "[d]/e.txt",
            "d/x.log",
        ];
        check(&files, "[ab]/*.log", &["[ab]/x.log"], &["[ab]"]);
        check(&files, "[ab]/x.log", &["[ab]/x.log"], &["[ab]"]);
        check(&files, "c{1,2}.log", &["c{1,2}.log"], &[""]);
        check(&files, "[[]ab]/*.log", &["[ab]/x.log"], &["", "[ab]"]);
        check(&files, "[cd]/*.log", &["d/x.log"], &["", "d"]);
        check(&files, "[d]/x.log", &[], &["[d]"]);
    }

    #[test]
    fn a_glob_ignores_directories_and_dangling_links() {
        let root = tempfile::tempdir().unwrap();
        create_dir_all(root.path().join("a.log")).unwrap();
        std::os::unix::fs::symlink("absent", root.path().join("b.log")).unwrap();
        let text = root.path().join("*.log");
        let pattern = PathPattern::new(text.to_str().unwrap()).unwrap();
        let listing = scan(
            &RealFs,
            &mut [Wanted::new(pattern)],
            &mut Directories::default(),
            Duration::ZERO,
        );
        assert!(listing.sightings.is_empty());
        assert!(matches!(&listing.faults[..], [(path, None)] if *path == text));
    }
}
