//! Wakes the reader when a followed file may have changed.
//!
//! Invariant: a notification only triggers a poll. One that is lost, late or impossible costs time until the next poll,
//! never a line; reading does not cause one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use rustix::fs::FsWord;

use super::event::FileEvent;
use super::fs::{FileId, Fs, Kind, RealFs};
use crate::clock::Waker;

/// Watches directories, and wakes a [`Waker`] when a file in one of them is written, created, removed or renamed, or its
/// permissions change.
pub struct Watch {
    /// `None` if the system provides no notifications.
    watcher: Option<RecommendedWatcher>,
    shared: Arc<Shared>,
    /// Directories that cannot be watched, and were reported.
    refused: BTreeMap<PathBuf, FileId>,
    /// Directories that other machines can change without a notification.
    remote: BTreeSet<PathBuf>,
}

/// State shared by the [`Watch`] and the thread that delivers notifications.
#[derive(Default)]
struct Shared {
    waker: Waker,
    names_changed: AtomicBool,
    /// Directory of each watch. Never locked across a call of the watcher, which waits for that thread.
    watched: Mutex<BTreeMap<PathBuf, FileId>>,
}

impl Watch {
    /// Makes a watch without directories. If the system refuses, it sends an event and stays inert.
    pub fn new(waker: Waker, events: &mut dyn FnMut(FileEvent)) -> Self {
        let shared = Arc::new(Shared {
            waker,
            ..Shared::default()
        });
        let receiver = Arc::clone(&shared);
        let handler = move |event: notify::Result<notify::Event>| receiver.receive(event);
        let watcher = match notify::recommended_watcher(handler) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                events(FileEvent::Unwatched { path: None, error });
                None
            }
        };
        Self {
            watcher,
            shared,
            refused: BTreeMap::new(),
            remote: BTreeSet::new(),
        }
    }

    /// Watches these directories and no others. One that was replaced by another of its name is watched again; one that is
    /// missing is left to a later call. What may have happened before a directory was watched counts as a change. A refusal
    /// is one event.
    pub fn refresh<'p>(
        &mut self,
        dirs: impl IntoIterator<Item = &'p Path>,
        events: &mut dyn FnMut(FileEvent),
    ) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let wanted = identify(dirs);
        self.refused.retain(|path, id| wanted.get(path) == Some(id));
        self.remote.retain(|path| wanted.contains_key(path));
        for path in self.shared.take_unwanted(&wanted) {
            // Fails if the directory is gone, and its watch with it.
            let _ = watcher.unwatch(&path);
        }
        for (path, id) in wanted {
            if self.refused.contains_key(&path) || !self.shared.claim(&path, id) {
                continue;
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.shared.wake_for_names();
                    if is_remote(&path) {
                        self.remote.insert(path);
                    }
                }
                Err(error) => {
                    self.shared.watched().remove(&path);
                    if !matches!(error.kind, notify::ErrorKind::PathNotFound) {
                        self.refused.insert(path.clone(), id);
                        events(FileEvent::Unwatched {
                            path: Some(path),
                            error,
                        });
                    }
                }
            }
        }
    }

    /// Returns whether every change in the directories is notified.
    pub fn is_whole(&self) -> bool {
        self.watcher.is_some() && self.refused.is_empty() && self.remote.is_empty()
    }

    /// Returns whether files may have been created, removed, renamed or made readable since the last call, so that a
    /// discovery is due.
    pub fn take_names_changed(&self) -> bool {
        self.shared.names_changed.swap(false, Ordering::AcqRel)
    }
}

/// Returns whether a directory lies on a file system that other machines, or a program, may change without a
/// notification.
fn is_remote(dir: &Path) -> bool {
    rustix::fs::statfs(dir).is_ok_and(|system| is_remote_type(system.f_type))
}

/// Returns whether this number is the type of a remote file system (`linux/magic.h`). Types have 32 bits; on 32-bit
/// systems, the highest one is the sign of the word.
fn is_remote_type(number: FsWord) -> bool {
    let [a, b, c, d, ..] = number.to_le_bytes();
    matches!(
        u32::from_le_bytes([a, b, c, d]),
        0x6969 // NFS
            | 0x517b // SMB
            | 0xff53_4d42 // CIFS
            | 0xfe53_4d42 // SMB 2
            | 0x6573_5546 // FUSE
            | 0x0102_1997 // 9P
            | 0x00c3_6400 // Ceph
            | 0x5346_414f // AFS
    )
}

/// Returns the directories among these that exist, each under one absolute path.
fn identify<'p>(dirs: impl IntoIterator<Item = &'p Path>) -> BTreeMap<PathBuf, FileId> {
    let mut paths: BTreeMap<FileId, PathBuf> = BTreeMap::new();
    for dir in dirs {
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        let (Ok(path), Ok(meta)) = (std::path::absolute(dir), RealFs.stat(dir)) else {
            continue;
        };
        if meta.kind == Kind::Directory {
            paths.entry(meta.id).or_insert(path);
        }
    }
    paths.into_iter().map(|(id, path)| (path, id)).collect()
}

impl Shared {
    fn watched(&self) -> MutexGuard<'_, BTreeMap<PathBuf, FileId>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes and returns the watches that are not on a wanted directory.
    fn take_unwanted(&self, wanted: &BTreeMap<PathBuf, FileId>) -> Vec<PathBuf> {
        let mut watched = self.watched();
        let unwanted = watched.extract_if(.., |path, id| wanted.get(path) != Some(id));
        unwanted.map(|(path, _)| path).collect()
    }

