//! From patterns to the paths that stand in the file system now.
//!
//! Invariant: paths come sorted and each once; what could not be looked at is told apart from
//! what isn't there.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::calm::Calm;
use super::fs::{Entry, FileError, Fs, Kind, Meta};
use super::pattern::{PathPattern, Shape, Step};
use super::rotated::{Packing, Rotated};

/// A pattern, and whether it was ever looked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) pattern: PathPattern,
    /// No look has told yet which files were there at first.
    pub(super) fresh: bool,
}

impl Wanted {
    pub(super) fn new(pattern: PathPattern) -> Self {
        Self {
            pattern,
            fresh: true,
        }
    }
}

/// What one look found.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Paths of files, and plain paths whatever stands there.
    pub(super) sightings: BTreeMap<PathBuf, Sighting>,
    /// Directories where a change can change this listing.
    pub(super) directories: BTreeSet<PathBuf>,
    /// Directories that could not be listed, and patterns that match nothing (no error).
    pub(super) faults: Vec<(PathBuf, Option<FileError>)>,
    /// Files with a name that rotation gives to a followed one.
    pub(super) rotated: BTreeMap<PathBuf, Sibling>,
}

/// A file that may hold what was written to a followed path.
#[derive(Clone, Debug)]
pub(super) struct Sibling {
    /// The followed path.
    pub(super) base: PathBuf,
    pub(super) packing: Packing,
    /// It was there when its path was first looked for.
    pub(super) fresh: bool,
}

/// Which directories need not be listed again: those whose names have not changed.
#[derive(Debug, Default)]
pub(super) struct Directories {
    looks: BTreeMap<PathBuf, Calm>,
    /// What was said in the present look.
    said: BTreeMap<PathBuf, bool>,
    /// List always: time is driven, and directories change at another pace.
    pub(super) always: bool,
}

impl Directories {
    /// Whether a directory's names are surely those of the last listing.
    fn is_settled<F: Fs>(&mut self, fs: &F, dir: &Path, now: Duration) -> bool {
        if let Some(said) = self.said.get(dir) {
            return *said;
        }
        let modified = fs.stat(dir).map_or(0, |meta| meta.modified);
        let look = self.looks.entry(dir.to_path_buf()).or_default();
        let is_settled = look.look(modified, now) && !self.always;
        self.said.insert(dir.to_path_buf(), is_settled);
        is_settled
    }

    /// What stands there must be looked at again, changed or not.
    pub(super) fn unsettle(&mut self) {
        self.looks.clear();
    }
}

/// What a path was seen to lead to.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) seen: Result<Meta, FileError>,
    /// Only patterns looked for the first time found it.
    pub(super) fresh: bool,
    /// How far the file had got when the path was first seen, if it was there from the first and
    /// could not be opened until now.
    pub(super) size_at_first: Option<u64>,
}

/// Looks for everything wanted. A pattern stays fresh only if its one path could not be looked
/// at.
pub(super) fn look<F: Fs>(
    fs: &F,
    wanted: &mut [Wanted],
    directories: &mut Directories,
    now: Duration,
) -> Listing {
    let mut listing = Listing::default();
    directories.said.clear();
    look_beside(fs, wanted, directories, now, &mut listing);
    for wanted in wanted {
        let pattern = wanted.pattern.as_path();
        let found = match wanted.pattern.shape() {
            Shape::Plain => {
                let seen = stat(fs, pattern);
                let is_answer = !matches!(&seen, Err(FileError::Io(error)) if !is_absence(error));
                listing.add(pattern.to_path_buf(), seen, wanted.fresh);
                is_answer
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
                walk.step(base, steps);
                // What can't be listed is told as that.
                if !walk.found && !walk.failed {
                    listing.faults.push((pattern.to_path_buf(), None));
                }
                true
            }
        };
        wanted.fresh &= !found;
    }
    listing
}

/// Looks for rotated files of plain paths; each directory is listed once, however many are in it.
fn look_beside<F: Fs>(
    fs: &F,
    wanted: &[Wanted],
    directories: &mut Directories,
    now: Duration,
    listing: &mut Listing,
) {
    let mut plain: BTreeMap<&Path, BTreeMap<&OsStr, bool>> = BTreeMap::new();
    for wanted in wanted {
        let path = wanted.pattern.as_path();
        if let (Shape::Plain, Some(name)) = (wanted.pattern.shape(), path.file_name()) {
            let names = plain.entry(parent(path)).or_default();
            *names.entry(name).or_insert(true) &= wanted.fresh;
        }
    }
    for (dir, names) in plain {
        if directories.is_settled(fs, dir, now) {
            continue;
        }
        // A directory that can't be listed may hold a file that can be read.
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
        if listed.is_err() {
            directories.unsettle();
        }
    }
}

/// The rotated files of one path.
pub(super) fn rotated_of<F: Fs>(fs: &F, base: &Path) -> io::Result<Vec<(PathBuf, Packing)>> {
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

/// Reads the name of what may be a file.
fn rotated_file(entry: &Entry) -> Option<Rotated<'_>> {
    let may_be_file = matches!(entry.kind, Kind::Regular | Kind::Symlink);
    may_be_file.then(|| Rotated::read(&entry.name)).flatten()
}

