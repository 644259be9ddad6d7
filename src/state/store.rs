//! Loads and commits checkpoints.
//!
//! Invariant: at each instant of a commit, `state` is a valid checkpoint if it was one before: the previous copy becomes a
//! second name of it, and the new one replaces it by a rename. Only file systems without second names have an instant with
//! `state.prev` alone.
//!
//! A commit whose sync failed is not continued: the system may have dropped what it could not write, and report success next
//! time. The next commit writes another file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::io::Errno;

use super::aside::{Moved, set_aside, sync_directory};
use super::choose::{Copy, Verdict};
use super::codec::{Checkpoint, encode};
use super::directory::Directory;
use super::error::StoreError;
use super::header::{Durability, Header};
use super::host::Host;
use super::inspect::{Examined, Inspection, inspect};
use crate::model::Saved;

/// Name of a checkpoint that is being written.
const UNFINISHED: &str = "state.tmp";
/// A state directory whose copies were read. It is changed only under its lock.
#[derive(Debug)]
pub struct Store {
    directory: Box<dyn Directory>,
    settings: Settings,
    /// Number of the last commit, or of the last attempt.
    number: u64,
    /// Copies that cannot be used and were not moved away yet.
    unmoved: Vec<Copy>,
    /// Copies that were moved away since the last commit that was made.
    moved: Vec<Moved>,
    /// Bytes of the last commit.
    bytes: usize,
}

/// Settings of a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Protection of commits.
    pub durability: Durability,
    /// This host.
    pub host: Host,
}

/// Result of a start.
#[derive(Debug)]
pub struct Loaded {
    /// The case.
    pub verdict: Verdict,
    /// The checkpoint from which counting goes on; none if it starts at 0.
    pub checkpoint: Option<Checkpoint>,
    /// Copies that were moved away.
    pub moved: Vec<Moved>,
    /// Failures that do not keep the checkpoint from being used: a copy that cannot be moved, a sync that failed. What the
    /// checkpoint holds is durable only if there is none.
    pub failures: Vec<StoreError>,
}

/// A commit that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Number of the checkpoint.
    pub number: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Copies that could not be moved away before.
    pub moved: Vec<Moved>,
}

impl Store {
    /// Chooses a copy, moves those that cannot be used out of the way of the next commit, and makes the one that is used
    /// durable: a process that was killed may have left it in memory only, and what is loaded is served.
    ///
    /// # Errors
    ///
    /// The start is refused: only a newer program can read the state, or it cannot be read now.
    pub fn load(
        directory: Box<dyn Directory>,
        settings: Settings,
    ) -> Result<(Self, Loaded), StoreError> {
        let inspection = inspect(&*directory);
        let Inspection {
            current,
            previous,
            verdict,
        } = inspection;
        let unmoved = verdict.quarantined(&current.found(), &previous.found());
        let number = current.number().max(previous.number());
        let checkpoint = match &verdict {
            Verdict::RefuseNewer {
                copy,
                version,
                writer,
            } => {
                return Err(StoreError::Newer {
                    path: directory.path().join(copy.name()),
                    version: *version,
                    writer: writer.clone(),
                });
            }
            Verdict::RefuseUnreadable(copy) => {
                let examined = match copy {
                    Copy::Current => current,
                    Copy::Previous => previous,
                };
                let path = directory.path().join(copy.name());
                let source = match examined {
                    Examined::Unreadable(error) => error,
                    _ => io::Error::other("it cannot be read"),
                };
                return Err(StoreError::io("read", path)(source));
            }
            verdict => match verdict.used() {
                Some(Copy::Current) => current.into_checkpoint(),
                Some(Copy::Previous) => previous.into_checkpoint(),
                None => None,
            },
        };
        let mut store = Self {
            directory,
            settings,
            number,
            unmoved,
            moved: Vec::new(),
            bytes: 0,
        };
        let (moved, mut failures) = match store.directory.lock() {
            Ok(()) => store.move_unusable(),
            Err(error) => (Vec::new(), vec![error.into()]),
        };
        failures.extend(store.sync_loaded(&verdict).err());
        let loaded = Loaded {
            verdict,
            checkpoint,
            moved,
            failures,
        };
        Ok((store, loaded))
    }

