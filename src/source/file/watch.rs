//! The part of the system's notifications that concerns one source.
//!
//! Invariant: a notification only triggers a poll. One that is lost, late or impossible costs time until the next poll,
//! never a line; reading does not cause one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::ErrorKind;
use rustix::fs::FsWord;

use super::event::FileEvent;
use super::fs::{FileId, Fs, Kind, RealFs};
use super::names::Names;
use super::notifier::Notifier;
use super::watched::Subscriber;
use crate::clock::Waker;

/// Wakes a source when one of its files is written, created, removed or renamed, or its permissions change.
#[derive(Debug)]
pub struct Watch {
    notifier: Arc<Notifier>,
    subscriber: Arc<Subscriber>,
    /// Watched directories.
    joined: BTreeSet<FileId>,
    /// Directories that cannot be watched, and were reported.
    refused: BTreeMap<FileId, PathBuf>,
    /// Directories that other machines can change without a notification.
    remote: BTreeSet<FileId>,
}

impl Watch {
    /// Makes a watch without directories.
    pub fn new(notifier: &Arc<Notifier>, waker: Waker) -> Self {
        Self {
            notifier: Arc::clone(notifier),
            subscriber: Arc::new(Subscriber::new(waker)),
            joined: BTreeSet::new(),
            refused: BTreeMap::new(),
            remote: BTreeSet::new(),
        }
    }

