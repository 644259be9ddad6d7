//! Questions about the open files that finding and judging others needs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::OpenFiles;
use crate::source::file::consumed::read_upto;
use crate::source::file::fingerprint::{HEAD_BYTES, LEAST_BYTES};
use crate::source::file::fs::{FileId, Fs};

/// Open files whose text may be, or begin, that of another file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Alike {
    /// Size of the longest one: a longer text is not its copy.
    pub(crate) most: u64,
    /// Most bytes that were consumed of one.
    pub(crate) consumed: u64,
}

impl<F: Fs> OpenFiles<F> {
    /// Returns the identities of the plain files that were read after this scan, and found to hold the text that was read
    /// before.
    pub(crate) fn read_since(&self, scan: u64) -> BTreeSet<FileId> {
        let read = self.generations.iter().filter(|own| own.read_after == scan);
        read.map(|own| own.file_id).collect()
    }

    /// Returns the directories of files that were opened through a symbolic link.
    pub(crate) fn homes(&self) -> impl Iterator<Item = &Path> {
        let targets = self.generations.iter().flat_map(|own| &own.targets);
        targets.filter_map(|target| target.parent())
    }

    /// Returns the names under which open files may be written.
    pub(crate) fn names(&self) -> impl Iterator<Item = &OsStr> {
        let paths = self.generations.iter();
        let paths = paths.flat_map(|own| own.targets.iter().chain([&own.path]));
        paths.filter_map(|path| path.file_name())
    }

    /// Returns whether the text of an open plain file belongs to this followed path.
    pub(crate) fn has_base(&self, base: &Path) -> bool {
        self.generations.iter().any(|own| own.base == base)
    }

    /// Returns whether a file may have been cut since it was read. True for one that is not open.
    pub(crate) fn was_cut(&self, fs: &F, id: FileId) -> bool {
        let mut generations = self.generations.iter();
        let generation = generations.find(|own| own.file_id == id);
        generation.is_none_or(|generation| generation.was_cut(fs))
    }

    /// Returns the open files of which a text of one of the followed paths `bases`, or of any, that begins with `head` may be a
    /// copy; `None` if there are none. `at_base` is the file at such a path.
    pub(crate) fn alike(
        &self,
        fs: &F,
        bases: Option<&[&Path]>,
        at_base: Option<FileId>,
        head: &[u8],
    ) -> io::Result<Option<Alike>> {
        let mut alike: Option<Alike> = None;
        for generation in &self.generations {
            let is_base = bases.is_none_or(|bases| bases.contains(&&*generation.base));
            if !is_base && at_base != Some(generation.file_id) {
                continue;
            }
            let text = read_upto(fs, &generation.file, 0..HEAD_BYTES as u64)?;
            let beginnings = [&*text, &*generation.consumed.head];
            let may_be_like = |own: &[u8]| may_be_like(own, head);
            if beginnings.into_iter().any(may_be_like) {
                // It may be a copy of what was cut.
                let size = if generation.was_cut(fs) {
                    u64::MAX
                } else {
                    fs.fstat(&generation.file)?.size
                };
                let all = alike.get_or_insert_default();
                all.most = all.most.max(size);
                all.consumed = all.consumed.max(generation.consumed.end);
            }
        }
        if (self.packed).may_have_copy(bases, head, &self.fingerprinter) {
            alike.get_or_insert_default().most = u64::MAX;
        }
        Ok(alike)
    }
}

/// Returns whether texts with these beginnings may be the same, complete or not.
fn may_be_like(own: &[u8], head: &[u8]) -> bool {
    let both = own.len().min(head.len());
    let is_enough = both >= LEAST_BYTES || (both > 0 && both == head.len());
    is_enough && own[..both] == head[..both]
}
