//! Rotated files that were compressed before they were read to their end.
//!
//! Invariant: each line of an archive is handed over at most once. A read that fails is tried again; an archive that is
//! damaged is read on only if it changes.

use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::Duration;

use super::generation::Opening;
use super::text::{ArchiveText, first_bytes};
use crate::model::{Batch, GenerationId};
use crate::source::file::fingerprint::{Fingerprinter, Head};
use crate::source::file::fs::{Fs, Meta};
use crate::source::file::history::FinishedFile;
use crate::source::file::lines::whole_lines;
use crate::source::file::marks::Ends;
use crate::source::file::read_fault::ReadFault;
use crate::source::frame::READ_BYTES;
use crate::source::read::LineReader;

/// Bytes skipped in one step: takes about as long as reading a buffer.
const STEP_BYTES: u64 = 1024 * 1024;
/// Time without a change after which the end of an archive that is still being written is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// A compressed file that is being read.
pub(crate) struct Archive<F: Fs> {
    pub(super) id: GenerationId,
    pub(super) meta: Meta,
    pub(super) path: PathBuf,
    /// The followed path that the text belongs to.
    pub(super) base: PathBuf,
    /// Fingerprints of the beginning of the text.
    pub(super) head: Head,
    /// Bytes of the text that were counted.
    pub(super) offset: u64,
    pub(super) fault: ReadFault,
    /// Since when the archive, which breaks off, has not changed; whether its end was tried again since then.
    unchanged: Option<(Duration, bool)>,
    reader: LineReader<Rest<F>>,
}

/// Result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArchiveStep {
    More,
    /// The archive breaks off, and may still be being written.
    Waits,
    Ended,
}

/// The text of an archive after the bytes that were counted.
struct Rest<F: Fs> {
    text: ArchiveText<F>,
    /// Offset at which to continue.
    offset: u64,
}

impl<F: Fs> Archive<F> {
    /// Reads an open archive, whose text has these fingerprints, from `offset` of its text: the start of a line.
    pub(crate) fn new(fs: &F, opening: Opening<F::File>, head: Head, offset: u64) -> Self {
        let first = match offset {
            0 => Vec::new(),
            // If they cannot be read, nor can the rest.
            _ => first_bytes(fs, &opening.handle.file, READ_BYTES).unwrap_or_default(),
        };
        let text = ArchiveText::new(fs, opening.handle.file, &opening.fingerprinter);
        let reader = LineReader::new(Rest { text, offset }, opening.id, opening.line_bytes);
        Self {
            id: opening.id,
            meta: opening.handle.meta,
            path: opening.path,
            base: opening.base,
            head,
            offset,
            fault: ReadFault::default(),
            unchanged: None,
            reader: reader.starting_at(offset).framed(
                opening.frame,
                opening.line_bytes,
                whole_lines(&first, true),
            ),
        }
    }

    /// Hands over the next lines, or skips some counted ones. Can be called again after an error. An archive that breaks off
    /// is damaged once it has not changed for `wait`.
    pub(super) fn read(
        &mut self,
        now: Duration,
        wait: Duration,
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> io::Result<ArchiveStep> {
        if let Some((since, was_tried)) = self.unchanged {
            let meta = self.reader.get_mut().text.meta()?;
            if meta != self.meta {
                self.meta = meta;
                self.unchanged = Some((now, false));
                return Ok(ArchiveStep::Waits);
            }
            let quiet = now.saturating_sub(since);
            if quiet < wait && (was_tried || quiet < PAUSE) {
                return Ok(ArchiveStep::Waits);
            }
        }
        let before = self.offset;
        let step = self.read_on(sink);
        if self.offset != before {
            self.unchanged = None;
        }
        match step {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => match self.unchanged {
                Some((since, _)) if now.saturating_sub(since) >= wait => Err(error),
                unchanged => {
                    let since = unchanged.map_or(now, |(since, _)| since);
                    self.unchanged = Some((since, unchanged.is_some()));
                    Ok(ArchiveStep::Waits)
                }
            },
            step => step,
        }
    }

    fn read_on(&mut self, sink: &mut dyn FnMut(&Batch<'_>)) -> io::Result<ArchiveStep> {
        let rest = self.reader.get_mut();
        if rest.text.offset() < rest.offset {
            return rest.skip();
        }
        if self.reader.has_ended() {
            return Ok(ArchiveStep::Ended);
        }
        // One read at a time: a line of an archive can be as long as the text of a decompression bomb.
        if let Some(batch) = self.reader.next_read()? {
            self.offset = batch.end().offset;
            sink(&batch.of_file(&self.base));
        }
        Ok(ArchiveStep::More)
    }

    /// Returns the record of the file; `is_whole` if it was read to its end.
    pub(super) fn finished(&self, fingerprinter: &Fingerprinter, is_whole: bool) -> FinishedFile {
        let consumed = self.reader.get_ref().text.consumed();
        let mut ends = Ends {
            head: self.head.clone(),
            ..consumed.ends(fingerprinter)
        };
        if consumed.end != self.offset {
            // Bytes behind the last line that was counted were decoded too.
            ends.tail = fingerprinter.fingerprint(&[]);
        }
        FinishedFile {
            base: self.base.clone(),
            path: self.path.clone(),
            ends,
            consumed: self.offset,
            holder: Some(self.meta),
            is_whole,
            is_past: false,
            trailer: None,
            is_parked: false,
            partial: 0,
            begun: 0,
        }
    }
}

impl<F: Fs> Rest<F> {
    /// Decodes some of the bytes before the offset.
    fn skip(&mut self) -> io::Result<ArchiveStep> {
        let until = self.offset.min(self.text.offset() + STEP_BYTES);
        while self.text.offset() < until {
            if self.text.skip(until - self.text.offset())? == 0 {
                return Ok(ArchiveStep::Ended);
            }
        }
        Ok(ArchiveStep::More)
    }
}

impl<F: Fs> Read for Rest<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.text.read(buffer)?;
        self.offset = self.text.offset();
        Ok(got)
    }
}