/// Looks at a path; what is no regular file is an error.
pub(super) fn stat<F: Fs>(fs: &F, path: &Path) -> Result<Meta, FileError> {
    let meta = fs.stat(path)?;
    match meta.kind {
        Kind::Regular => Ok(meta),
        other => Err(FileError::NotRegular(other)),
    }
}

/// Whether the error says that nothing is there, rather than that one can't see.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The directory a path is in; the empty path is the current one.
fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

impl Listing {
    fn add(&mut self, path: PathBuf, seen: Result<Meta, FileError>, fresh: bool) {
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
}

/// A walk through the directories one glob can reach.
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
    fn step(&mut self, dir: &Path, steps: &[Step]) {
        let Some((step, later)) = steps.split_first() else {
            return;
        };
        match step {
            Step::Name(name) if later.is_empty() => self.candidate(dir.join(name)),
            Step::Name(name) => self.step(&dir.join(name), later),
            Step::Match { .. } if later.is_empty() => self.files(dir, step),
            Step::Match { .. } => {
                for name in self.names(dir, |entry| {
                    matches!(entry.kind, Kind::Directory | Kind::Symlink)
                        && step.allows(&entry.name)
                }) {
                    self.step(&dir.join(name), later);
                }
            }
            Step::Directories => {
                if later.is_empty() {
                    self.files(dir, step);
                } else {
                    self.step(dir, later);
                }
                // Links to directories are not entered: they can make loops.
                for name in self.names(dir, |entry| {
                    entry.kind == Kind::Directory && step.allows(&entry.name)
                }) {
                    self.step(&dir.join(name), steps);
                }
            }
        }
    }

    fn files(&mut self, dir: &Path, step: &Step) {
        let mut rotated = Vec::new();
        let is_settled = self.directories.is_settled(self.fs, dir, self.now);
        let names = self.names(dir, |entry| {
            if !is_settled && let Some(file) = rotated_file(entry) {
                let base = file.base();
                if step.allows_file(&base) {
                    rotated.push((entry.name.clone(), base, file.packing));
                }
            }
            entry.kind != Kind::Directory && step.allows_file(&entry.name)
        });
        for name in names {
            self.candidate(dir.join(name));
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

    /// Takes up a path unless there is nothing or a directory there.
    fn candidate(&mut self, path: PathBuf) {
        let seen = stat(self.fs, &path);
        let is_passed_over = match &seen {
            Ok(_) => false,
            Err(FileError::NotRegular(kind)) => *kind == Kind::Directory,
            Err(FileError::Io(error)) => is_absence(error),
        };
        if !is_passed_over {
            self.found = true;
            self.listing.add(path, seen, self.fresh);
        }
    }

    /// The names in `dir` that are wanted.
    fn names(&mut self, dir: &Path, mut is_wanted: impl FnMut(&Entry) -> bool) -> Vec<OsString> {
        let mut names = Vec::new();
        self.listing.directories.insert(dir.to_path_buf());
        let listed = self.fs.list(dir, &mut |entry| {
            if is_wanted(&entry) {
                names.push(entry.name);
            }
        });
        match listed {
            Err(error) if !is_absence(&error) => {
                let fault = (dir.to_path_buf(), Some(FileError::Io(error)));
                self.listing.faults.push(fault);
                self.failed = true;
                self.directories.unsettle();
            }
            _ => {}
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::RealFs;
    use std::fs::{create_dir_all, write};

    /// Makes `files`, looks for `pattern`, and expects the paths, directories and faults, all
    /// relative to a temporary directory.
    fn check(files: &[&str], pattern: &str, paths: &[&str], directories: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(path, "").unwrap();
        }
        let pattern = PathPattern::new(root.path().join(pattern).to_str().unwrap()).unwrap();
        let mut wanted = [Wanted {
            pattern,
            fresh: true,
        }];
        let mut looks = Directories::default();
        let listing = look(&RealFs, &mut wanted, &mut looks, Duration::ZERO);
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
    fn a_plain_path_is_itself_there_or_not() {
        check(&["a.log"], "a.log", &["a.log"], &[""]);
        check(&[], "a.log", &["a.log"], &[""]);
    }

    #[test]
    fn only_directories_that_can_matter_are_walked() {
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
    fn directories_and_dangling_links_are_no_candidates_of_a_glob() {
        let root = tempfile::tempdir().unwrap();
        create_dir_all(root.path().join("a.log")).unwrap();
        std::os::unix::fs::symlink("absent", root.path().join("b.log")).unwrap();
        let text = root.path().join("*.log");
        let pattern = PathPattern::new(text.to_str().unwrap()).unwrap();
        let listing = look(
            &RealFs,
            &mut [Wanted {
                pattern,
                fresh: true,
            }],
            &mut Directories::default(),
            Duration::ZERO,
        );
        assert!(listing.sightings.is_empty());
        assert!(matches!(&listing.faults[..], [(path, None)] if *path == text));
    }
}
