//! Opens the logs that are read whole: plain and compressed files, exported journals, standard input and pipes.
//!
//! Invariant: a log is cut into parts only at the ends of lines.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use indicatif::ProgressBar;

use super::file_range::FileRange;
use crate::model::GenerationId;
use crate::source::{Carry, Frame, JournalMessages, LineReader, archive, is_journal_export};

/// Bytes needed to recognise a journal export.
const JOURNAL_BYTES: usize = 9;

/// Reads the lines of a log, or of a part of it.
pub(super) type Lines = LineReader<Box<dyn Read + Send>>;

/// A log that is being read.
pub(super) struct Opened {
    pub(super) lines: Lines,
    /// True if reading never waits for another program.
    pub(super) is_regular: bool,
    plain: Option<PlainFile>,
    /// Messages that journald dropped, if the log is an exported journal.
    pub(super) suppressed: Option<Arc<AtomicU64>>,
    limit: Limit,
}

/// Bounds and wrappers of the lines of a log.
#[derive(Clone)]
pub(super) struct Limit {
    pub(super) line_bytes: usize,
    pub(super) frame: Frame,
    /// The line that the log before leaves open, if this one goes on with it.
    pub(super) before: Option<Carry>,
    /// The line that this log leaves open, if the next one goes on with it.
    pub(super) next: Option<Carry>,
}

/// A file of lines that can be read from any offset.
struct PlainFile {
    file: Arc<File>,
    bytes: u64,
    progress: ProgressBar,
}

/// Returns whether reading a log may have to wait for another program.
pub(crate) fn may_wait(log: &Path) -> bool {
    log == Path::new("-") || !std::fs::metadata(log).is_ok_and(|meta| meta.is_file())
}

/// Returns whether a regular file is an archive or an exported journal, of which a part says nothing without the beginning.
pub(super) fn can_only_be_read_whole(file: &File) -> io::Result<bool> {
    let mut first = [0; JOURNAL_BYTES];
    let got = file.read_at(&mut first, 0)?;
    let first = first.get(..got).unwrap_or_default();
    Ok(archive::is_compressed(first) || is_journal_export(first))
}

impl Opened {
    /// Opens a file or standard input, decompressed; `file` is the file at its path if it is open already. If the format is
    /// to be recognised, `sample_bytes` are read first, so that a slow stream is recognised by the same lines. Reading
    /// advances the progress bar.
    pub(super) fn open(
        log: &Path,
        file: Option<File>,
        limit: Limit,
        sample_bytes: Option<u64>,
        progress: &ProgressBar,
    ) -> io::Result<Self> {
        if log == Path::new("-") {
            let text = archive::decompressed(io::stdin())?;
            return Self::stream(text, limit, sample_bytes);
        }
        let meta = match &file {
            Some(file) => file.metadata()?,
            None => std::fs::metadata(log)?,
        };
        if meta.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let file = match file {
            Some(file) => file,
            None => File::open(log)?,
        };
        if meta.is_file() && !can_only_be_read_whole(&file)? {
            let file = Arc::new(file);
            let whole = FileRange::new(Arc::clone(&file), 0, None, progress);
            return Ok(Self {
                lines: limit.lines(Box::new(whole)),
                is_regular: true,
                plain: Some(PlainFile {
                    file,
                    bytes: meta.len(),
                    progress: progress.clone(),
                }),
                suppressed: None,
                limit,
            });
        }
        let text = archive::decompressed(progress.wrap_read(file))?;
        Ok(Self {
            is_regular: meta.is_file(),
            ..Self::stream(text, limit, sample_bytes)?
        })
    }

    /// Reads a text that arrives in pieces.
    fn stream(
        mut reader: Box<dyn Read + Send>,
        limit: Limit,
        sample_bytes: Option<u64>,
    ) -> io::Result<Self> {
        let mut first = Vec::new();
        let beginning = JOURNAL_BYTES as u64;
        reader.by_ref().take(beginning).read_to_end(&mut first)?;
        let is_journal = is_journal_export(&first);
        reader = Box::new(Cursor::new(first).chain(reader));
        let mut suppressed = None;
        if is_journal {
            let messages = JournalMessages::new(reader, limit.line_bytes);
            suppressed = Some(messages.suppressed());
            reader = Box::new(messages);
        }
        if let Some(bytes) = sample_bytes {
            let mut head = Vec::new();
            reader.by_ref().take(bytes).read_to_end(&mut head)?;
            reader = Box::new(Cursor::new(head).chain(reader));
        }
        Ok(Self {
            lines: limit.lines(reader),
            is_regular: false,
            plain: None,
            suppressed,
            limit,
        })
    }

    /// Returns readers of the lines that begin at an offset or later, of about `part_bytes` bytes each. `None` if the log can
    /// only be read from its beginning to its end.
    pub(super) fn parts(
        &self,
        offset: u64,
        part_bytes: u64,
    ) -> Option<impl Iterator<Item = Lines>> {
        // A line may have parts on both sides of an offset.
        let plain = self
            .plain
            .as_ref()
            .filter(|_| !self.lines.is_container_log())?;
        // The last part takes what is appended meanwhile.
        let count = plain.bytes.saturating_sub(offset).div_ceil(part_bytes);
        let count = count.max(1);
        Some((0..count).map(move |number| {
            let start = offset + number * part_bytes;
            let end = (number + 1 < count).then(|| start + part_bytes);
            let range = FileRange::new(Arc::clone(&plain.file), start, end, &plain.progress);
            LineReader::new(
                Box::new(range) as Box<dyn Read + Send>,
                GenerationId(0),
                self.limit.line_bytes,
            )
        }))
    }
}

impl Limit {
    /// Reads a log from its beginning.
    fn lines(&self, reader: Box<dyn Read + Send>) -> Lines {
        LineReader::new(reader, GenerationId(0), self.line_bytes)
            .framed(self.frame, self.line_bytes, &[])
            .between(self.before.as_ref(), self.next.clone())
    }
}
