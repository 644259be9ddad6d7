//! The watched directories, and the sources that a change in one of them concerns.
//!
//! Invariant: a directory is in it once, under one path.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{CreateKind, EventKind, ModifyKind, RemoveKind, RenameMode};

use super::fs::FileId;
use super::names::Names;
use super::rotated::Rotated;
use crate::clock::Waker;

/// All watched directories.
#[derive(Default)]
pub(super) struct Directories {
    by_path: HashMap<PathBuf, Directory>,
    /// The path under which a directory is watched.
    paths: HashMap<FileId, PathBuf>,
}

/// A watched directory.
pub(super) struct Directory {
    id: FileId,
    subscribers: Vec<Arc<Subscriber>>,
    /// Followers of one file, by its name.
    by_name: HashMap<OsString, Vec<Arc<Subscriber>>>,
    /// Followers of what globs match.
    by_glob: Vec<Arc<Subscriber>>,
}

/// A source that follows files.
#[derive(Debug)]
pub(super) struct Subscriber {
    waker: Waker,
    names: Mutex<Names>,
    names_changed: AtomicBool,
    /// A directory is not watched any more.
    lost: AtomicBool,
}

/// A change as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A file was written.
    Text,
    /// A file appeared, vanished, was renamed or made readable.
    File,
    /// A directory, or something of unknown kind, did so.
    Any,
}

/// Outcome of [`Directories::join`].
pub(super) enum Joined {
    Already,
    Watched,
    /// The directory is to be watched under this path.
    New,
}

impl Directories {
    /// Adds a subscriber to the directory at `path`.
    pub(super) fn join(&mut self, path: &Path, id: FileId, subscriber: &Arc<Subscriber>) -> Joined {
        let known = self
            .paths
            .get(&id)
            .and_then(|path| self.by_path.get_mut(path));
        if let Some(directory) = known {
            let is_in = directory
                .subscribers
                .iter()
                .any(|own| Arc::ptr_eq(own, subscriber));
            if is_in {
                return Joined::Already;
            }
            directory.add(subscriber);
            return Joined::Watched;
        }
        // Another directory that was watched under this path has been moved.
        self.note_itself(path);
        self.paths.insert(id, path.to_path_buf());
        let mut directory = Directory {
            id,
            subscribers: Vec::new(),
            by_name: HashMap::new(),
            by_glob: Vec::new(),
        };
        directory.add(subscriber);
        self.by_path.insert(path.to_path_buf(), directory);
        Joined::New
    }

    /// Removes a directory.
    pub(super) fn forget(&mut self, path: &Path) -> Option<Directory> {
        let directory = self.by_path.remove(path)?;
        self.paths.remove(&directory.id);
        Some(directory)
    }

    /// Removes a subscriber; returns the path of the directory if none is left.
    pub(super) fn leave(&mut self, id: FileId, subscriber: &Arc<Subscriber>) -> Option<PathBuf> {
        let path = self.paths.get(&id)?.clone();
        let directory = self.by_path.get_mut(&path)?;
        directory.remove(subscriber);
        let is_abandoned = directory.subscribers.is_empty();
        is_abandoned.then(|| self.forget(&path)).map(|_| path)
    }

    /// Sets the names of a subscriber of these directories.
    pub(super) fn rename(
        &mut self,
        subscriber: &Arc<Subscriber>,
        joined: &BTreeSet<FileId>,
        names: Names,
    ) {
        if *lock(&subscriber.names) == names {
            return;
        }
        let paths = joined.iter().filter_map(|id| self.paths.get(id).cloned());
        let paths: Vec<_> = paths.collect();
        for path in &paths {
            if let Some(directory) = self.by_path.get_mut(path) {
                directory.remove(subscriber);
            }
        }
        *lock(&subscriber.names) = names;
        for path in &paths {
            if let Some(directory) = self.by_path.get_mut(path) {
                directory.add(subscriber);
            }
        }
    }

