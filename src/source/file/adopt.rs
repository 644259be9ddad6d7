//! Decides about files that are not open: read from the start, read on, or leave alone.
//!
//! Invariant: of a text that was counted, under whatever name and compressed or not, no byte is read again; of any other
//! text every byte is read, once it is certain that it is not a copy of a file that will be read.

use std::cmp::Reverse;
use std::path::Path;
use std::time::Duration;

use super::consumed::{Consumed, read_upto};
use super::event::FileEvent;
use super::evidence::Candidate;
use super::finder::{Finder, Listing, Sibling, Trouble, is_absence, rotated_of, stat};
use super::fingerprint::LEAST_BYTES;
use super::fs::{FileError, FileId, Fs, Handle, Meta};
use super::history::{FinishedFile, History, Verdict};
use super::open::archive::Archive;
use super::open::{Generation, OpenFile, OpenFiles};
use super::rotated::{Packing, Rotated};
use super::settings::Start;
use crate::model::GenerationId;

/// A source's state, while files are opened.
pub(super) struct Adoption<'a, F: Fs> {
    pub(super) fs: &'a F,
    pub(super) finder: &'a mut Finder,
    pub(super) history: &'a mut History,
    pub(super) open: &'a mut OpenFiles<F>,
    pub(super) start: Start,
    /// Monotonic time.
    pub(super) now: Duration,
    pub(super) events: &'a mut dyn FnMut(FileEvent),
}