    /// Watches files of these `names` in these directories and no others. A directory that was replaced by another of its name is watched again; one that is
    /// missing is left to a later call. What may have happened before a directory was watched counts as a change. A refusal
    /// is one event.
    pub fn refresh<'p>(
        &mut self,
        dirs: impl IntoIterator<Item = &'p Path>,
        names: Names,
        events: &mut dyn FnMut(FileEvent),
    ) {
        if !self.notifier.is_connected() {
            return;
        }
        if self.subscriber.take_lost() {
            self.joined.clear();
        }
        (self.notifier).rename(&self.subscriber, &self.joined, names);
        let wanted = identify(dirs);
        self.refused.retain(|id, _| wanted.contains_key(id));
        self.remote.retain(|id| wanted.contains_key(id));
        for id in self.joined.extract_if(.., |id| !wanted.contains_key(id)) {
            self.notifier.leave(id, &self.subscriber);
        }
        for (id, path) in wanted {
            if self.refused.contains_key(&id) || self.joined.contains(&id) {
                continue;
            }
            match self.notifier.watch(&path, id, &self.subscriber) {
                Ok(is_new) => {
                    self.joined.insert(id);
                    if is_new {
                        self.subscriber.wake_for_names();
                    }
                    if is_remote(&path) {
                        self.remote.insert(id);
                    }
                }
                Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
                Err(error) => {
                    self.refused.insert(id, path.clone());
                    events(FileEvent::Unwatched { path, error });
                }
            }
        }
    }

    /// Returns whether every change in the directories is notified.
    pub fn is_whole(&self) -> bool {
        self.notifier.is_connected() && self.refused.is_empty() && self.remote.is_empty()
    }

    /// Returns whether files may have been created, removed, renamed or made readable since [`Self::take_names_changed`], so
    /// that a discovery is due.
    pub fn have_names_changed(&self) -> bool {
        self.subscriber.have_names_changed()
    }

    /// Returns the same, and notes that a discovery begins.
    pub fn take_names_changed(&self) -> bool {
        self.subscriber.take_names_changed()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for id in &self.joined {
            self.notifier.leave(*id, &self.subscriber);
        }
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
fn identify<'p>(dirs: impl IntoIterator<Item = &'p Path>) -> BTreeMap<FileId, PathBuf> {
    let mut paths = BTreeMap::new();
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
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use notify::event::{
        AccessKind, AccessMode, CreateKind, DataChange, EventKind, Flag, ModifyKind, RenameMode,
    };
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

    fn names(exact: &[&str]) -> Names {
        Names {
            exact: exact.iter().map(Into::into).collect(),
            ..Names::default()
        }
    }

    fn notifier() -> Arc<Notifier> {
        let notifier = Notifier::new(Arc::new(ManualClock::default()));
        notifier.connect().unwrap();
        notifier
    }

    /// Returns a watch for `a.log` in `dir` and its waker, without a pending wake-up.
    fn watch(notifier: &Arc<Notifier>, dir: &Path) -> (Watch, Waker) {
        let waker = Waker::default();
        let mut watch = Watch::new(notifier, waker.clone());
        watch.refresh([dir], names(&["a.log"]), &mut no_events);
        waker.take();
        (watch, waker)
    }

    #[test]
    fn writing_wakes_and_a_name_that_appears_makes_a_discovery_due() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.log");
        write(&path, "").unwrap();
        let (watch, waker) = watch(&notifier(), root.path());
        assert!(watch.take_names_changed(), "what came before the watch");

        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"line\n").unwrap();
        assert!(waker.wait(AT_MOST));
        assert!(!watch.take_names_changed());

        std::os::unix::fs::symlink("a.log", root.path().join("a.log.1")).unwrap();
        assert!(waker.wait(AT_MOST));
        assert!(watch.take_names_changed());
    }

    #[test]
    fn only_remote_file_systems_are_not_trusted() {
        let root = tempfile::tempdir().unwrap();
        let (watch, _) = watch(&notifier(), root.path());
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
        let notifier = notifier();
        let (mut watch, waker) = watch(&notifier, &dir);
        assert!(!watch.take_names_changed());
        for _ in 0..3 {
            create_dir(&dir).unwrap();
            watch.refresh([dir.as_path()], names(&["a.log"]), &mut no_events);
            assert!(waker.wait(AT_MOST), "what came before the watch");
            write(dir.join("a.log"), "").unwrap();
            assert!(waker.wait(AT_MOST));
            remove_file(dir.join("a.log")).unwrap();
            remove_dir(&dir).unwrap();
            while notifier.watches(&dir) {
                assert!(waker.wait(AT_MOST));
            }
            // The end of a directory may be notified twice; both come before the next notification.
            write(root.path().join("marker"), "").unwrap();
            watch.refresh([root.path()], names(&["marker"]), &mut no_events);
            watch.refresh([], Names::default(), &mut no_events);
            waker.take();
        }
    }

    #[test]
    fn a_source_is_woken_for_its_own_files_only() {
        let root = tempfile::tempdir().unwrap();
        let notifier = notifier();
        let (first, first_waker) = watch(&notifier, root.path());
        let (mut second, second_waker) = watch(&notifier, root.path());
        second.refresh([root.path()], names(&["b.log"]), &mut no_events);
        assert!(first.take_names_changed() && second.take_names_changed());
        for (name, wakes) in [
            ("b.log", [false, true]),
            ("a.log", [true, false]),
            ("b.log.1", [false, true]),
            ("x", [false, false]),
        ] {
            let path = root.path().join(name);
            let kind = EventKind::Create(CreateKind::File);
            notifier.receive(Ok(notify::Event::new(kind).add_path(path)));
            assert_eq!([first_waker.take(), second_waker.take()], wakes, "{name}");
            assert_eq!(
                [first.take_names_changed(), second.take_names_changed()],
                wakes,
                "{name}"
            );
        }
        drop(first);
        assert!(notifier.watches(root.path()));
        drop(second);
        assert!(!notifier.watches(root.path()));
    }

    #[test]
    fn only_changes_wake() {
        let root = tempfile::tempdir().unwrap();
        let notifier = notifier();
        let (watch, waker) = watch(&notifier, root.path());
        watch.take_names_changed();
        let check = |kind: EventKind, wakes: bool, names: bool| {
            let event = notify::Event::new(kind).add_path(root.path().join("a.log"));
            notifier.receive(Ok(event));
            assert_eq!(waker.take(), wakes, "{kind:?}");
            assert_eq!(watch.take_names_changed(), names, "{kind:?}");
        };
        for mode in [AccessMode::Any, AccessMode::Read, AccessMode::Write] {
            check(EventKind::Access(AccessKind::Open(mode)), false, false);
            check(EventKind::Access(AccessKind::Close(mode)), false, false);
        }
        check(
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)),
            false,
            false,
        );
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        check(written, true, false);
        check(EventKind::Create(CreateKind::File), true, true);
        let overflow = notify::Event::new(EventKind::Other).set_flag(Flag::Rescan);
        notifier.receive(Ok(overflow));
        assert!(waker.take() && watch.take_names_changed());
        notifier.receive(Err(notify::Error::generic("lost")));
        assert!(watch.take_names_changed());
    }

    #[test]
    fn a_directory_under_two_names_is_watched_once() {
        let root = tempfile::tempdir().unwrap();
        let (dir, link) = (root.path().join("dir"), root.path().join("link"));
        create_dir(&dir).unwrap();
        std::os::unix::fs::symlink("dir", &link).unwrap();
        assert_eq!(identify([dir.as_path(), &link, &dir]).len(), 1);
        let notifier = notifier();
        let (first, _) = watch(&notifier, &dir);
        let (second, waker) = watch(&notifier, &link);
        drop(first);
        write(dir.join("a.log"), "").unwrap();
        assert!(waker.wait(AT_MOST) && second.take_names_changed());
    }
}
