//! Opens rotated files whose text `History` judges.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::finder::Sibling;
use super::fingerprint::{HEAD_BYTES, Trailer};
use super::fs::{FileError, Fs, Handle, read_upto};
use super::open::text;
use super::rotated::Packing;

/// A rotated file, opened to be judged.
pub(super) struct Candidate<F> {
    pub(super) path: PathBuf,
    /// The followed path that the text belongs to.
    pub(super) base: PathBuf,
    pub(super) sibling: Sibling,
    pub(super) packing: Packing,
    pub(super) handle: Handle<F>,
    /// First bytes of the text.
    pub(super) head: Vec<u8>,
    /// Last bytes of the file, if it is an archive.
    pub(super) trailer: Option<Trailer>,
}

/// Size of a text, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Exactly(u64),
    /// So many bytes, and perhaps more.
    AtLeast(u64),
}

impl Extent {
    /// Returns the least size.
    pub(super) fn least(self) -> u64 {
        let (Self::Exactly(size) | Self::AtLeast(size)) = self;
        size
    }
}

/// Parts of a text, and its size.
pub(super) struct Windows {
    pub(super) extent: Extent,
    /// The last bytes before some offsets.
    pub(super) windows: BTreeMap<u64, Vec<u8>>,
}

impl<T> Candidate<T> {
    /// Opens the file at `path` and reads the beginning of its text, inflated if it is compressed.
    pub(super) fn open<F: Fs<File = T>>(
        fs: &F,
        path: &Path,
        base: &Path,
        sibling: &Sibling,
    ) -> Result<Self, FileError> {
        let handle = Handle::open(fs, path)?;
        let packing = sibling.packing;
        let (head, trailer) = if packing == Packing::Gzip {
            let head = text::head(fs, &handle.file)?;
            (head, Some(text::trailer(fs, &handle)?))
        } else {
            let head = read_upto(fs, &handle.file, 0..HEAD_BYTES as u64)?;
            (head, None)
        };
        Ok(Self {
            path: path.to_path_buf(),
            base: base.to_path_buf(),
            sibling: sibling.clone(),
            packing,
            handle,
            head,
            trailer,
        })
    }

    /// Returns the most bytes that the text can have.
    pub(super) fn most_bytes(&self) -> u64 {
        let size = self.handle.meta.size;
        match self.trailer {
            None => size,
            Some(_) => size.saturating_mul(text::MOST_INFLATION),
        }
    }

    /// Returns the least size of the text.
    pub(super) fn least_bytes(&self) -> u64 {
        let size = self.handle.meta.size;
        if self.trailer.is_none() {
            return size;
        }
        // Text that cannot be compressed is stored: that adds five bytes to each block of at most 65,535, and a header and
        // a trailer. The trailer's own size of the text counts for one member only.
        size.saturating_sub(size / 1024 + 1024)
    }

    /// Takes the file out.
    pub(super) fn take_file(self) -> (Candidate<()>, T) {
        let meta = self.handle.meta;
        let (without, handle) = self.exchange(Handle { file: (), meta });
        (without, handle.file)
    }

    /// Puts a file in the place of the present one.
    pub(super) fn with_handle<U>(self, handle: Handle<U>) -> Candidate<U> {
        self.exchange(handle).0
    }

    fn exchange<U>(self, handle: Handle<U>) -> (Candidate<U>, Handle<T>) {
        let candidate = Candidate {
            path: self.path,
            base: self.base,
            sibling: self.sibling,
            packing: self.packing,
            handle,
            head: self.head,
            trailer: self.trailer,
        };
        (candidate, self.handle)
    }
}

impl Windows {
    /// Returns the last `bytes` before an offset; `None` if they were not kept.
    pub(super) fn before(&self, offset: u64, bytes: usize) -> Option<Vec<u8>> {
        let window = self.windows.get(&offset)?;
        Some(window.get(window.len().checked_sub(bytes)?..)?.to_vec())
    }
}
