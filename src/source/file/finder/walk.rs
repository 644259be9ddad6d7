//! Scans directories for the files that patterns match.
//!
//! Invariant: a path is listed once; a path that cannot be checked is reported differently from a missing one.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listing::{Directories, Listing, Sibling, Wanted, parent, rotated_file};
use super::place::{is_absence, stat};
use crate::source::file::fs::{Entry, FileError, Fs, Kind};
use crate::source::file::pattern::{GlobStep, Shape};

/// Scans for all patterns. A pattern stays fresh only if it is a literal path that could not be checked.
pub(super) fn scan<F: Fs>(
    fs: &F,
    wanted: &mut [Wanted],
    directories: &mut Directories,
    now: Duration,
) -> Listing {
    let mut listing = Listing::default();
    directories.begin();
    scan_beside(fs, wanted, directories, now, &mut listing);
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
                    listing: &mut listing,
                    fresh: wanted.fresh,
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
    listing
}

/// Scans for rotated files of literal paths. Each directory is listed once, however many of them it holds.
fn scan_beside<F: Fs>(
    fs: &F,
    wanted: &[Wanted],
    directories: &mut Directories,
    now: Duration,
    listing: &mut Listing,
) {
    let mut plain: BTreeMap<&Path, BTreeMap<&OsStr, bool>> = BTreeMap::new();
    for wanted in wanted {
        let path = wanted.pattern.as_path();
        if let (Shape::Plain, Some(name)) = (&wanted.pattern.shape, path.file_name()) {
            let names = plain.entry(parent(path)).or_default();
            *names.entry(name).or_insert(true) &= wanted.fresh;
        }
    }
    for (dir, names) in plain {
        if directories.is_unchanged(fs, dir, now) {
            continue;
        }
        // Not a fault: files in a directory that cannot be listed may be readable.
        let listed = fs.list(dir, &mut |entry| {
            let Some(rotated) = rotated_file(&entry) else {
                return;
            };
            let base = names.iter().find(|(name, _)| rotated.was(name));
            if let Some((name, fresh)) = base {
                let sibling = Sibling {
                    base: dir.join(name),
                    packing: rotated.packing,
                    fresh: *fresh,
                };
                listing.rotated.insert(dir.join(&entry.name), sibling);
            }
        });
        listing.listed.insert(dir.to_path_buf());
        if let Err(error) = listed {
            directories.invalidate();
            if !is_absence(&error) {
                listing.unlisted.insert(dir.to_path_buf());
            }
        }
    }
}

/// Walk through the directories that one glob can reach.
struct Walk<'a, F> {
    fs: &'a F,
    directories: &'a mut Directories,
    now: Duration,
    listing: &'a mut Listing,
    fresh: bool,
    found: bool,
    failed: bool,
}

impl<F: Fs> Walk<'_, F> {
    fn descend(&mut self, dir: &Path, steps: &[GlobStep]) {
        let Some((step, later)) = steps.split_first() else {
            return;
        };
        match step {
            GlobStep::Name(name) if later.is_empty() => self.add_file(dir.join(name)),
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

    /// Adds the files in `dir` that match `step`, and their rotated files.
    fn add_files(&mut self, dir: &Path, step: &GlobStep) {
        let mut rotated = Vec::new();
        let is_unchanged = self.directories.is_unchanged(self.fs, dir, self.now);
        let names = self.names(dir, |entry| {
            if !is_unchanged && let Some(file) = rotated_file(entry) {
                let base = file.base();
                if step.allows_file(&base) {
                    rotated.push((entry.name.clone(), base, file.packing));
                }
            }
            entry.kind != Kind::Directory && step.allows_file(&entry.name)
        });
        for name in names {
            self.add_file(dir.join(name));
        }
        if !is_unchanged {
            self.listing.listed.insert(dir.to_path_buf());
        }
        for (name, base, packing) in rotated {
            let sibling = Sibling {
                base: dir.join(base),
                packing,
                fresh: self.fresh,
            };
            let known = self.listing.rotated.entry(dir.join(name));
            known.or_insert(sibling).fresh &= self.fresh;
        }
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
            self.directories.invalidate();
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
