//! Settings of a file source, and the result of polling it.

use std::time::Duration;

use super::pattern::PathPattern;
use crate::source::container::Frame;

/// Settings of a source that follows files.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// Paths and globs to follow.
    pub paths: Vec<PathPattern>,
    /// Start position of files that exist at a pattern's first scan; files that appear later start at 0.
    pub start: Start,
    /// Longest line handed over, in bytes; longer ones are counted.
    pub line_bytes: usize,
    /// Wrapper of each line.
    pub frame: Frame,
    /// Quiet time after which a file without a followed path is closed; until a server reopens its log, it writes to
    /// such a file.
    pub rotate_wait: Duration,
    /// Interval between discoveries; longer while idle if every change is notified.
    pub poll: Duration,
    /// Most files open at one time; further files wait until one is closed.
    pub open_files: usize,
}

/// Start position of a file that was never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// End of the file: its lines are history, except an unfinished last one.
    End,
    /// Beginning of the file.
    Beginning,
}

/// Result of a poll: read on at once, or wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A file holds more than was read: poll again without waiting.
    More,
    /// Everything was read: wait for a wake-up.
    Idle,
}
