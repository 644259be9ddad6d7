//! Follows regular files across rotation, truncation and disappearance.
//!
//! Invariant: a file is identified by its identity and its text, never by its name alone. Decisions rest on what the
//! file system shows at a scan or a read; a notification only triggers one.

mod adopt;
mod consumed;
mod event;
mod evidence;
mod finder;
mod fingerprint;
mod follow;
mod forgotten;
mod fs;
mod history;
mod mtime;
mod open;
mod pace;
mod pattern;
mod read_fault;
mod rotated;
mod settings;
mod watch;

pub use event::{FILE_GAP_REASONS, FileEvent};
pub use follow::FileSource;
pub use fs::{Entry, FileError, FileId, Fs, Kind, Meta, RealFs};
pub use pattern::{PathPattern, PatternError};
pub use settings::{FileSettings, Progress, Start};
pub use watch::Watch;

#[cfg(test)]
mod tests;
