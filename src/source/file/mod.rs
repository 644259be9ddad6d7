//! Follows regular files across rotation, truncation and disappearance.
//!
//! Invariant: a file is identified by its identity and its text, never by its name alone. Decisions rest on what the
//! file system shows at a scan or a read; a notification only triggers one.

mod adopt;
mod compare;
mod consumed;
mod doubt;
mod event;
mod evidence;
mod finder;
mod findings;
mod fingerprint;
mod finished;
mod follow;
mod forgotten;
mod fs;
mod history;
mod known;
mod lines;
mod marks;
mod mtime;
mod names;
mod notifier;
mod open;
mod open_log;
mod own_clock;
mod pace;
mod pattern;
mod placement;
mod read_fault;
mod rehearsal;
mod rewritten;
mod rotated;
mod saved;
mod sealed;
mod settings;
mod shared;
mod shown;
mod shredded;
mod throttle;
mod unseen;
mod watch;
mod watched;
mod watched_files;

pub use event::{FILE_GAP_REASONS, FileEvent};
pub use finder::find_files;
pub use follow::FileSource;
pub use fs::{Entry, FileError, FileId, Fs, Kind, Meta, RealFs};
pub use names::Names;
pub use notifier::Notifier;
pub use open::ReadBuffer;
pub use open_log::OpenLog;
pub use pattern::{PathPattern, PatternError};
pub use rehearsal::{Fate, KnownFile, ReadFile, Rehearsal};
pub use rotated::path_before_rotation;
pub use saved::SavedFilesFault;
pub use settings::{FileSettings, Progress, Start};
pub use shared::SharedFs;
pub use watch::Watch;
pub use watched_files::WatchedFiles;

#[cfg(test)]
pub(crate) mod tests;
