//! Open logs that are made durable before the position in them is.
//!
//! Invariant: a log on a file system that cannot be synced is not an error: such a one loses nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::{fdatasync, syncfs};
use rustix::io::Errno;

/// A log that stays open whatever happens to the source that follows it.
pub trait OpenLog: Send {
    /// Returns the device that holds it.
    fn device(&self) -> io::Result<u64>;

    /// Makes what was read of it durable.
    fn sync(&self) -> io::Result<()>;

    /// Makes everything on its device durable.
    fn sync_device(&self) -> io::Result<()>;
}

impl OpenLog for File {
    fn device(&self) -> io::Result<u64> {
        Ok(self.metadata()?.dev())
    }

    fn sync(&self) -> io::Result<()> {
        done(fdatasync(self))
    }

    fn sync_device(&self) -> io::Result<()> {
        done(syncfs(self))
    }
}

/// Ignores that a file system cannot be synced, such as one that is mounted read-only.
fn done(synced: Result<(), Errno>) -> io::Result<()> {
    match synced {
        Err(Errno::INVAL | Errno::ROFS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
