//! Decides about one rotated file.
//!
//! Invariant: a file is recorded, read, compared further, or left to the next scan.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::Adoption;
use crate::source::file::consumed::{Consumed, line_at};
use crate::source::file::event::FileEvent;
use crate::source::file::evidence::{Candidate, Extent, Windows};
use crate::source::file::finder::{Listing, Sibling, stat};
use crate::source::file::fingerprint::Trailer;
use crate::source::file::fs::{FileError, Fs, Meta, read_upto};
use crate::source::file::history::FinishedFile;
use crate::source::file::history::judge::{Suspect, Verdict};
use crate::source::file::open::packed::Waiting;
use crate::source::file::open::text::is_damage;
use crate::source::file::rotated::Packing;
use crate::source::file::unseen::Relation;

impl<F: Fs> Adoption<'_, F> {
    /// Opens one rotated file if it holds text that was not counted.
    pub(super) fn adopt(
        &mut self,
        path: &Path,
        sibling: &Sibling,
        meta: &Meta,
        listing: &Listing,
    ) -> Result<(), FileError> {
        if self.finder.is_foreign(path) {
            return Ok(());
        }
        let relation = self.relation(path, sibling, meta.id);
        let (base, packing) = (&relation.base, &sibling.packing);
        if sibling.fresh {
            if !self.history.holds(meta.id) {
                let is_past = sibling.is_infix && !relation.is_matched;
                let past = self.past(path, sibling, base, meta, is_past)?;
                self.history.record(past, self.now);
            }
            return Ok(());
        }
        if self.history.forgotten.is_reported(base, meta.modified) {
            return Ok(());
        }
        if relation
            .bases()
            .into_iter()
            .any(|base| self.open.closed.awaits(base))
        {
            self.postpone(&relation.followed);
            return Ok(());
        }
        self.make_room(1, |_, _| {});
        self.open.check_room()?;
        let candidate = match Candidate::open(self.fs, path, base, sibling) {
            Err(FileError::Io(error)) if *packing == Packing::Gzip && is_damage(&error) => {
                self.doubt(path, &relation, meta, error);
                return Ok(());
            }
            candidate => candidate?,
        };
        let meta = candidate.handle.meta;
        if candidate.head.is_empty() && *packing == Packing::Plain {
            if self.history.holds(meta.id) || self.may_be_unseen(&relation, &meta) {
                // It may become a copy, or be written by a server that has not reopened its log yet.
                let empty = self.finished(path, base, meta);
                self.history.record(empty, self.now);
            }
            return Ok(());
        }
        let followed = &relation.followed;
        let may_be_copy = |path| listing.may_be_copy_of_unopened(path, candidate.least_bytes());
        if relation.origins().into_iter().any(may_be_copy)
            && !self.is_known(&candidate, &relation)?
        {
            self.postpone(followed);
            return Ok(());
        }
        self.decide(candidate, None)
    }

    /// Opens the next archive that waits to be compared.
    pub(in crate::source::file) fn adopt_waiting(&mut self, waiting: &Waiting) {
        let meta = stat(self.fs, &waiting.path).ok();
        let meta = meta.filter(|meta| meta.id == waiting.id);
        let listing = Listing::default();
        let adopted = meta.map(|meta| self.adopt(&waiting.path, &waiting.sibling, &meta, &listing));
        if !matches!(adopted, Some(Ok(()))) {
            // It was renamed, or cannot be opened: the next scan shows that.
            self.postpone(&waiting.sibling.base);
        }
    }

    /// Opens an archive that was decoded to be compared, if it holds text that was not counted.
    pub(in crate::source::file) fn judge_inspected(
        &mut self,
        candidate: Candidate<F::File>,
        windows: &Windows,
    ) {
        let followed = candidate.sibling.base.clone();
        if self.decide(candidate, Some(windows)).is_err() {
            self.postpone(&followed);
        }
    }

    /// Opens a file if it holds text that was not counted; `windows` are parts of an archive that was decoded.
    fn decide(
        &mut self,
        candidate: Candidate<F::File>,
        windows: Option<&Windows>,
    ) -> Result<(), FileError> {
        let (base, meta) = (candidate.base.clone(), candidate.handle.meta);
        let relation = self.relation(&candidate.path, &candidate.sibling, meta.id);
        let followed = &relation.followed;
        let at_base = self.finder.file_at(followed);
        let bases = relation.bases();
        let scope = relation.scope(candidate.packing, &bases);
        let since = self.finder.former_scan();
        let alike = (self.open).alike(self.fs, scope, at_base, &candidate, since)?;
        let decoded = windows.map(|windows| windows.extent.least());
        let decoded = decoded.or_else(|| self.open.packed.least_size(&meta));
        let least = decoded.unwrap_or(candidate.least_bytes());
        if let Some(alike) = alike.filter(|alike| least <= alike.most) {
            self.postpone_copy(candidate, &relation, alike.most, decoded)?;
            return Ok(());
        }
        let is_plain = candidate.packing == Packing::Plain;
        let offset = match self.judge(&candidate, &relation, windows)? {
            // It may go on behind a text that is open, of which more is counted.
            Verdict::Unknown if alike.is_some() => {
                self.postpone(followed);
                return Ok(());
            }
            Verdict::CountedUntil { offset } | Verdict::Forked { offset }
                if alike.is_some_and(|alike| offset < alike.consumed) =>
            {
                self.postpone(followed);
                return Ok(());
            }
            Verdict::Counted { record, may_grow } => {
                if is_plain && self.history.is_sealed(record) {
                    let fingerprinter = self.history.fingerprinter();
                    let file = &candidate.handle.file;
                    let text = Consumed::read(self.fs, file, meta.size, fingerprinter)?;
                    let ends = text.ends(fingerprinter);
                    self.history.unseal(record, ends, text.end);
                }
                self.history
                    .confirm(record, &candidate.path, &meta, may_grow, self.now);
                return Ok(());
            }
            Verdict::Past { record } => {
                let (path, sibling) = (&candidate.path, &candidate.sibling);
                if sibling.is_infix {
                    // No rotated file is written to.
                    self.finder.note_foreign(path);
                }
                let past = self.past(path, sibling, &base, &meta, true)?;
                self.history.replace(record, past, self.now);
                return Ok(());
            }
            Verdict::Overwritten { record } => {
                self.note_overwritten(record, &candidate.path, &meta);
                return Ok(());
            }
            Verdict::Unproven { record } => {
                self.history
                    .confirm(record, &candidate.path, &meta, false, self.now);
                (self.events)(FileEvent::Forgotten {
                    path: base,
                    files: 1,
                    at_most: candidate.most_bytes(),
                });
                return Ok(());
            }
            Verdict::Compare { places } => {
                self.inspect(candidate, places);
                return Ok(());
            }
            Verdict::Unknown
                if (self.history.forgotten).skip(&base, meta.modified, candidate.most_bytes()) =>
            {
                return Ok(());
            }
            Verdict::Unknown | Verdict::Forked { .. } if !self.may_be_unseen(&relation, &meta) => {
                let (path, sibling) = (&candidate.path, &candidate.sibling);
                let past = self.past(path, sibling, &base, &meta, !relation.is_matched)?;
                self.history.record(past, self.now);
                return Ok(());
            }
            Verdict::CountedUntil { offset } | Verdict::Forked { offset } => offset,
            Verdict::Unknown => 0,
        };
        let file = self.resume(candidate, offset)?;
        self.history.note_continued(&base, offset..=offset);
        if is_plain && offset == 0 {
            self.open.note_rotation(&base);
        }
        self.begin(file);
        Ok(())
    }

    /// Leaves a file that may be a copy of an open one, whose text has `most` bytes, to a later scan. An archive that seems to be
    /// longer is decoded first, unless it was: then it has at least `decoded` bytes.
    fn postpone_copy(
        &mut self,
        candidate: Candidate<F::File>,
        relation: &Relation,
        most: u64,
        decoded: Option<u64>,
    ) -> io::Result<()> {
        let seems_longer = |trailer: Trailer| trailer.size() > most;
        if decoded.is_none() && candidate.trailer.is_some_and(seems_longer) {
            let mut places = match self.judge(&candidate, relation, None)? {
                Verdict::Compare { places } => places,
                _ => BTreeSet::new(),
            };
            places.insert(most);
            self.inspect(candidate, places);
            return Ok(());
        }
        if let Some(least) = decoded {
            self.open.packed.note_size(candidate.handle.meta, least);
        }
        self.postpone(&relation.followed);
        Ok(())
    }

    fn inspect(&mut self, candidate: Candidate<F::File>, places: BTreeSet<u64>) {
        let fingerprinter = self.history.fingerprinter();
        (self.open.packed).inspect(self.fs, candidate, places, fingerprinter);
    }

    /// Returns whether the text has a record, so that it is not that of a log that could not be opened.
    fn is_known(&self, candidate: &Candidate<F::File>, relation: &Relation) -> io::Result<bool> {
        Ok(self.judge(candidate, relation, None)? != Verdict::Unknown)
    }

    fn judge(
        &self,
        candidate: &Candidate<F::File>,
        relation: &Relation,
        windows: Option<&Windows>,
    ) -> io::Result<Verdict> {
        let meta = &candidate.handle.meta;
        let is_plain = candidate.packing == Packing::Plain;
        let bases = relation.bases();
        let suspect = Suspect {
            bases: relation.scope(candidate.packing, &bases),
            meta,
            head: &candidate.head,
            extent: if is_plain {
                Some(Extent::Exactly(meta.size))
            } else {
                windows.map(|windows| windows.extent)
            },
            trailer: candidate.trailer,
        };
        self.history.judge(&suspect, |offset, bytes| {
            if let Some(windows) = windows {
                return Ok(windows.before(offset, bytes));
            }
            let range = offset.saturating_sub(bytes as u64)..offset;
            read_upto(self.fs, &candidate.handle.file, range).map(Some)
        })
    }

    /// Leaves an archive to the next scan, unless it is certainly damaged: then it is recorded as read, and reported.
    fn doubt(&mut self, path: &Path, relation: &Relation, meta: &Meta, error: io::Error) {
        let wait = self.open.rotate_wait;
        if !self.open.packed.doubt(meta, &error, self.now, wait) {
            self.postpone(&relation.followed);
            return;
        }
        let mut damaged = self.finished(path, &relation.base, *meta);
        damaged.is_whole = true;
        damaged.is_past = !self.may_be_unseen(relation, meta);
        // Without a rotation that was seen, its date shows whether it may hold lines that were not counted.
        let is_young = || (self.finder).is_young(&relation.followed, meta.modified);
        let is_lost = !damaged.is_past || is_young();
        self.history.record(damaged, self.now);
        if !is_lost {
            return;
        }
        (self.events)(FileEvent::Damaged {
            path: path.to_path_buf(),
            offset: 0,
            error,
        });
    }

    /// Leaves a rotated file of `base` to the next scan.
    pub(super) fn postpone(&mut self, base: &Path) {
        self.history.keep(base);
        self.finder.postpone(base);
    }

    /// Returns the record of a file of which no byte was read.
    fn finished(&self, path: &Path, base: &Path, meta: Meta) -> FinishedFile {
        FinishedFile {
            base: base.to_path_buf(),
            path: path.to_path_buf(),
            ends: self.history.fingerprinter().ends(&[], &[]),
            consumed: 0,
            holder: Some(meta),
            is_whole: false,
            is_past: false,
            trailer: None,
            is_parked: false,
            partial: 0,
            begun: 0,
        }
    }

    /// Returns the record of a file that is not to be read: of one that existed before its path was followed, or that no
    /// rotation made. `is_past` if what it grows by is not to be read either. A file that cannot be opened is known by its
    /// identity alone.
    fn past(
        &self,
        path: &Path,
        sibling: &Sibling,
        base: &Path,
        meta: &Meta,
        is_past: bool,
    ) -> Result<FinishedFile, FileError> {
        let fingerprinter = self.history.fingerprinter();
        let record = FinishedFile {
            is_past,
            ..self.finished(path, base, *meta)
        };
        let candidate = Candidate::open(self.fs, path, base, sibling).ok();
        Ok(match candidate {
            None => FinishedFile {
                consumed: meta.size,
                ..record
            },
            Some(archive) if archive.trailer.is_some() => FinishedFile {
                ends: fingerprinter.ends(&archive.head, &[]),
                is_whole: true,
                trailer: archive.trailer,
                ..record
            },
            Some(plain) => {
                let file = &plain.handle.file;
                // A line that has no end yet is a line once it is complete.
                let line = line_at(self.fs, file, meta.size, self.open.line_bytes)?;
                let end = line.start.unwrap_or(meta.size);
                let consumed = Consumed::read(self.fs, file, end, fingerprinter)?;
                FinishedFile {
                    ends: consumed.ends(fingerprinter),
                    consumed: consumed.end,
                    partial: meta.size.saturating_sub(consumed.end),
                    ..record
                }
            }
        })
    }
}
