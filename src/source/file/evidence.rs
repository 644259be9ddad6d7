//! Opens rotated files whose text `History` judges.

use std::path::{Path, PathBuf};

use super::consumed::read_upto;
use super::fingerprint::HEAD_BYTES;
use super::fs::{FileError, Fs, Handle};
use super::history::TextSize;
use super::open::archive;
use super::rotated::Packing;

/// A rotated file, opened to be judged.
pub(super) struct Candidate<F> {
    pub(super) path: PathBuf,
    pub(super) packing: Packing,
    pub(super) handle: Handle<F>,
    /// First bytes of the text.
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
        Ok(Self {
            path: path.to_path_buf(),
            packing,
            handle,
            head,
            size,
        })
    }

    /// Returns the size of the text; of a compressed one, modulo 2^32.
    pub(super) fn text_bytes(&self) -> u64 {
        match self.size {
            TextSize::Plain(size) => size,
            TextSize::Gzip(size) => size.into(),
        }
    }
}
