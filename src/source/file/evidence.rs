//! Gathers the facts by which the history judges a rotated file.

use std::path::Path;

use super::consumed::{Consumed, read_upto};
use super::fingerprint::HEAD_BYTES;
use super::fs::{FileError, Fs, Handle, Meta};
use super::history::{Evidence, FinishedFile, History, TextSize, Verdict};
use super::open::archive;
use super::rotated::Packing;

/// A rotated file, opened to be judged.
pub(super) struct Candidate<F> {
    pub(super) handle: Handle<F>,
    /// First bytes of its text.
    pub(super) head: Vec<u8>,
    pub(super) size: TextSize,
}

impl<T> Candidate<T> {
    /// Opens the file at `path` and reads the beginning of its text, inflated if it is compressed.
    pub(super) fn open<F: Fs<File = T>>(
        fs: &F,
        path: &Path,
        packing: Packing,
    ) -> Result<Self, FileError> {
        let handle = Handle::open(fs, path)?;
        let (head, size) = if packing == Packing::Gzip {
            let head = archive::head(fs, &handle.file)?;
            (head, TextSize::Gzip(archive::text_size(fs, &handle)?))
        } else {
            let head = read_upto(fs, &handle.file, 0..HEAD_BYTES as u64)?;
            (head, TextSize::Plain(handle.meta.size))
        };
        Ok(Self { handle, head, size })
    }

    /// Returns the history's verdict about it as a rotated file of `base`, with the bytes it takes to reach one.
    pub(super) fn judge<F: Fs<File = T>>(
        &self,
        fs: &F,
        base: &Path,
        history: &History,
    ) -> Result<Verdict, FileError> {
        let mut tail = None;
        loop {
            let verdict = history.judge(&Evidence {
                base,
                id: self.handle.meta.id,
                head: &self.head,
                size: self.size,
                tail: tail.as_deref(),
            });
            let Verdict::NeedsTail { end, bytes } = verdict else {
                return Ok(verdict);
            };
            let start = end.saturating_sub(bytes as u64);
            tail = Some(read_upto(fs, &self.handle.file, start..end)?);
        }
    }

    /// Size of its text; of a compressed one, modulo 2^32.
    pub(super) fn text_bytes(&self) -> u64 {
        match self.size {
            TextSize::Plain(size) => size,
            TextSize::Gzip(size) => size.into(),
        }
    }
}

/// Returns the record of a file that existed before its path was followed. A file that cannot be opened is identified
/// by its identity alone.
pub(super) fn past<F: Fs>(
    fs: &F,
    path: &Path,
    base: &Path,
    packing: Packing,
    meta: &Meta,
    history: &History,
    now: std::time::Duration,
) -> Result<FinishedFile, FileError> {
    let fingerprinter = history.fingerprinter();
    let record = |ends, consumed| {
        let (base, path) = (base.to_path_buf(), path.to_path_buf());
        FinishedFile::new(base, path, ends, consumed, now).held_by(meta)
    };
    let unknown = || Ok(record(fingerprinter.ends(&[], &[]), meta.size));
    let Ok(file) = fs.open(path) else {
        return unknown();
    };
    if packing == Packing::Gzip {
        let Ok(head) = archive::head(fs, &file) else {
            return unknown();
        };
        let handle = Handle { file, meta: *meta };
        let size = archive::text_size(fs, &handle).map_or(0, u64::from);
        return Ok(record(fingerprinter.ends(&head, &[]), size).whole());
    }
    let consumed = Consumed::read(fs, &file, meta.size)?;
    Ok(record(consumed.ends(fingerprinter), consumed.end()))
}