    /// Wakes the sources that a change of the entry at `path` concerns.
    pub(super) fn note_inside(&self, change: Change, path: &Path) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let Some(directory) = self.by_path.get(parent) else {
            return;
        };
        directory.concerned(change, name, |subscriber| match change {
            Change::Text => subscriber.waker.wake(),
            Change::File | Change::Any => subscriber.wake_for_names(),
        });
    }

    /// Handles that the directory at `path` may have been removed or moved, or made readable, if it is a watched one. It is
    /// watched again at the next refresh.
    pub(super) fn note_itself(&mut self, path: &Path) {
        if let Some(directory) = self.forget(path) {
            for subscriber in &directory.subscribers {
                subscriber.lost.store(true, Ordering::Release);
                subscriber.wake_for_names();
            }
        }
    }

    /// Returns whether a directory is watched under this path.
    #[cfg(test)]
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// Wakes all subscribers.
    pub(super) fn wake_all(&self) {
        for subscriber in self.by_path.values().flat_map(|dir| &dir.subscribers) {
            subscriber.wake_for_names();
        }
    }
}

impl Directory {
    /// Adds a subscriber, under its names.
    fn add(&mut self, subscriber: &Arc<Subscriber>) {
        self.subscribers.push(Arc::clone(subscriber));
        let names = lock(&subscriber.names);
        for name in &names.exact {
            let followers = self.by_name.entry(name.clone()).or_default();
            followers.push(Arc::clone(subscriber));
        }
        if names.walks || !names.globs.is_empty() {
            self.by_glob.push(Arc::clone(subscriber));
        }
    }

    /// Removes a subscriber, whose names are those with which it was added.
    fn remove(&mut self, subscriber: &Arc<Subscriber>) {
        let others = |own: &Arc<Subscriber>| !Arc::ptr_eq(own, subscriber);
        self.subscribers.retain(others);
        self.by_glob.retain(others);
        for name in &lock(&subscriber.names).exact {
            if let Some(followers) = self.by_name.get_mut(name) {
                followers.retain(others);
                if followers.is_empty() {
                    self.by_name.remove(name);
                }
            }
        }
    }

    /// Calls `wake` for the subscribers that a change of the entry `name` concerns.
    fn concerned(&self, change: Change, name: &OsStr, wake: impl Fn(&Subscriber)) {
        let base = Rotated::parse_any(name).map(|rotated| rotated.base());
        for name in std::iter::once(name).chain(base.as_deref()) {
            for own in self.by_name.get(name).into_iter().flatten() {
                wake(own);
            }
        }
        for own in &self.by_glob {
            let names = lock(&own.names);
            let is_concerned = match change {
                Change::Text | Change::File => names.concern_file(name),
                Change::Any => names.concern_any(name),
            };
            drop(names);
            if is_concerned {
                wake(own);
            }
        }
    }
}

impl Subscriber {
    pub(super) fn new(waker: Waker) -> Self {
        Self {
            waker,
            names: Mutex::default(),
            names_changed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        }
    }

    pub(super) fn wake_for_names(&self) {
        self.names_changed.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::AcqRel)
    }

    pub(super) fn have_names_changed(&self) -> bool {
        self.names_changed.load(Ordering::Acquire)
    }

    pub(super) fn take_names_changed(&self) -> bool {
        self.names_changed.swap(false, Ordering::AcqRel)
    }
}

/// Returns what an event tells; `None` if nothing that matters.
pub(super) fn change(kind: EventKind) -> Option<Change> {
    Some(match kind {
        // Includes our own accesses: opening and closing what is read. The two names of a renamed file are reported one by
        // one too.
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            return None;
        }
        EventKind::Modify(ModifyKind::Data(_)) => Change::Text,
        EventKind::Create(CreateKind::File) | EventKind::Remove(RemoveKind::File) => Change::File,
        _ => Change::Any,
    })
}

/// Locks a state. A panic ends the process, so it is never poisoned.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
