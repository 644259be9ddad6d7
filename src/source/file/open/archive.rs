//! Rotated files that were compressed before they were read to their end.
//!
//! Invariant: each line of an archive is handed over at most once. A read that fails is tried again; an archive that is
//! damaged is read on only if it changes.

use std::borrow::Borrow;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::generation::Opening;
use crate::model::Batch;
use crate::source::file::consumed::read_upto;
use crate::source::file::fingerprint::{Ends, Fingerprinter, HEAD_BYTES, Head};
use crate::source::file::fs::{Fs, Handle, Meta};
use crate::source::file::history::FinishedFile;
use crate::source::file::read_fault::ReadFault;
use crate::source::read::LineReader;

/// Bytes skipped in one step: takes about as long as reading a buffer.
const STEP_BYTES: u64 = 1024 * 1024;

/// A compressed file that is being read.
pub(crate) struct Archive<F: Fs> {
    pub(super) meta: Meta,
    pub(super) path: PathBuf,
    /// The followed path that the text belongs to.
    pub(super) base: PathBuf,
    /// Fingerprints of the beginning of the text.
    pub(super) head: Head,
    /// Bytes of the text that were counted.
    pub(super) offset: u64,
    pub(super) fault: ReadFault,
    reader: LineReader<Text<F>>,
}

/// Result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArchiveStep {
    More,
    Ended,
}

/// The text of an archive after the bytes that were counted.
struct Text<F: Fs> {
    fs: F,
    file: Arc<F::File>,
    /// `None` before the first read, and after one that failed.
    decoder: Option<Box<Decoder<F>>>,
    /// Bytes that the decoder returned.
    decoded: u64,
    /// Offset at which to continue.
    offset: u64,
}

type Decoder<F> = MultiGzDecoder<FileReader<F, Arc<<F as Fs>::File>>>;

/// Reads a file from its beginning to its end.
struct FileReader<F, H> {
    fs: F,
    file: H,
    offset: u64,
}

impl<F: Fs> Archive<F> {
    /// Reads an open archive, whose text has these fingerprints, from `offset` of its text: the start of a line.
    pub(crate) fn new(fs: &F, opening: Opening<F::File>, head: Head, offset: u64) -> Self {
        let text = Text {
            fs: fs.clone(),
            file: Arc::new(opening.handle.file),
            decoder: None,
            decoded: 0,
            offset,
        };
        let reader = LineReader::new(text, opening.id, opening.line_bytes);
        Self {
            meta: opening.handle.meta,
            path: opening.path,
            base: opening.base,
            head,
            offset,
            fault: ReadFault::default(),
            reader: reader.starting_at(offset),
        }
    }

    /// Hands over the next lines, or skips some counted ones. Can be called again after an error.
    pub(super) fn read(&mut self, sink: &mut dyn FnMut(&Batch<'_>)) -> io::Result<ArchiveStep> {
        let text = self.reader.get_mut();
        if text.decoded < text.offset {
            return text.skip();
        }
        let Some(batch) = self.reader.next_batch()? else {
            return Ok(ArchiveStep::Ended);
        };
        self.offset = batch.end().offset;
        sink(&batch);
        Ok(ArchiveStep::More)
    }

    /// Returns the record of the file, without a fingerprint of the last bytes; `is_whole` if it was read to its end.
    pub(super) fn finished(&self, fingerprinter: &Fingerprinter, is_whole: bool) -> FinishedFile {
        let ends = Ends {
            head: self.head.clone(),
            tail: fingerprinter.fingerprint(&[]),
        };
        FinishedFile {
            base: self.base.clone(),
            path: self.path.clone(),
            ends,
            consumed: self.offset,
            holder: Some(self.meta),
            is_whole,
        }
    }
}

/// Returns whether an error means that the archive is damaged, rather than that reading failed.
pub(super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    error.raw_os_error().is_none()
        && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Returns the first bytes of the text in an archive, up to [`HEAD_BYTES`].
pub(crate) fn head<F: Fs>(fs: &F, file: &F::File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let decoder = MultiGzDecoder::new(FileReader::new(fs, file));
    decoder.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Returns the size of the text in an archive of one member, modulo 2^32 (RFC 1952, section 2.3.1: `ISIZE`).
pub(crate) fn text_size<F: Fs>(fs: &F, archive: &Handle<F::File>) -> io::Result<u32> {
    let end = archive.meta.size;
    let trailer = read_upto(fs, &archive.file, end.saturating_sub(4)..end)?;
    let trailer = <[u8; 4]>::try_from(trailer).map_err(|_| io::ErrorKind::UnexpectedEof)?;
    Ok(u32::from_le_bytes(trailer))
}

impl<F: Fs> Text<F> {
    /// Decodes some of the bytes before the offset.
    fn skip(&mut self) -> io::Result<ArchiveStep> {
        let wanted = (self.offset - self.decoded).min(STEP_BYTES);
        let skipped =
            self.decode(|decoder| io::copy(&mut decoder.take(wanted), &mut io::sink()))?;
        self.decoded += skipped;
        Ok(if skipped < wanted {
            ArchiveStep::Ended
        } else {
            ArchiveStep::More
        })
    }

    /// Runs `read` on the decoder, which starts at the beginning again after an error.
    fn decode<T>(&mut self, read: impl FnOnce(&mut Decoder<F>) -> io::Result<T>) -> io::Result<T> {
        let (fs, file) = (&self.fs, &self.file);
        let decoder = self.decoder.get_or_insert_with(|| {
            Box::new(MultiGzDecoder::new(FileReader::new(fs, Arc::clone(file))))
        });
        let result = read(decoder);
        if result.is_err() {
            self.decoder = None;
            self.decoded = 0;
        }
        result
    }
}

impl<F: Fs> Read for Text<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.decode(|decoder| decoder.read(buffer))?;
        self.decoded += got as u64;
        self.offset = self.decoded;
        Ok(got)
    }
}

impl<F: Fs, H> FileReader<F, H> {
    fn new(fs: &F, file: H) -> Self {
        Self {
            fs: fs.clone(),
            file,
            offset: 0,
        }
    }
}

impl<F: Fs, H: Borrow<F::File>> Read for FileReader<F, H> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.fs.read_at(self.file.borrow(), buffer, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}