impl<F: Fs> Adoption<'_, F> {
    /// Opens the files at followed paths that are not open. One that cannot be opened becomes a fault of the listing; one
    /// with the name of a rotated file is left to [`Self::adopt_rotated`].
    pub(super) fn open_followed(&mut self, listing: &mut Listing) {
        let mut open = self.open.file_ids();
        for (path, sighting) in &mut listing.sightings {
            let meta = match &sighting.seen {
                Ok(meta) => *meta,
                Err(error) => {
                    if matches!(Trouble::from(error), Trouble::Io(_)) {
                        listing.unopened.insert(path.clone(), None);
                    }
                    continue;
                }
            };
            if open.contains(&meta.id) {
                continue;
            }
            let base = self.finder.base_of(path);
            let is_history = sighting.fresh && self.start == Start::End;
            if base != *path {
                let sibling = Sibling {
                    base,
                    packing: Packing::Plain,
                    fresh: is_history,
                };
                listing.rotated.insert(path.clone(), sibling);
                continue;
            }
            let size_at_first = if is_history {
                Some(meta.size)
            } else {
                self.finder.size_at_first(path, meta.id)
            };
            match self.open(path, meta.id, size_at_first) {
                Ok(generation) if open.insert(generation.file_id) => {
                    self.begin(OpenFile::Plain(generation));
                }
                Ok(_) => {}
                Err(error) => {
                    sighting.size_at_first = size_at_first;
                    listing.unopened.insert(path.clone(), Some(meta.size));
                    listing.faults.push((path.clone(), Some(error)));
                }
            }
        }
    }

    /// Opens rotated files with text that was not counted, the oldest first: those that were rotated between two scans, and
    /// those that grew after they were closed.
    pub(super) fn adopt_rotated(&mut self, listing: &mut Listing) {
        let rotated = std::mem::take(&mut listing.rotated);
        let mut open = self.open.file_ids();
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        for (path, sibling) in &rotated {
            if sibling.packing == Packing::Unsupported {
                continue;
            }
            match stat(self.fs, path) {
                Ok(meta) if !open.contains(&meta.id) => found.push((meta, path, sibling)),
                Err(FileError::Io(error)) if !is_absence(&error) => unknown.push(&sibling.base),
                // A file that is gone again was renamed: that changed the directory.
                _ => {}
            }
        }
        let is_listed = |dir: &Path| listing.is_listed(dir);
        self.history.begin_listing(is_listed, self.now);
        for base in unknown {
            self.postpone(base);
        }
        found.sort_by_key(|(meta, path, _)| (meta.modified, *path));
        for (meta, path, sibling) in found {
            if !open.insert(meta.id) || self.history.recognize(path, &meta) {
                continue;
            }
            let has_plain =
                || path.extension().is_some() && rotated.contains_key(&path.with_extension(""));
            if sibling.packing == Packing::Gzip && has_plain() {
                continue;
            }
            if let Err(error) = self.adopt(path, sibling, &meta, listing) {
                self.postpone(&sibling.base);
                listing.faults.push((path.clone(), Some(error)));
            }
        }
        for (path, files) in self.history.forgotten.report() {
            (self.events)(FileEvent::Forgotten { path, files });
        }
    }

    /// Opens files that grew after they were closed, though their directory did not change.
    pub(super) fn adopt_grown(&mut self, listing: &Listing) {
        let grown = |(path, base): (&Path, &Path)| {
            // A file at its followed path is opened there.
            let (path, base) = (path != base).then_some((path, base))?;
            let meta = stat(self.fs, path).ok()?;
            let paths = (path.to_path_buf(), base.to_path_buf());
            self.history.has_changed(&meta).then_some((meta, paths))
        };
        let grown: Vec<_> = self.history.growing().filter_map(grown).collect();
        let mut open = self.open.file_ids();
        for (meta, (path, base)) in grown {
            let packing = Rotated::parse(path.file_name().unwrap_or_default())
                .map_or(Packing::Plain, |rotated| rotated.packing);
            let sibling = Sibling {
                base,
                packing,
                fresh: false,
            };
            if open.insert(meta.id) {
                // After an error it is tried again at the next scan.
                let _ = self.adopt(&path, &sibling, &meta, listing);
            }
        }
    }

    /// Opens one rotated file if it holds text that was not counted.
    fn adopt(
        &mut self,
        path: &Path,
        sibling: &Sibling,
        meta: &Meta,
        listing: &Listing,
    ) -> Result<(), FileError> {
        let Sibling { base, packing, .. } = sibling;
        if sibling.fresh {
            if !self.history.holds(meta.id) {
                let past = self.past(path, sibling, meta)?;
                self.history.record(past, self.now);
            }
            return Ok(());
        }
        if self.history.forgotten.is_reported(base, meta.modified) {
            return Ok(());
        }
        self.open.check_room()?;
        let candidate = Candidate::open(self.fs, path, *packing)?;
        let meta = candidate.handle.meta;
        if candidate.head.is_empty() && *packing == Packing::Plain {
            // It may become a copy, or be written by a server that has not reopened its log yet.
            let empty = FinishedFile {
                base: base.clone(),
                path: path.to_path_buf(),
                ends: self.history.fingerprinter().ends(&[], &[]),
                consumed: 0,
                holder: Some(meta),
                is_whole: false,
            };
            self.history.record(empty, self.now);
            return Ok(());
        }
        let at_base = self.finder.file_at(base);
        let fingerprinter = self.history.fingerprinter();
        if self
            .open
            .may_have_copy(self.fs, base, at_base, &candidate.head, fingerprinter)?
        {
            self.postpone(base);
            return Ok(());
        }
        let read = |range| read_upto(self.fs, &candidate.handle.file, range);
        let (head, size) = (&candidate.head, candidate.size);
        let offset = match self.history.judge(base, meta.id, head, size, read)? {
            Verdict::Counted { record, may_grow } => {
                self.history
                    .confirm(record, path, &meta, may_grow, self.now);
                return Ok(());
            }
            Verdict::Unknown if self.history.forgotten.skip(base, meta.modified) => return Ok(()),
            Verdict::Unknown if listing.may_be_copy_of_unopened(base, candidate.text_bytes()) => {
                self.postpone(base);
                return Ok(());
            }
            Verdict::CountedUntil { offset } => offset,
            Verdict::Unknown => 0,
        };
        let file = self.resume(base, candidate, offset)?;
        self.begin(file);
        Ok(())
    }

    /// Leaves a rotated file of `base` to the next scan.
    fn postpone(&mut self, base: &Path) {
        self.history.keep(base);
        self.finder.invalidate();
    }

    /// Returns the record of a file that existed before its path was followed. A file that cannot be opened is known by its
    /// identity alone.
    fn past(&self, path: &Path, sibling: &Sibling, meta: &Meta) -> Result<FinishedFile, FileError> {
        let fingerprinter = self.history.fingerprinter();
        let candidate = Candidate::open(self.fs, path, sibling.packing).ok();
        let is_gzip = sibling.packing == Packing::Gzip;
        let (ends, consumed) = match &candidate {
            Some(archive) if is_gzip => {
                (fingerprinter.ends(&archive.head, &[]), archive.text_bytes())
            }
            Some(plain) => {
                let consumed = Consumed::read(self.fs, &plain.handle.file, meta.size)?;
                (consumed.ends(fingerprinter), consumed.end)
            }
            None => (fingerprinter.ends(&[], &[]), meta.size),
        };
        Ok(FinishedFile {
            base: sibling.base.clone(),
            path: path.to_path_buf(),
            ends,
            consumed,
            holder: Some(*meta),
            is_whole: is_gzip && candidate.is_some(),
        })
    }

    /// Makes a rotated file ready to be read from `offset` of its text.
    fn resume(
        &mut self,
        base: &Path,
        candidate: Candidate<F::File>,
        offset: u64,
    ) -> Result<OpenFile<F>, FileError> {
        let opening = self.open.opening(&candidate.path, base, candidate.handle);
        Ok(if candidate.packing == Packing::Gzip {
            let head = self.history.fingerprinter().head(&candidate.head);
            OpenFile::Archive(Archive::new(self.fs, opening, head, offset))
        } else {
            let mut generation = Generation::new(opening);
            if offset > 0 {
                generation.go_to(self.fs, offset)?;
            }
            OpenFile::Plain(generation.detached(self.now, self.finder.scans()))
        })
    }

    /// Opens the file at `path`: at 0, or at the line that contains `place` if it still is the file `id`, or where it was
    /// closed.
    fn open(
        &mut self,
        path: &Path,
        id: FileId,
        place: Option<u64>,
    ) -> Result<Generation<F::File>, FileError> {
        self.open.check_room()?;
        let handle = Handle::open(self.fs, path)?;
        let meta = handle.meta;
        let mut generation = Generation::new(self.open.opening(path, path, handle));
        if let Some(place) = place.filter(|_| meta.id == id) {
            generation.seek_line(self.fs, place.min(meta.size), self.open.line_bytes)?;
        } else if let Some((consumed, ends)) = self.history.consumed(&meta) {
            generation.go_to(self.fs, consumed)?;
            if generation.consumed.ends(self.history.fingerprinter()) != *ends {
                generation.restart();
            }
        }
        Ok(generation)
    }

    /// Resumes a file whose consumed part changed. The rest of the former text, of which `unread` bytes are known, is read
    /// from a copy if the rotation made one.
    pub(super) fn resume_replaced(&mut self, id: GenerationId, unread: u64) {
        let copy = self.open_copy(id);
        let Some(generation) = self.open.get_mut(id) else {
            return;
        };
        let offset = generation.offset;
        if copy.is_some() || !generation.go_to_cut(self.fs) {
            if copy.is_none() {
                // A copy that is found later is read on from the present offset.
                let mut record = generation.finished(self.fs, self.history.fingerprinter());
                record.holder = None;
                self.history.record(record, self.now);
                self.finder.invalidate();
            }
            generation.restart();
        }
        (self.events)(FileEvent::Truncated {
            path: generation.path.clone(),
            offset,
            unread,
            resume: generation.offset,
            copy: copy.as_ref().map(|copy| copy.parts().0.to_path_buf()),
        });
        if let Some(copy) = copy {
            self.begin(copy);
        }
    }

    /// Finds a copy that begins with everything that was read of a file, ready to be read on.
    fn open_copy(&mut self, original: GenerationId) -> Option<OpenFile<F>> {
        let copy = self.find_copy(self.open.get(original)?)?;
        let (base, offset) = {
            let original = self.open.get(original)?;
            (original.base.clone(), original.offset)
        };
        if copy.packing == Packing::Gzip {
            return self.resume(&base, copy, offset).ok();
        }
        let opening = self.open.opening(&copy.path, &base, copy.handle);
        let copy = Generation::copied(opening, self.open.get(original)?);
        Some(OpenFile::Plain(
            copy.detached(self.now, self.finder.scans()),
        ))
    }

    fn find_copy(&self, original: &Generation<F::File>) -> Option<Candidate<F::File>> {
        let head = &original.consumed.head;
        if head.len() < LEAST_BYTES {
            // Too few bytes to recognize a copy: one that holds more is read from its start.
            return None;
        }
        let open = self.open.file_ids();
        let mut found = Vec::new();
        for (path, packing) in rotated_of(self.fs, &original.base).unwrap_or_default() {
            if packing != Packing::Unsupported
                && let Ok(meta) = stat(self.fs, &path)
                && !open.contains(&meta.id)
            {
                found.push((packing, Reverse(meta.modified), path));
            }
        }
        // Plain files first, then the latest.
        found.sort();
        found.into_iter().find_map(|(packing, _, path)| {
            let copy = Candidate::open(self.fs, &path, packing).ok()?;
            let is_copy = copy.head.starts_with(head)
                && (packing == Packing::Gzip
                    || original.consumed.begins(self.fs, &copy.handle.file).ok()?);
            is_copy.then_some(copy)
        })
    }

    /// Reads a file from the next round on.
    fn begin(&mut self, file: OpenFile<F>) {
        self.history.detach(file.parts().1);
        self.open.add(self.fs, file, self.events);
    }
}
