//! The text of an archive, decoded piece by piece.
//!
//! Invariant: a piece takes bounded time and memory. After an error the next piece is the first one again.

use std::borrow::Borrow;
use std::io::{self, Read};
use std::sync::Arc;

use crate::source::archive::GzipText;
use crate::source::file::consumed::Consumed;
use crate::source::file::fingerprint::{Fingerprinter, HEAD_BYTES, Trailer};
use crate::source::file::fs::{Fs, Handle, Meta, read_upto};

/// Bytes decoded at once while they are only compared or skipped.
const PIECE_BYTES: usize = 32 * 1024;

/// Most bytes of text for each byte of a compressed file: deflate copies 258 bytes for two bits at most
/// (zlib's technical details: 1032 to 1).
pub(crate) const MOST_INFLATION: u64 = 1032;

/// The text of an open archive.
pub(super) struct ArchiveText<F: Fs> {
    fs: F,
    file: Arc<F::File>,
    /// `None` before the first read, and after one that failed.
    decoder: Option<Box<Decoder<F>>>,
    /// The bytes that were decoded, also by a read that failed later.
    consumed: Consumed,
    fingerprinter: Fingerprinter,
    piece: Box<[u8]>,
}

type Decoder<F> = GzipText<FileReader<F, Arc<<F as Fs>::File>>>;

/// Reads a file from its beginning to its end.
struct FileReader<F, H> {
    fs: F,
    file: H,
    offset: u64,
}

impl<F: Fs> ArchiveText<F> {
    /// Makes a reader of the text of this file, from its beginning.
    pub(super) fn new(fs: &F, file: F::File, fingerprinter: &Fingerprinter) -> Self {
        Self {
            fs: fs.clone(),
            file: Arc::new(file),
            decoder: None,
            consumed: Consumed::default(),
            fingerprinter: fingerprinter.clone(),
            piece: vec![0; PIECE_BYTES].into(),
        }
    }

    /// Returns the offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.decoder.as_ref().map_or(0, |_| self.consumed.end)
    }

    /// Returns the part of the text that was decoded, also by a read that failed later.
    pub(super) fn consumed(&self) -> &Consumed {
        &self.consumed
    }

    /// Decodes up to `most` bytes without returning them; returns their number, which is 0 at the end.
    pub(super) fn skip(&mut self, most: u64) -> io::Result<u64> {
        let most = usize::try_from(most).map_or(PIECE_BYTES, |most| most.min(PIECE_BYTES));
        let mut piece = std::mem::take(&mut self.piece);
        let got = self.read(&mut piece[..most]);
        self.piece = piece;
        Ok(got? as u64)
    }

    /// Returns the present metadata of the file.
    pub(super) fn meta(&self) -> io::Result<Meta> {
        self.fs.fstat(&self.file)
    }

    /// Gives the file back, if nothing else holds it.
    pub(super) fn into_file(mut self) -> Option<F::File> {
        self.decoder = None;
        Arc::into_inner(self.file)
    }
}

impl<F: Fs> Read for ArchiveText<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let decoder = self.decoder.get_or_insert_with(|| {
            self.consumed = Consumed::default();
            let file = FileReader::new(&self.fs, Arc::clone(&self.file));
            Box::new(GzipText::new(file))
        });
        match decoder.read(buffer) {
            Ok(got) => {
                self.consumed.append(&buffer[..got], &self.fingerprinter);
                Ok(got)
            }
            Err(error) => {
                self.decoder = None;
                Err(error)
            }
        }
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

/// Returns whether an error means that the archive is damaged, rather than that reading failed.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    error.raw_os_error().is_none()
        && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Returns the first bytes of the text in an archive, up to [`HEAD_BYTES`].
pub(crate) fn head<F: Fs>(fs: &F, file: &F::File) -> io::Result<Vec<u8>> {
    first_bytes(fs, file, HEAD_BYTES)
}

/// Returns the first bytes of the text in an archive, up to so many.
pub(super) fn first_bytes<F: Fs>(fs: &F, file: &F::File, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let text = GzipText::new(FileReader::new(fs, file));
    text.take(most as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Returns the last bytes of an archive, which are the trailer of its last member unless other bytes follow.
pub(crate) fn trailer<F: Fs>(fs: &F, archive: &Handle<F::File>) -> io::Result<Trailer> {
    let end = archive.meta.size;
    let bytes = read_upto(fs, &archive.file, end.saturating_sub(8)..end)?;
    let bytes = <[u8; 8]>::try_from(bytes).map_err(|_| io::ErrorKind::UnexpectedEof)?;
    Ok(Trailer(bytes))
}
