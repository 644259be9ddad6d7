//! Shares the listing of a directory among the sources that follow files in it.
//!
//! Invariant: a shared listing is what its reader would have found if its scan had begun earlier, by [`LIFE`] at most, and
//! no change to the directory since is visible in its metadata.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fs::{Entry, FileError, Fs, Meta};
use super::open_log::OpenLog;
use crate::clock::Clock;

/// Time for which a listing is shared.
const LIFE: Duration = Duration::from_millis(100);
/// Entries of the longest listing that is kept.
const MOST_ENTRIES: usize = 32 * 1024;

/// A file system in which the same directory is listed once for many sources. Clones share the listings.
#[derive(Clone)]
pub struct SharedFs<F> {
    fs: F,
    clock: Arc<dyn Clock>,
    listings: Arc<Mutex<Listings>>,
}

#[derive(Default)]
struct Listings {
    directories: HashMap<PathBuf, Directory>,
    /// Time at which old ones were dropped last.
    swept: Duration,
}

/// A directory that was listed.
struct Directory {
    /// Before it was listed.
    meta: Meta,
    /// Time at which it was listed last.
    listed: Duration,
    /// Sorted by name; `None` after the first listing, since a source may be the only one in its directory.
    entries: Option<Arc<[Entry]>>,
}

/// Way to list a directory.
enum Means {
    Shared(Arc<[Entry]>),
    /// List it for this source alone.
    Alone,
    /// List it, and share the listing.
    Share,
}

impl<F: Fs> SharedFs<F> {
    /// Makes a file system that shares listings of `fs`.
    pub fn new(fs: F, clock: Arc<dyn Clock>) -> Self {
        Self {
            fs,
            clock,
            listings: Arc::default(),
        }
    }

    /// Decides how to list a directory, whose metadata are these now.
    fn means(&self, dir: &Path, meta: Meta) -> Means {
        let now = self.clock.monotonic();
        let is_young = |directory: &Directory| now.saturating_sub(directory.listed) < LIFE;
        let mut listings = self.lock();
        if now.saturating_sub(listings.swept) >= LIFE {
            listings.swept = now;
            listings.directories.retain(|_, known| is_young(known));
        }
        match listings.directories.get(dir) {
            Some(known) if is_young(known) => match &known.entries {
                Some(entries) if known.meta == meta => Means::Shared(Arc::clone(entries)),
                _ => Means::Share,
            },
            _ => {
                let directory = Directory {
                    meta,
                    listed: now,
                    entries: None,
                };
                listings.directories.insert(dir.to_path_buf(), directory);
                Means::Alone
            }
        }
    }

    /// Lists a directory, whose metadata were these before, for all who ask soon.
    fn list_for_all(&self, dir: &Path, meta: Meta) -> io::Result<Arc<[Entry]>> {
        let listed = self.clock.monotonic();
        let mut entries = Vec::new();
        self.fs.list(dir, &mut |entry| entries.push(entry))?;
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let entries: Arc<[Entry]> = entries.into();
        if entries.len() <= MOST_ENTRIES {
            let directory = Directory {
                meta,
                listed,
                entries: Some(Arc::clone(&entries)),
            };
            self.lock().directories.insert(dir.to_path_buf(), directory);
        }
        Ok(entries)
    }

    fn lock(&self) -> MutexGuard<'_, Listings> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fs> Fs for SharedFs<F> {
    type File = F::File;

    fn list(&self, dir: &Path, found: &mut dyn FnMut(Entry)) -> io::Result<()> {
        self.fs.list(dir, found)
    }

