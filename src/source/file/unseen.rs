//! Decides whether a file with the name of a rotated one holds lines that were never seen.
//!
//! Invariant: a name alone decides nothing. A file that no pattern matches is read only if its path was rotated, or its
//! file cut, and if it is younger than what was known before; one that a pattern matches is a log of its own unless its
//! text, its identity or its age shows that it is a rotated file.

use std::path::{Path, PathBuf};

use super::adopt::Adoption;
use super::finder::Sibling;
use super::fs::{FileId, Fs, Meta};
use super::rotated::Packing;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};

/// Relation of a file with the name of a rotated one to the followed paths.
pub(super) struct Relation {
    /// Path that the text belongs to: that in the name, or that of the file if it is a log of its own.
    pub(super) base: PathBuf,
    /// Path whose rotations may have made the file: that in its name, or its own if that one was never seen.
    pub(super) followed: PathBuf,
    /// Path in the name of the file.
    named: PathBuf,
    /// See [`Sibling::own`].
    own: Option<PathBuf>,
    /// True if a pattern matches the path of the file.
    pub(super) is_matched: bool,
}

impl Relation {
    /// Returns the paths of which the file may hold known text.
    pub(super) fn bases(&self) -> Vec<&Path> {
        let mut bases = vec![&*self.base, &*self.followed];
        bases.extend(self.own.as_deref());
        bases.sort_unstable();
        bases.dedup();
        bases
    }

    /// Returns the paths of which a rotation may have made the file. A path that was never seen may have led to a log between
    /// two scans.
    pub(super) fn origins(&self) -> [&Path; 2] {
        [&self.followed, &self.named]
    }
}

impl Relation {
    /// Returns `bases` if known text of these paths alone is searched for in the file, and `None` for that of all paths: an
    /// archive under a pattern may come from another directory. A plain file is compared with all texts once it is open.
    pub(super) fn scope<'a>(
        &self,
        packing: Packing,
        bases: &'a [&'a Path],
    ) -> Option<&'a [&'a Path]> {
        (self.own.is_none() || packing == Packing::Plain).then_some(bases)
    }
}

impl<F: Fs> Adoption<'_, F> {
    /// Returns the relation of a file with the name of a rotated one to the followed paths.
    pub(super) fn relation(&self, path: &Path, sibling: &Sibling, id: FileId) -> Relation {
        let own = sibling.own.as_deref();
        let is_matched = own == Some(path);
        let named = &*sibling.base;
        let was_seen = own.is_none()
            || self.finder.is_known(named)
            || self.open.has_base(named)
            || self.history.has_base(named);
        let followed = own.filter(|_| !was_seen).unwrap_or(named);
        let recorded = own.and_then(|_| self.history.base_of(id));
        // Marks behind the extension change with every rotation, those before it are part of a log's own name.
        let base = recorded.or(own.filter(|_| sibling.is_infix));
        Relation {
            base: base.unwrap_or(named).to_path_buf(),
            followed: followed.to_path_buf(),
            named: named.to_path_buf(),
            own: own.map(Path::to_path_buf),
            is_matched,
        }
    }

    /// Returns whether a file of unknown text holds lines that were written since its path is followed: as a log of its
    /// own, or before a rotation that was not seen.
    pub(super) fn may_be_unseen(&mut self, relation: &Relation, meta: &Meta) -> bool {
        #[cfg(test)]
        if is_planted(Fault::ByRotatedName) {
            return true;
        }
        let followed = &relation.followed;
        if relation.is_matched && relation.own.as_ref() == Some(followed) {
            return true;
        }
        let mut origins = relation.origins().into_iter();
        let is_young = |path: &&Path| self.finder.is_young(path, meta.modified);
        if origins.any(|path| self.finder.was_rotated(path) && is_young(&path)) {
            return true;
        }
        if !is_young(&&**followed) {
            return false;
        }
        if relation.is_matched {
            return true;
        }
        let present = self.finder.file_at(followed);
        let was_cut = present.is_some_and(|id| self.open.was_cut(self.fs, id));
        if was_cut {
            self.finder.note_cut(followed, self.now);
        }
        was_cut
    }
}