    /// Makes `saved` the current checkpoint. With durability `power`, `sync_logs` is called first: it makes durable what
    /// was read of the logs, so that no position lies behind what a power loss leaves of its log.
    ///
    /// # Errors
    ///
    /// The checkpoint may be in force or not; the one before may still be used.
    pub fn commit(
        &mut self,
        saved: &Saved,
        now: SystemTime,
        sync_logs: &mut dyn FnMut() -> io::Result<()>,
    ) -> Result<Committed, StoreError> {
        let is_synced = self.settings.durability == Durability::Power;
        // An attempt that failed may have left its file under any name.
        self.number = self.number.saturating_add(1);
        let Settings { durability, host } = self.settings;
        let header = Header::new(self.number, millis(now), host, durability);
        let bytes = encode(&header, saved, self.bytes)?;
        if is_synced {
            sync_logs().map_err(StoreError::Logs)?;
        }
        self.directory.lock()?;
        let (moved, mut failures) = self.move_unusable();
        self.moved.extend(moved);
        if let Some(error) = failures.pop() {
            return Err(error);
        }
        if let Err(error) = self.replace_current(&bytes, is_synced) {
            // Frees the space of a disk that is full. That fails where writing failed for another reason.
            let _ = self.directory.remove(UNFINISHED);
            return Err(error);
        }
        if is_synced {
            sync_directory(&*self.directory)?;
        }
        self.bytes = bytes.len();
        Ok(Committed {
            number: self.number,
            bytes: bytes.len() as u64,
            moved: std::mem::take(&mut self.moved),
        })
    }

    /// Returns the path of the directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Changes the protection of later commits.
    pub fn set_durability(&mut self, durability: Durability) {
        self.settings.durability = durability;
    }

    /// Writes a file that becomes the current checkpoint, and the current one the previous.
    fn replace_current(&self, bytes: &[u8], is_synced: bool) -> Result<(), StoreError> {
        self.write_unfinished(bytes, is_synced)?;
        self.keep_current()?;
        let current = Copy::Current.name();
        let renamed = self.directory.rename(UNFINISHED, current);
        renamed.map_err(StoreError::io("replace", self.path(current)))
    }

    /// Writes `state.tmp`, which is another file each time.
    fn write_unfinished(&self, bytes: &[u8], is_synced: bool) -> Result<(), StoreError> {
        let error = |act| StoreError::io(act, self.path(UNFINISHED));
        self.directory.remove(UNFINISHED).map_err(error("remove"))?;
        let mut file = self.directory.create(UNFINISHED).map_err(error("create"))?;
        file.write_all(bytes).map_err(error("write"))?;
        if is_synced {
            file.sync().map_err(error("sync"))?;
        }
        Ok(())
    }

    /// Makes the current checkpoint the previous one, too.
    fn keep_current(&self) -> Result<(), StoreError> {
        let (current, previous) = (Copy::Current.name(), Copy::Previous.name());
        let is_there = self.directory.exists(current);
        if !is_there.map_err(StoreError::io("read", self.path(current)))? {
            // The previous one is the only copy.
            return Ok(());
        }
        let error = |act| StoreError::io(act, self.path(previous));
        self.directory.remove(previous).map_err(error("remove"))?;
        match self.directory.link(current, previous) {
            Err(error) if lacks_links(&error) => self.directory.rename(current, previous),
            done => done,
        }
        .map_err(error("create"))
    }

    /// Moves copies that cannot be used away; those that cannot be moved are tried again before the next commit.
    fn move_unusable(&mut self) -> (Vec<Moved>, Vec<StoreError>) {
        let (mut moved, mut failures) = (Vec::new(), Vec::new());
        let directory = &*self.directory;
        self.unmoved.retain(|copy| {
            let result = set_aside(directory, *copy, "state.damaged");
            let is_left = result.is_err();
            match result {
                Ok(done) => moved.push(done),
                Err(error) => failures.push(error),
            }
            is_left
        });
        (moved, failures)
    }

    fn sync_loaded(&self, verdict: &Verdict) -> Result<(), StoreError> {
        if self.settings.durability != Durability::Power {
            return Ok(());
        }
        if let Some(copy) = verdict.used() {
            let path = self.path(copy.name());
            let synced = self.directory.sync_file(copy.name());
            synced.map_err(StoreError::io("sync", path))?;
        }
        sync_directory(&*self.directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Returns whether a file cannot have a second name here: the file system has none, or the file is another user's
/// (`fs.protected_hardlinks`).
fn lacks_links(error: &io::Error) -> bool {
    let refusals = [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK];
    Errno::from_io_error(error).is_some_and(|errno| refusals.contains(&errno))
}

/// Returns the time in milliseconds since 1970; 0 for an earlier one.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    u64::try_from(millis).unwrap_or(u64::MAX)
}