    /// Marks this directory as watched; returns whether it was not.
    fn claim(&self, path: &Path, id: FileId) -> bool {
        self.watched().insert(path.to_path_buf(), id) != Some(id)
    }

    fn receive(&self, event: notify::Result<notify::Event>) {
        let Ok(event) = event else {
            return self.wake_for_names();
        };
        match event.kind {
            // Includes our own accesses: opening and closing what is read.
            EventKind::Access(_) => {}
            EventKind::Modify(ModifyKind::Data(_)) => self.waker.wake(),
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                // A watched directory was removed or moved itself.
                let mut watched = self.watched();
                for path in &event.paths {
                    watched.remove(path);
                }
                drop(watched);
                self.wake_for_names();
            }
            _ => self.wake_for_names(),
        }
    }

    fn wake_for_names(&self) {
        self.names_changed.store(true, Ordering::Release);
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, Flag};
    use std::fs::{OpenOptions, create_dir, remove_dir, remove_file, write};
    use std::io::Write;
    use std::time::Duration;

    /// Far longer than any notification takes.
    const AT_MOST: Duration = Duration::from_secs(20);

    #[expect(
        clippy::needless_pass_by_value,
        reason = "event handlers own their event"
    )]
    fn no_events(event: FileEvent) {
        panic!("{event}");
    }

    /// Returns a watch on `dir` and its waker, without a pending wake-up.
    fn watch(dir: &Path) -> (Watch, Waker) {
        let waker = Waker::default();
        let mut watch = Watch::new(waker.clone(), &mut no_events);
        watch.refresh([dir], &mut no_events);
        waker.wait(Duration::ZERO);
        (watch, waker)
    }

    #[test]
    fn writing_wakes_and_a_name_that_appears_makes_a_discovery_due() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.log");
        write(&path, "").unwrap();
        let (watch, waker) = watch(root.path());
        assert!(watch.take_names_changed(), "what came before the watch");

        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"line\n").unwrap();
        assert!(waker.wait(AT_MOST));
        assert!(!watch.take_names_changed());

        std::os::unix::fs::symlink("a.log", root.path().join("b.log")).unwrap();
        assert!(waker.wait(AT_MOST));
        assert!(watch.take_names_changed());
    }

    #[test]
    fn only_remote_file_systems_are_not_trusted() {
        let root = tempfile::tempdir().unwrap();
        let (watch, _) = watch(root.path());
        assert_eq!(watch.is_whole(), !is_remote(root.path()));
        for (remote, number) in [
            (true, rustix::fs::NFS_SUPER_MAGIC),
            (true, 0xff53_4d42),  // CIFS
            (true, -0x00ac_b2be), // CIFS as a word of 32 bits
            (false, rustix::fs::PROC_SUPER_MAGIC),
            (false, 0xef53),      // ext4
            (false, 0x9123_683e), // btrfs
        ] {
            assert_eq!(is_remote_type(number), remote, "{number:#x}");
        }
    }

    #[test]
    fn a_directory_that_appears_late_or_again_is_watched() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("nginx");
        let (mut watch, waker) = watch(&dir);
        assert!(!watch.take_names_changed());
        for _ in 0..3 {
            create_dir(&dir).unwrap();
            watch.refresh([dir.as_path()], &mut no_events);
            assert!(waker.wait(AT_MOST), "what came before the watch");
            write(dir.join("a.log"), "").unwrap();
            assert!(waker.wait(AT_MOST));
            remove_file(dir.join("a.log")).unwrap();
            remove_dir(&dir).unwrap();
            while watch.shared.watched().contains_key(&dir) {
                assert!(waker.wait(AT_MOST));
            }
            // The end of a directory may be notified twice; both come before the next notification.
            write(root.path().join("marker"), "").unwrap();
            watch.refresh([root.path()], &mut no_events);
            watch.refresh([], &mut no_events);
            waker.wait(Duration::ZERO);
        }
    }

    #[test]
    fn only_changes_wake() {
        let (watch, waker) = watch(Path::new("/nonexistent"));
        let check = |kind: EventKind, wakes: bool, names: bool| {
            watch.shared.receive(Ok(notify::Event::new(kind)));
            assert_eq!(waker.wait(Duration::ZERO), wakes, "{kind:?}");
            assert_eq!(watch.take_names_changed(), names, "{kind:?}");
        };
        for mode in [AccessMode::Any, AccessMode::Read, AccessMode::Write] {
            check(EventKind::Access(AccessKind::Open(mode)), false, false);
            check(EventKind::Access(AccessKind::Close(mode)), false, false);
        }
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        check(written, true, false);
        check(EventKind::Create(CreateKind::File), true, true);
        let overflow = notify::Event::new(EventKind::Other).set_flag(Flag::Rescan);
        watch.shared.receive(Ok(overflow));
        assert!(waker.wait(Duration::ZERO));
        assert!(watch.take_names_changed());
        watch.shared.receive(Err(notify::Error::generic("lost")));
        assert!(watch.take_names_changed());
    }

    #[test]
    fn a_directory_under_two_names_is_watched_once() {
        let root = tempfile::tempdir().unwrap();
        let (dir, link) = (root.path().join("dir"), root.path().join("link"));
        create_dir(&dir).unwrap();
        std::os::unix::fs::symlink("dir", &link).unwrap();
        assert_eq!(identify([dir.as_path(), &link, &dir]).len(), 1);
    }
}
