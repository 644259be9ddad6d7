//! State that reading needs beside the open files, and its results.

use std::path::PathBuf;
use std::time::Duration;

use super::read_buffer::ReadBuffer;
use crate::model::{Batch, GenerationId};
use crate::source::file::event::FileEvent;
use crate::source::file::evidence::{Candidate, Windows};
use crate::source::file::finder::Finder;
use crate::source::file::fingerprint::Fingerprinter;
use crate::source::file::fs::Fs;
use crate::source::file::history::FinishedFile;

/// State outside the files that reading them needs.
pub(in crate::source::file) struct Context<'a, F> {
    pub(in crate::source::file) fs: &'a F,
    pub(in crate::source::file) finder: &'a Finder,
    pub(in crate::source::file) fingerprinter: &'a Fingerprinter,
    /// Monotonic time.
    pub(in crate::source::file) now: Duration,
    pub(in crate::source::file) buffer: &'a mut ReadBuffer,
    pub(in crate::source::file) sink: &'a mut dyn FnMut(&Batch<'_>),
    pub(in crate::source::file) events: &'a mut dyn FnMut(FileEvent),
}

/// Result of reading all files once.
pub(in crate::source::file) struct Reading<F: Fs> {
    /// True if a file holds more than was read.
    pub(in crate::source::file) has_more: bool,
    /// True if a plain file changed or could not be read.
    pub(in crate::source::file) is_active: bool,
    /// Files whose consumed part changed, each with the number of bytes after that part that may be lost.
    pub(in crate::source::file) replaced: Vec<(GenerationId, u64)>,
    /// Followed paths whose file may have been cut before it grew.
    pub(in crate::source::file) cut: Vec<PathBuf>,
    /// Files whose text is to be examined before they are read.
    pub(in crate::source::file) doubtful: Vec<GenerationId>,
    /// Records of the files that were closed.
    pub(in crate::source::file) finished: Vec<FinishedFile>,
    /// An archive that was decoded to be compared.
    pub(in crate::source::file) inspected: Option<(Candidate<F::File>, Windows)>,
}

impl<F: Fs> Default for Reading<F> {
    fn default() -> Self {
        Self {
            has_more: false,
            is_active: false,
            replaced: Vec::new(),
            cut: Vec::new(),
            doubtful: Vec::new(),
            finished: Vec::new(),
            inspected: None,
        }
    }
}
