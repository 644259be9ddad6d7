//! Moves copies of a state away.
//!
//! Invariant: what is moved keeps its content; a file that it replaces is reported.

use std::path::PathBuf;

use super::choose::Copy;
use super::directory::Directory;
use super::error::StoreError;

/// Copies of each kind that are kept aside.
const MOST_ASIDE: u32 = 8;

/// A copy that was moved away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Path that it had.
    pub from: PathBuf,
    /// Path that it has.
    pub to: PathBuf,
    /// True if it replaces a file that was moved there before, as there is room for a few only.
    pub is_replaced: bool,
}

/// Moves both copies to `state.reset-N`, so that the next start counts from 0. The caller holds the lock.
///
/// # Errors
///
/// A copy cannot be moved. `state` is moved last, so that an interrupted reset does not revive an older copy.
pub fn reset(directory: &dyn Directory) -> Result<Vec<Moved>, StoreError> {
    let mut moved = Vec::new();
    for copy in [Copy::Previous, Copy::Current] {
        let path = directory.path().join(copy.name());
        if directory
            .exists(copy.name())
            .map_err(StoreError::io("read", path))?
        {
            moved.push(set_aside(directory, copy, "state.reset")?);
        }
    }
    sync_directory(directory)?;
    Ok(moved)
}

pub(super) fn sync_directory(directory: &dyn Directory) -> Result<(), StoreError> {
    let synced = directory.sync();
    synced.map_err(StoreError::io("sync", directory.path()))
}

/// Gives a copy an unused name, `PREFIX-1` to `PREFIX-8`. If all are used, the last is replaced: the first ones show how
/// it began.
pub(super) fn set_aside(
    directory: &dyn Directory,
    copy: Copy,
    prefix: &str,
) -> Result<Moved, StoreError> {
    let from = directory.path().join(copy.name());
    let mut name = String::new();
    let mut is_replaced = true;
    for number in 1..=MOST_ASIDE {
        name = format!("{prefix}-{number}");
        let path = directory.path().join(&name);
        let is_used = directory
            .exists(&name)
            .map_err(StoreError::io("read", path))?;
        if !is_used {
            is_replaced = false;
            break;
        }
    }
    let renamed = directory.rename(copy.name(), &name);
    renamed.map_err(StoreError::io("move", &from))?;
    let to = directory.path().join(name);
    Ok(Moved {
        from,
        to,
        is_replaced,
    })
}
