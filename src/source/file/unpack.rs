//! Rotated files that were compressed before they were read, or read to their end.
//!
//! Invariant: as with any file, what was handed over once is not handed over again, and all is that can be
//! read: where reading fails it is tried again; where the archive is broken, if it changes.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::fault::ReadFault;
use super::fs::{Fs, Meta};
use super::print::{HEAD_BYTES, Head, Print, Printer};
use crate::model::{Batch, GenerationId};
use crate::source::{FileEvent, LineReader};

/// How much is passed over in one step: as long as reading a buffer takes.
const STEP_BYTES: u64 = 1024 * 1024;

/// A compressed file that is being read.
pub(super) struct Archive<F: Fs> {
    pub(super) id: GenerationId,
    pub(super) meta: Meta,
    pub(super) path: PathBuf,
    /// The followed path whose text it holds.
    pub(super) base: PathBuf,
    /// What its text begins with.
    head: Head,
    /// Bytes of the text that were counted.
    pub(super) offset: u64,
    fault: ReadFault,
    reader: LineReader<Text<F>>,
}

/// What one step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Ended,
}

/// The text of an archive, from where it was left on.
struct Text<F: Fs> {
    fs: F,
    file: Arc<F::File>,
    /// What reads it from its beginning; none before the first time, or after that failed.
    decoder: Option<Box<MultiGzDecoder<At<F>>>>,
    /// Bytes that the decoder gave.
    passed: u64,
    /// Where to read on.
    left: u64,
}

/// A file read from its beginning to its end.
struct At<F: Fs> {
    fs: F,
    file: Arc<F::File>,
    offset: u64,
}

impl<F: Fs> Archive<F> {
    /// Takes up an open file, to hand over what stands in its text after `offset`, the start of a line.
    pub(super) fn new(
        id: GenerationId,
        paths: (PathBuf, PathBuf),
        (fs, file, meta): (&F, Arc<F::File>, Meta),
        (head, offset): (Head, u64),
        line_bytes: usize,
    ) -> Self {
        let text = Text {
            fs: fs.clone(),
            file,
            decoder: None,
            passed: 0,
            left: offset,
        };
        Self {
            id,
            meta,
            path: paths.0,
            base: paths.1,
            head,
            offset,
            fault: ReadFault::default(),
            reader: LineReader::new(text, id, line_bytes).starting_at(offset),
        }
    }

    /// Hands over the next lines, or passes over some of those that were. After an error that says nothing of
    /// the archive itself it goes on there.
    pub(super) fn read(&mut self, sink: &mut dyn FnMut(&Batch<'_>)) -> io::Result<Step> {
        let text = self.reader.get_mut();
        if text.is_behind() {
            return text.pass();
        }
        let Some(batch) = self.reader.next_batch()? else {
            return Ok(Step::Ended);
        };
        self.offset = batch.end().offset;
        sink(&batch);
        Ok(Step::More)
    }

    /// Takes note of how reading went, as of any file.
    pub(super) fn note_fault(&mut self, error: Option<&io::Error>) -> Option<FileEvent> {
        self.fault.note(&self.path, error)
    }

    /// The print of what its text begins with.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The prints of what was read; that of its end is not kept.
    pub(super) fn prints(&self, printer: &Printer) -> (Head, Print) {
        (self.head.clone(), printer.print(&[]))
    }
}

/// Whether an error is one of the archive: the file could be read.
pub(super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    error.raw_os_error().is_none()
        && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// The first bytes of the text in an archive; as many as there are if it ends there.
pub(super) fn head<F: Fs>(fs: &F, file: &Arc<F::File>) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let decoder = MultiGzDecoder::new(At::new(fs, file));
    decoder.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// The size of the text in an archive of one member, modulo 2^32 (RFC 1952, section 2.3.1: `ISIZE`).
pub(super) fn size<F: Fs>(fs: &F, file: &F::File, meta: &Meta) -> io::Result<u32> {
    let mut trailer = [0; 4];
    let place = meta.size.saturating_sub(trailer.len() as u64);
    let got = fs.read_at(file, &mut trailer, place)?;
    if got < trailer.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(u32::from_le_bytes(trailer))
}

impl<F: Fs> Text<F> {
    /// Whether there is something to be passed over.
    fn is_behind(&self) -> bool {
        self.passed < self.left
    }

    /// Passes over some of it.
    fn pass(&mut self) -> io::Result<Step> {
        let wanted = (self.left - self.passed).min(STEP_BYTES);
        let passed = self.decode(|decoder| io::copy(&mut decoder.take(wanted), &mut io::sink()))?;
        self.passed += passed;
        Ok(if passed < wanted {
            Step::Ended
        } else {
            Step::More
        })
    }

    /// Asks the decoder, which begins again after an error.
    fn decode<T>(
        &mut self,
        ask: impl FnOnce(&mut MultiGzDecoder<At<F>>) -> io::Result<T>,
    ) -> io::Result<T> {
        let (fs, file) = (&self.fs, &self.file);
        let decoder = self
            .decoder
            .get_or_insert_with(|| Box::new(MultiGzDecoder::new(At::new(fs, file))));
        let answer = ask(decoder);
        if answer.is_err() {
            self.decoder = None;
            self.passed = 0;
        }
        answer
    }
}

impl<F: Fs> Read for Text<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.decode(|decoder| decoder.read(buffer))?;
        self.passed += got as u64;
        self.left = self.passed;
        Ok(got)
    }
}

impl<F: Fs> At<F> {
    fn new(fs: &F, file: &Arc<F::File>) -> Self {
        Self {
            fs: fs.clone(),
            file: Arc::clone(file),
            offset: 0,
        }
    }
}

impl<F: Fs> Read for At<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.fs.read_at(&self.file, buffer, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}