    fn list_beginning(
        &self,
        dir: &Path,
        beginnings: &[&[u8]],
        found: &mut dyn FnMut(Entry),
    ) -> io::Result<()> {
        let Ok(meta) = self.fs.stat(dir) else {
            return self.fs.list_beginning(dir, beginnings, found);
        };
        let entries = match self.means(dir, meta) {
            Means::Alone => return self.fs.list_beginning(dir, beginnings, found),
            Means::Shared(entries) => entries,
            Means::Share => self.list_for_all(dir, meta)?,
        };
        let mut beginnings = beginnings.to_vec();
        beginnings.sort_unstable();
        // Names that begin with a longer one begin with the shorter one, too, which comes first.
        beginnings.dedup_by(|longer, shorter| longer.starts_with(shorter));
        for beginning in beginnings {
            let start = entries.partition_point(|entry| entry.name.as_bytes() < beginning);
            let later = entries.get(start..).unwrap_or_default().iter();
            later
                .take_while(|entry| entry.name.as_bytes().starts_with(beginning))
                .for_each(|entry| found(entry.clone()));
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<Meta> {
        self.fs.stat(path)
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        self.fs.link(path)
    }

    fn open(&self, path: &Path) -> Result<Self::File, FileError> {
        self.fs.open(path)
    }

    fn fstat(&self, file: &Self::File) -> io::Result<Meta> {
        self.fs.fstat(file)
    }

    fn is_deleted(&self, file: &Self::File) -> bool {
        self.fs.is_deleted(file)
    }

    fn read_at(&self, file: &Self::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.fs.read_at(file, buffer, offset)
    }

    fn log(&self, file: &Self::File) -> io::Result<Box<dyn OpenLog>> {
        self.fs.log(file)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;
    use crate::clock::ManualClock;
    use crate::source::file::tests::Refusing;

    const ALL: &[&[u8]] = &[b"a", b"b"];

    struct Bench {
        root: tempfile::TempDir,
        real: Refusing,
        shared: SharedFs<Refusing>,
        clock: Arc<ManualClock>,
    }

    impl Bench {
        /// Makes a directory with files of these names, which changed long ago.
        fn new(names: &[&str]) -> Self {
            let (real, clock) = (Refusing::default(), Arc::<ManualClock>::default());
            let bench = Self {
                root: tempfile::tempdir().unwrap(),
                shared: SharedFs::new(real.clone(), clock.clone()),
                real,
                clock,
            };
            for name in names {
                bench.add(name, 1);
            }
            bench
        }

        /// Adds a file to the directory, `seconds` after 1970.
        fn add(&self, name: &str, seconds: u64) {
            File::create(self.root.path().join(name)).unwrap();
            let then = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let directory = File::open(self.root.path()).unwrap();
            directory.set_modified(then).unwrap();
        }

        fn found(&self, beginnings: &[&[u8]]) -> Vec<String> {
            let mut found = Vec::new();
            let dir = self.root.path();
            let mut add = |entry: Entry| found.push(entry.name.into_string().unwrap());
            let listed = self.shared.list_beginning(dir, beginnings, &mut add);
            listed.unwrap();
            found.sort();
            found
        }
    }

    #[test]
    fn a_directory_is_listed_for_all_who_ask_until_it_changes_or_the_listing_is_old() {
        let bench = Bench::new(&["a1", "b1", "c1"]);
        for (lists, names) in [(1, 2), (2, 2), (2, 2), (2, 2)] {
            assert_eq!(bench.found(ALL).len(), names);
            assert_eq!(bench.real.lists(), lists);
        }
        bench.add("a2", 2);
        for lists in [3, 3] {
            assert_eq!(bench.found(ALL), ["a1", "a2", "b1"]);
            assert_eq!(bench.real.lists(), lists);
        }
        bench.clock.advance(LIFE);
        for lists in [4, 5, 5] {
            assert_eq!(bench.found(ALL).len(), 3);
            assert_eq!(bench.real.lists(), lists);
        }
    }

    #[test]
    fn a_shared_listing_shows_the_names_that_the_directory_itself_does() {
        let names = [
            "a", "a.log", "a.log.1", "ab", "b", "b.log", "ba", "c", "\u{e9}a",
        ];
        let bench = Bench::new(&names);
        let some: [&[&[u8]]; 7] = [
            &[b"a"],
            &[b"a.log", b"a"],
            &[b"b", b"a.log", b"b"],
            &[b""],
            &[],
            &[b"d", b"bb", b"a.log.1"],
            &["\u{e9}".as_bytes()],
        ];
        for beginnings in some {
            bench.clock.advance(LIFE);
            let alone = bench.found(beginnings);
            assert_eq!(bench.found(beginnings), alone, "{beginnings:?}");
            assert_eq!(bench.found(beginnings), alone, "{beginnings:?}");
        }
    }

    #[test]
    fn a_directory_that_cannot_be_listed_is_an_error_for_all() {
        let bench = Bench::new(&["a"]);
        bench.real.refuse(bench.root.path().to_path_buf());
        for _ in 0..3 {
            let listed = bench
                .shared
                .list_beginning(bench.root.path(), ALL, &mut |_| {});
            assert!(listed.is_err());
        }
        bench.real.allow_all();
        assert_eq!(bench.found(ALL), ["a"]);
    }
}
