//! What a file source is told, and what it tells about itself.
//!
//! Invariant: plain data; nothing here looks at a file.

use std::path::PathBuf;
use std::time::Duration;

use super::identity::FileId;
use super::pattern::PathPattern;
use crate::model::GenerationId;

/// Which files to follow, and how.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// Paths and globs.
    pub paths: Vec<PathPattern>,
    /// Where files begin that are there at a pattern's first look; later ones begin at 0.
    pub start: Start,
    /// Longest line held, in bytes; longer ones are counted.
    pub line_bytes: usize,
    /// How long a file no path leads to must be quiet before it is finished; writers keep such a
    /// file open until they are told to reopen.
    pub rotate_wait: Duration,
    /// How often is looked where nothing said that there is something new; less often once all is quiet,
    /// see [`FileSource::set_watched`](super::FileSource::set_watched).
    pub poll: Duration,
    /// The most files open at one time; others wait until one is finished.
    pub open_files: usize,
}

/// Where an unknown file begins at first sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its end: what it holds is history. A line that is unfinished then is not.
    End,
    /// At its beginning.
    Beginning,
}

/// Whether there is more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A file holds more than was read: poll again without waiting.
    More,
    /// Everything was read: wait for a wake-up.
    Idle,
}

/// How far a file was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePosition {
    /// The path that leads to it, or the last one that did.
    pub path: PathBuf,
    /// Which file it is.
    pub file: FileId,
    /// Its name in batches.
    pub generation: GenerationId,
    /// The start of the first line not handed over. (Where a file begins at its end, inside a
    /// line that is over-long already, that place until the line's end is found.)
    pub offset: u64,
    /// Its size when last looked at, in bytes.
    pub size: u64,
    /// No followed path leads to it any more.
    pub is_rotated: bool,
}
