//! Snapshots: counts and position of each source at one instant.
//!
//! Invariant: the counts of a snapshot are those of the lines up to its position, neither more nor less; linked sources, and
//! the link between them, are of the same instant.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::aggregate::{Accounts, Frames};
use crate::clock::Waker;
use crate::model::{Families, Family, SavedLink, SavedSource};
use crate::source::OpenLog;
use crate::telemetry::gap_families;

/// State of one source.
pub(super) struct SourceSnapshot {
    pub(super) saved: SavedSource,
    /// The state of the link whose first front the source is.
    pub(super) link: Option<SavedLink>,
    /// Descriptions of the source's families, which with their saved series make a page.
    pub(super) frames: Frames,
    /// Families of the link.
    pub(super) joined: Vec<Family>,
    pub(super) accounts: Accounts,
    /// Logs that were wanted.
    pub(super) logs: Vec<Box<dyn OpenLog>>,
    /// True if the source has lines that were not counted, or requests that were read late and are not joined.
    pub(super) is_behind: bool,
}

/// The logs that belong to a snapshot, to be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logs {
    None,
    /// Those of which more was counted than at the last snapshot.
    Advanced,
    /// All that are open: the last ones were not made durable.
    All,
}

/// The snapshots of the sources of each thread.
pub(super) type Taken = Arc<Mutex<Vec<Vec<SourceSnapshot>>>>;

/// A request for the snapshots of a thread's sources. It has been granted, or never will be, when it is dropped by all
/// threads.
pub(super) struct SnapshotRequest {
    taken: Taken,
    done: Waker,
    pub(super) logs: Logs,
}

impl SnapshotRequest {
    /// Makes a request that adds the snapshots of each thread to `taken`, and wakes `done` when it is over.
    pub(super) fn new(taken: Taken, done: Waker, logs: Logs) -> Self {
        Self { taken, done, logs }
    }

    /// Grants the request for one thread.
    pub(super) fn grant(&self, snapshots: Vec<SourceSnapshot>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push(snapshots);
    }
}

impl Drop for SnapshotRequest {
    fn drop(&mut self) {
        self.done.wake();
    }
}

/// Returns the families of all sources, sorted. They are made of what is saved, once no shard is locked any more.
pub(super) fn families(snapshots: &mut [SourceSnapshot]) -> Families {
    let mut all = Vec::new();
    let mut accounts = Accounts::default();
    let gaps = snapshots.iter().map(|one| &one.saved);
    all.extend(gap_families(gaps.map(|one| (&*one.name, &*one.gaps))));
    for snapshot in snapshots {
        all.append(&mut snapshot.frames.families(&snapshot.saved.families));
        all.append(&mut snapshot.joined);
        accounts.append(&mut snapshot.accounts);
    }
    all.extend(accounts.into_families());
    Families::new(all)
}

/// Most logs that are made durable one by one; more of them are with the whole file system, at once.
const MOST_SYNCED: usize = 32;

/// Makes durable what was read of these logs.
pub(super) fn sync(logs: &[Box<dyn OpenLog>]) -> io::Result<()> {
    if logs.len() <= MOST_SYNCED {
        return logs.iter().try_for_each(|log| log.sync());
    }
    let mut devices = BTreeSet::new();
    for log in logs {
        if devices.insert(log.device()?) {
            log.sync_device()?;
        }
    }
    Ok(())
}
