//! Where lines come from: files that are followed, streams that are received, and either read once.
//!
//! Invariant: a line is handed over whole and once, and a position given with it is the start of
//! the next line; what can't be handed over (an over-long line, a truncated file) is counted or
//! reported, never dropped unseen.
//!
//! This module only reads. It keeps no state across restarts but
//! the place reached in the journal, knows nothing of patterns or
//! metrics. It starts two kinds of threads: one delivers wake-ups for files, one receives a stream.

pub mod archive;
mod file;
mod frame;
mod read;
mod stream;

pub use file::{
    Entry, FILE_GAP_REASONS, FileError, FileEvent, FileId, FilePosition, FileSettings, FileSource,
    Fs, Kind, Meta, PathPattern, PatternError, Progress, RealFs, Start, Watch,
};
pub use frame::{Cut, Framer};
pub use read::LineReader;
pub use stream::{
    JOURNAL_PROGRAM, Journal, JournalMessages, SHORT_QUEUE, STREAM_GAP_REASONS, Stream,
    StreamEvent, StreamReceiver, Syslog, SyslogAddress, SyslogAddressError, is_journal_export,
    unix_queue_length,
};

/// Least number of bytes asked for in one read.
const READ_BYTES: usize = 128 * 1024;
