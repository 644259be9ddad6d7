//! Receives the notifications of all directories, and wakes the sources that they concern.
//!
//! Invariant: the process has one notifier: one inotify instance and one thread, however many sources there are. A
//! directory is watched once, under whichever names sources follow it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use notify::{Error, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use rustix::io::Errno;

use super::fs::FileId;
use super::names::Names;
use super::throttle::{LONGEST_AT_OTHERS, LONGEST_AT_TEXT, Throttle};
use super::watched::{Change, Directories, Joined, Subscriber, change, lock};
use crate::clock::{Clock, Waker};

/// The process's connection to the system's notifications about files. It is made when a source first wants it.
pub struct Notifier {
    watcher: Mutex<Connection>,
    shared: Arc<Shared>,
}

enum Connection {
    Untried,
    Refused,
    Made(RecommendedWatcher),
}

/// State shared with the thread that delivers notifications. It is never locked across a call of the watcher, which waits
/// for that thread.
struct Shared {
    clock: Arc<dyn Clock>,
    directories: Mutex<Directories>,
    throttle: Mutex<Throttle>,
    /// Calls of the watcher that wait for the thread, which does not pause meanwhile.
    calls: AtomicUsize,
    /// Ends the pause of the thread.
    hurry: Waker,
}

impl Notifier {
    /// Makes a notifier without a connection.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let shared = Arc::new(Shared {
            throttle: Mutex::new(Throttle::new(clock.monotonic())),
            clock,
            directories: Mutex::default(),
            calls: AtomicUsize::new(0),
            hurry: Waker::default(),
        });
        Arc::new(Self {
            watcher: Mutex::new(Connection::Untried),
            shared,
        })
    }

    /// Connects to the system's notifications unless that was tried before. If it fails, sources poll; the first failure
    /// is an error with the reason.
    pub fn connect(&self) -> Result<(), String> {
        let mut connection = lock(&self.watcher);
        let Connection::Untried = *connection else {
            return Ok(());
        };
        let receiver = Arc::clone(&self.shared);
        let handler = move |event| receiver.receive(event);
        match try_thread().and_then(|()| notify::recommended_watcher(handler)) {
            Ok(watcher) => {
                *connection = Connection::Made(watcher);
                Ok(())
            }
            Err(error) => {
                *connection = Connection::Refused;
                Err(with_remedy(error).to_string())
            }
        }
    }

    /// Returns whether the system gives notifications.
    pub(super) fn is_connected(&self) -> bool {
        matches!(*lock(&self.watcher), Connection::Made(_))
    }

    /// Wakes `subscriber` at changes in the directory at `path`. Returns false if it was watched for it already.
    pub(super) fn watch(
        &self,
        path: &Path,
        id: FileId,
        subscriber: &Arc<Subscriber>,
    ) -> Result<bool, Error> {
        let mut connection = lock(&self.watcher);
        let Connection::Made(watcher) = &mut *connection else {
            return Ok(false);
        };
        match self.shared.directories().join(path, id, subscriber) {
            Joined::Already => return Ok(false),
            Joined::Watched => return Ok(true),
            Joined::New => {}
        }
        let outcome = (self.shared).call(|| watcher.watch(path, RecursiveMode::NonRecursive));
        if let Err(error) = outcome {
            self.shared.directories().forget(path);
            return Err(with_remedy(error));
        }
        Ok(true)
    }

    /// Notifies `subscriber`, of these directories, about files of these names.
    pub(super) fn rename(
        &self,
        subscriber: &Arc<Subscriber>,
        joined: &BTreeSet<FileId>,
        names: Names,
    ) {
        self.shared.directories().rename(subscriber, joined, names);
    }

    /// Ends the notifications of `subscriber` about a directory.
    pub(super) fn leave(&self, id: FileId, subscriber: &Arc<Subscriber>) {
        let mut connection = lock(&self.watcher);
        let abandoned = self.shared.directories().leave(id, subscriber);
        if let (Connection::Made(watcher), Some(path)) = (&mut *connection, abandoned) {
            // Fails if the directory is gone, and its watch with it.
            let _ = self.shared.call(|| watcher.unwatch(&path));
        }
    }

    #[cfg(test)]
    pub(super) fn receive(&self, event: notify::Result<notify::Event>) {
        self.shared.receive(event);
    }

    #[cfg(test)]
    pub(super) fn watches(&self, path: &Path) -> bool {
        self.shared.directories().contains(path)
    }
}

/// Adds the setting that limits what was refused.
fn with_remedy(error: Error) -> Error {
    let setting = match &error.kind {
        ErrorKind::MaxFilesWatch => "max_user_watches",
        ErrorKind::Io(cause) if cause.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => {
            "max_user_instances"
        }
        _ => return error,
    };
    let text = format!("{error}; raise the limit: sysctl fs.inotify.{setting}=NUMBER");
    Error::generic(&text)
}

/// Fails if the system allows no further thread: the watcher needs one, and does not report that it could not be started.
fn try_thread() -> Result<(), Error> {
    let thread = thread::Builder::new().spawn(|| {}).map_err(Error::io)?;
    // It cannot panic.
    let _ = thread.join();
    Ok(())
}

impl Shared {
    fn directories(&self) -> MutexGuard<'_, Directories> {
        lock(&self.directories)
    }

    fn receive(&self, event: notify::Result<notify::Event>) {
        match event {
            Ok(event) if !event.need_rescan() => {
                let Some(change) = change(event.kind) else {
                    return;
                };
                // A rotation is to be seen before the next one; text can wait for more of it.
                if change == Change::Text {
                    self.pause(LONGEST_AT_TEXT);
                    self.deliver(change, &event.paths);
                } else {
                    self.deliver(change, &event.paths);
                    self.pause(LONGEST_AT_OTHERS);
                }
            }
            // Notifications were lost.
            _ => self.directories().wake_all(),
        }
    }

    fn deliver(&self, change: Change, paths: &[PathBuf]) {
        let mut directories = self.directories();
        for path in paths {
            directories.note_inside(change, path);
            if change == Change::Any {
                directories.note_itself(path);
            }
        }
    }

    /// Makes a call of the watcher, which waits for the thread.
    fn call(&self, call: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.hurry.wake();
        let outcome = call();
        self.calls.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    fn pause(&self, longest: Duration) {
        let processor = || self.clock.processor();
        let now = self.clock.monotonic();
        let pause = lock(&self.throttle).pause_at(now, longest, processor);
        if !pause.is_zero() && self.calls.load(Ordering::SeqCst) == 0 {
            self.hurry.wait(pause);
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}
