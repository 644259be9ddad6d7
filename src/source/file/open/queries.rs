//! Questions about the open files that finding and judging others needs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::{Generation, Link, OpenFiles};
use crate::model::GenerationId;
use crate::source::file::compare::ending_of;
use crate::source::file::consumed::Consumed;
use crate::source::file::evidence::Candidate;
use crate::source::file::fingerprint::{HEAD_BYTES, LEAST_BYTES};
use crate::source::file::fs::{FileId, Fs, read_upto};
use crate::source::file::rotated::Packing;

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

    /// Returns the identifiers, the paths, the followed paths and the offsets of the files that are open.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (GenerationId, &Path, &Path, u64)> {
        let plain = self.generations.iter();
        let plain = plain.map(|own| (own.id, &*own.path, &*own.base, own.offset));
        let archives = self.packed.archives.iter();
        plain.chain(archives.map(|own| (own.id, &*own.path, &*own.base, own.offset)))
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

    /// Notes that a rotated file of this path, which was never seen at it, is read.
    pub(crate) fn note_rotation(&mut self, base: &Path) {
        let of_base = self.generations.iter_mut().filter(|own| own.base == base);
        of_base.for_each(Generation::note_rotation);
    }

    /// Returns the open files of which the text of a rotated file may be a copy; `None` if there are none. They belong to one
    /// of the followed paths `bases`, or to any; `at_base` is the file at such a path. Logs whose text was first seen in moment
    /// `since` or later are new.
    pub(crate) fn alike(
        &self,
        fs: &F,
        bases: Option<&[&Path]>,
        at_base: Option<FileId>,
        candidate: &Candidate<F::File>,
        since: u64,
    ) -> io::Result<Option<Alike>> {
        let head = &*candidate.head;
        let mut alike: Option<Alike> = None;
        for generation in &self.generations {
            let is_base = bases.is_none_or(|bases| bases.contains(&&*generation.base));
            if !is_base && at_base != Some(generation.file_id) {
                continue;
            }
            let text = read_upto(fs, &generation.file, 0..HEAD_BYTES as u64)?;
            let is_like = may_be_like(&text, head);
            if !is_like && !is_like_consumed(&generation.consumed, head) {
                continue;
            }
            let was_cut = generation.was_cut(fs);
            // It may be a copy of what was cut.
            let size = if was_cut {
                u64::MAX
            } else {
                fs.fstat(&generation.file)?.size
            };
            let is_comparable = is_like && !was_cut && candidate.packing == Packing::Plain;
            if is_comparable && generation.is_unlike(fs, size, candidate, since)? {
                continue;
            }
            let all = alike.get_or_insert_default();
            all.most = all.most.max(size);
            all.consumed = all.consumed.max(generation.consumed.end);
        }
        if (self.packed).may_have_copy(bases, head, &self.fingerprinter) {
            alike.get_or_insert_default().most = u64::MAX;
        }
        Ok(alike)
    }
}

impl<F> Generation<F> {
    /// Returns whether a plain file that begins as this one, of `size` bytes, is certainly no copy of it: they differ before the
    /// end of the shorter one, or it is longer than what was never read, or the text up to there repeats itself and no copy of
    /// it was being made. A rotation that renames a log does not copy it, and one that copies it does so later than at the
    /// first scans that see the log.
    fn is_unlike<S: Fs<File = F>>(
        &self,
        fs: &S,
        size: u64,
        candidate: &Candidate<F>,
        since: u64,
    ) -> io::Result<bool> {
        let candidate_size = candidate.handle.meta.size;
        if candidate_size > size && self.consumed.end == 0 {
            return Ok(true);
        }
        let both = size.min(candidate_size);
        let own = ending_of(fs, &self.file, both)?;
        if own != ending_of(fs, &candidate.handle.file, both)? {
            return Ok(true);
        }
        let is_new = self.first_seen() >= since;
        let may_be_copied = self.link == Link::Attached && !is_new;
        Ok(!may_be_copied && own.repeats())
    }
}

/// Returns whether a text that begins with `head` may be a consumed one.
fn is_like_consumed(consumed: &Consumed, head: &[u8]) -> bool {
    consumed.seal().is_some_and(|sealed| sealed.agrees(head)) || may_be_like(&consumed.head, head)
}

/// Returns whether texts with these beginnings may be the same, complete or not.
fn may_be_like(own: &[u8], head: &[u8]) -> bool {
    let both = own.len().min(head.len());
    let is_enough = both >= LEAST_BYTES || (both > 0 && both == head.len());
    is_enough && own[..both] == head[..both]
}
