//! Sources of lines: files that are followed, streams that are received, and either read once.
//!
//! Invariant: a line is handed over whole and once, and its position is the start of the next line. What cannot be handed
//! over (an over-long line, a truncated file) is counted or reported.
//!
//! This module only reads: it has no access to patterns or metrics, and keeps no state across restarts but the cursor
//! reached in the journal. It starts two threads: one delivers notifications about files, one receives all streams.

pub mod archive;
mod container;
mod file;
mod frame;
mod read;
mod stream;

pub use container::{Carry, Frame, bare_lines, has_wrapper};
pub use file::{
    Entry, FILE_GAP_REASONS, Fate, FileError, FileEvent, FileId, FileSettings, FileSource, Fs,
    Kind, KnownFile, Meta, Names, Notifier, OpenLog, PathPattern, PatternError, Progress,
    ReadBuffer, ReadFile, RealFs, Rehearsal, SavedFilesFault, SharedFs, Start, Watch, WatchedFiles,
    find_files, path_before_rotation,
};
pub use frame::{Cut, Framer};
pub use read::LineReader;
pub use stream::{
    BadFrame, Deframer, JOURNAL_PROGRAM, Journal, JournalMessages, LineBuffer, Loss, SHORT_QUEUE,
    STREAM_GAP_REASONS, Stream, StreamEvent, StreamReceiver, StreamThread, Syslog, SyslogAddress,
    SyslogAddressError, is_journal_export, unix_queue_length,
};

#[cfg(test)]
pub(crate) use file::tests::{planted, simulation};
