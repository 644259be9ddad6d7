//! Follows real files across rotation, truncation and disappearance.
//!
//! Invariant: which file is read is told by its identity, never by its name, and everything that
//! must be true is asked of the file system by looking; notifications only say when to look.

mod calm;
mod discover;
mod event;
mod fault;
mod finish;
mod follow;
mod fs;
mod generation;
mod identity;
mod judge;
mod look;
mod pattern;
mod place;
mod plant;
mod print;
mod rotated;
mod settings;
mod take_up;
#[cfg(test)]
mod tests;
mod tomb;
mod unpack;
mod watch;

pub use event::{FILE_GAP_REASONS, FileEvent};
pub use follow::FileSource;
pub use fs::{Entry, FileError, Fs, Kind, Meta, RealFs};
pub use identity::FileId;
pub use pattern::{PathPattern, PatternError};
pub use settings::{FilePosition, FileSettings, Progress, Start};
pub use watch::Watch;
