//! Decides about files that are not open: read from the start, read on, or leave alone.
//!
//! Invariant: of a text that was counted, under whatever name and compressed or not, no byte is read again; of any other
//! text every byte is read, once it is certain that it is not a copy of a file that will be read.

mod overwritten;
mod reopen;
mod room;
mod rotated;

pub(super) use reopen::Reopened;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::doubt::{Doubt, Reason};
use super::event::FileEvent;
use super::evidence::Candidate;
use super::finder::{Finder, Listing, Sibling, Trouble, is_absence, rotated_of, stat};
use super::fingerprint::LEAST_BYTES;
use super::forgotten::Skipped;
use super::fs::{FileError, FileId, Fs, Handle, Meta};
use super::history::History;
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
        let mut wanted = Vec::new();
        for (path, sighting) in &mut listing.sightings {
            let is_history = sighting.fresh && self.start == Start::End;
            let meta = match &sighting.seen {
                Ok(meta) => *meta,
                Err(error) => {
                    if matches!(Trouble::from(error), Trouble::Io(_)) {
                        listing.unopened.insert(path.clone(), None);
                        let sibling = self.finder.sibling_at(path, is_history);
                        listing.rotated.extend(sibling.map(|it| (path.clone(), it)));
                    }
                    continue;
                }
            };
            if open.contains(&meta.id) {
                continue;
            }
            if self.open.closed.awaits_file(path) {
                listing.unopened.insert(path.clone(), None);
                continue;
            }
            if let Some(sibling) = self.finder.sibling_at(path, is_history) {
                listing.rotated.insert(path.clone(), sibling);
                continue;
            }
            let size_at_first = if is_history {
                Some(meta.size)
            } else {
                self.finder.size_at_first(path, meta.id)
            };
            if self.history.is_at_rest(&meta) {
                sighting.parked = Some(meta);
            } else if open.insert(meta.id) {
                wanted.push(self.wanted(path, meta, size_at_first, sighting.fresh));
            }
        }
        self.open_all(wanted, listing);
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
            match listing.meta_of(self.fs, path) {
                Ok(meta) if !open.contains(&meta.id) => found.push((meta, path, sibling)),
                Err(FileError::Io(error)) if !is_absence(&error) => unknown.push(&sibling.base),
                // A file that is gone again was renamed: that changed the directory.
                _ => {}
            }
        }
        let present: BTreeSet<FileId> = found.iter().map(|(meta, ..)| meta.id).collect();
        self.open.packed.keep_known(|id| present.contains(&id));
        let is_listed = |dir: &Path| listing.is_listed(dir);
        self.history.begin_listing(is_listed, self.now);
        for sighting in listing.sightings.values() {
            if let Some(parked) = &sighting.parked {
                self.history.confirm_parked(parked.id);
            }
        }
        for base in unknown {
            self.postpone(base);
        }
        for base in self.open.packed.compared_bases() {
            self.history.keep(base);
        }
        found.sort_by_key(|(meta, path, _)| (meta.modified, *path));
        for (meta, path, sibling) in found {
            if !open.insert(meta.id) {
                continue;
            }
            if self.history.recognize(path, &meta, self.now) {
                if let Some(sighting) = listing.sightings.get_mut(path) {
                    sighting.is_standing = true;
                }
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
        for (path, Skipped { files, at_most }) in self.history.forgotten.report() {
            (self.events)(FileEvent::Forgotten {
                path,
                files,
                at_most,
            });
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
            let rotated = Rotated::parse_any(path.file_name().unwrap_or_default());
            let sibling = Sibling {
                base,
                own: None,
                packing: rotated.map_or(Packing::Plain, |rotated| rotated.packing),
                is_infix: rotated.is_some_and(|rotated| rotated.is_infix),
                fresh: false,
            };
            if open.insert(meta.id) {
                // After an error it is tried again at the next scan.
                let _ = self.adopt(&path, &sibling, &meta, listing);
            }
        }
    }

    /// Makes a rotated file ready to be read from `offset` of its text.
    fn resume(
        &mut self,
        candidate: Candidate<F::File>,
        offset: u64,
    ) -> Result<OpenFile<F>, FileError> {
        let (path, base) = (&candidate.path, &candidate.base);
        let opening = self.open.opening(path, base, candidate.handle);
        Ok(if candidate.packing == Packing::Gzip {
            let head = self.history.fingerprinter().head(&candidate.head);
            OpenFile::Archive(Archive::new(self.fs, opening, head, offset))
        } else {
            let mut generation = Generation::new(opening);
            if offset > 0 {
                generation.go_to(self.fs, offset)?;
            } else {
                generation.doubt = Some(self.doubt_of_new());
            }
            OpenFile::Plain(generation.detached(self.now, self.finder.scans()))
        })
    }

    /// Opens the file at `path`: at 0, or at the line that contains `place` if it still is the file `id`, or where it was
    /// closed. Unless it is `fresh`, it may hold a known text under another name.
    fn open(
        &mut self,
        path: &Path,
        id: FileId,
        place: Option<u64>,
        fresh: bool,
    ) -> Result<Generation<F::File>, FileError> {
        self.open.check_room()?;
        let handle = Handle::open(self.fs, path)?;
        let meta = handle.meta;
        let mut generation = Generation::new(self.open.opening(path, path, handle));
        if let Some(place) = place.filter(|_| meta.id == id) {
            generation.seek_line(self.fs, place.min(meta.size), self.open.line_bytes)?;
            return Ok(generation);
        }
        if let Some((consumed, ends)) = self.history.consumed(&meta) {
            generation.go_to(self.fs, consumed)?;
            let present = generation.ends();
            if (&present.head, present.tail) == (&ends.head, ends.tail) {
                // Without a time of birth, it may be another file that begins with that text and holds more known lines.
                if id.born == 0 && !fresh && self.history.parked_at(id).is_none() {
                    generation.doubt = Some(self.doubt_of_new());
                }
                return Ok(generation);
            }
            generation.restart();
        }
        if !fresh {
            generation.doubt = Some(self.doubt_of_new());
        }
        Ok(generation)
    }

    /// Returns the doubt about a file that appeared now.
    pub(super) fn doubt_of_new(&self) -> Box<Doubt> {
        let listed = self.finder.latest_moment();
        Doubt::new(Reason::New { listed }, self.now)
    }

    /// Finds a copy that begins with everything that was read of a file, ready to be read on.
    pub(super) fn open_copy(&mut self, original: GenerationId) -> Option<OpenFile<F>> {
        let copy = self.find_copy(self.open.get(original)?)?;
        let offset = self.open.get(original)?.offset;
        if copy.packing == Packing::Gzip {
            return self.resume(copy, offset).ok();
        }
        let opening = self.open.opening(&copy.path, &copy.base, copy.handle);
        let mut copy = Generation::copied(opening, self.open.get(original)?);
        copy.unseal(self.fs).ok()?;
        Some(OpenFile::Plain(
            copy.detached(self.now, self.finder.scans()),
        ))
    }

    fn find_copy(&self, original: &Generation<F::File>) -> Option<Candidate<F::File>> {
        if original.consumed.end < LEAST_BYTES as u64 {
            // Too few bytes to recognize a copy: one that holds more is read from its start.
            return None;
        }
        let open = self.open.file_ids();
        // What is older is another text, whatever it begins with.
        let is_young = |meta: &Meta| self.finder.is_young(&original.base, meta.modified);
        let mut found = Vec::new();
        for (path, sibling) in rotated_of(self.fs, &original.base, &original.targets) {
            if sibling.packing != Packing::Unsupported
                && let Ok(meta) = stat(self.fs, &path)
                && !open.contains(&meta.id)
                && (sibling.packing == Packing::Plain || is_young(&meta))
                // What was judged already is not a copy that a rotation made now.
                && !self.history.is_unchanged(&meta)
            {
                found.push((sibling.packing, Reverse(meta.modified), path, sibling));
            }
        }
        // Plain files first, then the latest.
        found.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        found.into_iter().find_map(|(packing, _, path, sibling)| {
            let copy = Candidate::open(self.fs, &path, &original.base, &sibling).ok()?;
            let is_copy = original.consumed.begins_text(&copy.head)
                && (packing == Packing::Gzip
                    || original.consumed.begins(self.fs, &copy.handle.file).ok()?);
            is_copy.then_some(copy)
        })
    }

    /// Reads a file from the next round on. One in doubt is left to [`Self::examine_new`].
    pub(super) fn begin(&mut self, file: OpenFile<F>) {
        self.history.detach(file.parts().1);
        self.open.add(self.fs, file, self.events);
    }

    /// Examines the files in doubt that were opened, once all of them are: a rotated one shows that its log was not replaced.
    pub(super) fn examine_new(&mut self) {
        for id in self.open.unexamined() {
            self.examine(id);
        }
    }
}
