//! Where lines come from: files that are followed, files and streams that are read once.
//!
//! Invariant: a line is handed over whole and once, and a position given with it is the start of
//! the next line; what can't be handed over (an over-long line, a truncated file) is counted or
//! reported, never dropped unseen.
//!
//! This module only reads. It keeps no state across restarts, knows nothing of patterns or
//! metrics, and starts no thread of its own apart from the one that delivers wake-ups.

pub mod archive;
mod event;
mod file;
mod frame;
mod read;

pub use event::{Event, GAP_REASONS};
pub use file::{
    Entry, FileError, FileId, FilePosition, FileSettings, FileSource, Fs, Kind, Meta, PathPattern,
    PatternError, Progress, RealFs, Start, Watch,
};
pub use frame::{Cut, Framer};
pub use read::LineReader;

/// Least number of bytes asked for in one read.
const READ_BYTES: usize = 128 * 1024;
