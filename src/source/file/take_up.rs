//! What is done with a file that isn't open: read from its start, read on, or left alone.
//!
//! Invariant: of a text that was counted, under whatever name and compressed or not, no byte is taken up
//! again; of one that was not, every byte is, once it is known not to be a copy of one that will be.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::discover::{self, Listing, Sibling};
use super::follow::{FileSource, base_of};
use super::fs::{FileError, Fs, Meta};
use super::generation::{Generation, Link};
use super::identity::FileId;
use super::judge::Verdict;
use super::place::{Place, Trouble};
use super::print::LEAST_BYTES;
use super::rotated::{Packing, Rotated};
use super::settings::Start;
use super::tomb::Tomb;
use super::unpack::{self, Archive};
use crate::model::GenerationId;
use crate::source::FileEvent;

impl<F: Fs> FileSource<F> {
    /// Opens what was found under a followed path and isn't open. What can't be opened turns into an
    /// error in `listing`; what has the name of a rotated file is left to [`Self::take_up_rotated`].
    pub(super) fn open_unopened(
        &mut self,
        listing: &mut Listing,
        events: &mut dyn FnMut(FileEvent),
    ) {
        let mut open = self.open_ids();
        self.unopened.clear();
        for (path, sighting) in &mut listing.sightings {
            let meta = match &sighting.seen {
                Ok(meta) => *meta,
                Err(error) => {
                    if matches!(Trouble::from(error), Trouble::Io(_)) {
                        self.unopened.insert(path.clone(), None);
                    }
                    continue;
                }
            };
            if open.contains(&meta.id) {
                continue;
            }
            let base = base_of(&self.wanted, path);
            let is_history = sighting.fresh && self.settings.start == Start::End;
            if base != *path {
                let sibling = Sibling {
                    base,
                    packing: Packing::Plain,
                    fresh: is_history,
                };
                listing.rotated.insert(path.clone(), sibling);
                continue;
            }
            let known = self.known.get(path);
            let earlier = known.filter(|known| known.place == Place::Leads(meta.id));
            let size_at_first = if is_history {
                Some(meta.size)
            } else {
                earlier.and_then(|known| known.size_at_first)
            };
            match self.open(path, meta.id, size_at_first) {
                Ok(generation) if open.insert(generation.file_id) => {
                    self.begin(generation, events);
                }
                Ok(_) => {}
                Err(error) => {
                    sighting.size_at_first = size_at_first;
                    self.unopened.insert(path.clone(), Some(meta.size));
                    listing.faults.push((path.clone(), Some(error)));
                }
            }
        }
    }

    /// Takes up the rotated files that nobody follows by name: those that came and went between two
    /// looks, and those that grew after they were closed.
    pub(super) fn take_up_rotated(
        &mut self,
        listing: &mut Listing,
        events: &mut dyn FnMut(FileEvent),
    ) {
        let rotated = std::mem::take(&mut listing.rotated);
        if rotated.is_empty() {
            return;
        }
        let mut open = self.open_ids();
        let mut found = Vec::new();
        for (path, sibling) in &rotated {
            let has_plain =
                || path.extension().is_some() && rotated.contains_key(&path.with_extension(""));
            if sibling.packing == Packing::Unread
                || (sibling.packing == Packing::Gzip && has_plain())
            {
                continue;
            }
            match discover::stat(&self.fs, path) {
                Ok(meta) if !open.contains(&meta.id) => found.push((meta, path, sibling)),
                Err(FileError::Io(error)) if !discover::is_absence(&error) => {
                    self.directories.unsettle();
                }
                // What is gone again was renamed: that changed the directory.
                _ => {}
            }
        }
        found.sort_by_key(|(meta, path, _)| (meta.modified, *path));
        for (meta, path, sibling) in found {
            if open.insert(meta.id)
                && let Err(error) = self.take_up(path, sibling, meta, events)
            {
                self.directories.unsettle();
                listing.faults.push((path.clone(), Some(error)));
            }
        }
    }

    /// Opens again what grew after it was closed, where no change of a directory tells.
    pub(super) fn take_up_grown(&mut self, events: &mut dyn FnMut(FileEvent)) {
        let fs = &self.fs;
        let grown = |tomb: &Tomb| {
            let meta = discover::stat(fs, &tomb.path).ok()?;
            let has_grown = tomb.is_of(meta.id) && !tomb.has_seen(&meta);
            has_grown.then(|| (meta, tomb.path.clone(), tomb.base.clone()))
        };
        let grown: Vec<_> = self.tombs.growing().filter_map(grown).collect();
        let mut open = self.open_ids();
        for (meta, path, base) in grown {
            let packing = Rotated::read(path.file_name().unwrap_or_default())
                .map_or(Packing::Plain, |rotated| rotated.packing);
            let sibling = Sibling {
                base,
                packing,
                fresh: false,
            };
            if open.insert(meta.id) {
                // It is tried again at the next look.
                let _ = self.take_up(&path, &sibling, meta, events);
            }
        }
    }

    /// Goes on with a file in which something else stands now than what was read: what is left of the
    /// text is in a copy, if rotation made one.
    pub(super) fn replaced(
        &mut self,
        id: GenerationId,
        unread: u64,
        events: &mut dyn FnMut(FileEvent),
    ) {
        let Some(place) = self.generations.iter().position(|own| own.id == id) else {
            return;
        };
        let copy = self.open_copy(place);
        let generation = &mut self.generations[place];
        let offset = generation.offset;
        let is_cut = copy.is_none() && generation.was_cut_short(&self.fs).unwrap_or(false);
        let size = generation.size;
        if !(is_cut && generation.go_to(&self.fs, size).is_ok()) {
            if copy.is_none() {
                // A copy that can't be seen yet is read on from where this was left.
                let (path, now) = (generation.base.clone(), self.clock.monotonic());
                let prints = generation.prints(&self.printer);
                let counted = generation.consumed();
                let tomb = Tomb::new(path.clone(), path, prints, counted, now);
                self.tombs.bury(tomb);
                self.directories.unsettle();
            }
            generation.restart();
        }
        events(FileEvent::Truncated {
            path: generation.path.clone(),
            generation: id,
            offset,
            unread,
            resume: generation.offset,
            copy: copy.as_ref().map(|copy| copy.path().to_path_buf()),
        });
        match copy {
            Some(Copy::Plain(copy)) => self.begin(*copy, events),
            Some(Copy::Packed(archive)) => self.begin_archive(*archive, events),
            None => {}
        }
    }

    /// Finds and opens a copy that begins with all that was read of a file.
    fn open_copy(&mut self, place: usize) -> Option<Copy<F>> {
        if self.generations[place].head().len() < LEAST_BYTES {
            // Too little to be known by; a copy that holds more is read whole.
            return None;
        }
        let base = self.generations[place].base.clone();
        let open = self.open_ids();
        let mut found = Vec::new();
        for (path, packing) in discover::rotated_of(&self.fs, &base).unwrap_or_default() {
            if let Ok(meta) = discover::stat(&self.fs, &path)
                && !open.contains(&meta.id)
            {
                found.push((packing, std::cmp::Reverse(meta.modified), path));
            }
        }
        // Plain ones first, then the latest.
        found.sort();
        for (packing, _, path) in found {
            let Ok(file) = self.fs.open(&path) else {
                continue;
            };
            let Ok(meta) = self.fs.fstat(&file) else {
                continue;
            };
            let original = &self.generations[place];
            match packing {
                Packing::Plain if original.is_begun_by(&self.fs, &file).unwrap_or(false) => {
                    let id = self.next_id();
                    let original = &self.generations[place];
                    let mut copy = Generation::continuing(id, path, file, meta, original);
                    copy.link = self.detached();
                    return Some(Copy::Plain(Box::new(copy)));
                }
                Packing::Gzip => {
                    let file = Arc::new(file);
                    let Ok(head) = unpack::head(&self.fs, &file) else {
                        continue;
                    };
                    if !head.starts_with(original.head()) {
                        continue;
                    }
                    let text = (self.printer.head(original.head()), original.offset);
                    let (id, line_bytes) = (self.next_id(), self.settings.line_bytes);
                    let file = (&self.fs, file, meta);
                    let archive = Archive::new(id, (path, base), file, text, line_bytes);
                    return Some(Copy::Packed(Box::new(archive)));
                }
                _ => {}
            }
        }
        None
    }

    /// Takes up one rotated file, if there is something in it that was not counted.
    fn take_up(
        &mut self,
        path: &Path,
        sibling: &Sibling,
        meta: Meta,
        events: &mut dyn FnMut(FileEvent),
    ) -> Result<(), FileError> {
        if sibling.fresh {
            return match self.tombs.of(meta.id) {
                None => self.bury_history(path, sibling, &meta),
                Some(_) => Ok(()),
            };
        }
        self.has_room()?;
        if sibling.packing == Packing::Plain {
            if let Some(generation) = self.open_rotated(path, &sibling.base, meta)? {
                self.begin(generation, events);
            }
            return Ok(());
        }
        match self.judge_archive(path, &sibling.base, &meta)? {
            Verdict::Counted => {}
            Verdict::Wait => self.directories.unsettle(),
            Verdict::From((file, head), meta, offset) => {
                self.tombs.open(meta.id);
                let text = (self.printer.head(&head), offset);
                let paths = (path.to_path_buf(), sibling.base.clone());
                let (id, line_bytes) = (self.next_id(), self.settings.line_bytes);
                let file = (&self.fs, file, meta);
                let archive = Archive::new(id, paths, file, text, line_bytes);
                self.begin_archive(archive, events);
            }
        }
        Ok(())
    }

    /// Opens a file with a rotated name where it is to be read on, if anything is.
    fn open_rotated(
        &mut self,
        path: &Path,
        base: &Path,
        meta: Meta,
    ) -> Result<Option<Generation<F::File>>, FileError> {
        let (file, meta, offset) = match self.judge(path, base, &meta)? {
            Verdict::Counted => return Ok(None),
            Verdict::Wait => {
                self.directories.unsettle();
                return Ok(None);
            }
            Verdict::From(file, meta, offset) => (file, meta, offset),
        };
        let (id, line_bytes) = (self.next_id(), self.settings.line_bytes);
        let paths = (path.to_path_buf(), base.to_path_buf());
        let mut generation = Generation::new(id, paths, file, meta, line_bytes);
        generation.link = self.detached();
        if offset > 0 {
            generation.go_to(&self.fs, offset)?;
        }
        Ok(Some(generation))
    }

    /// Opens the file at `path`, to begin at 0, or at the line that `place` is in if it still is
    /// the file `id`; or where it was left.
    fn open(
        &mut self,
        path: &Path,
        id: FileId,
        place: Option<u64>,
    ) -> Result<Generation<F::File>, FileError> {
        self.has_room()?;
        let file = self.fs.open(path)?;
        let meta = self.fs.fstat(&file)?;
        let (own, line_bytes) = (self.next_id(), self.settings.line_bytes);
        let paths = (path.to_path_buf(), path.to_path_buf());
        let mut generation = Generation::new(own, paths, file, meta, line_bytes);
        if let Some(place) = place.filter(|_| meta.id == id) {
            let place = place.min(meta.size);
            generation.seek_line(&self.fs, place, line_bytes, &mut self.buffer)?;
        } else if let Some((_, tomb)) = self.tombs.of(meta.id)
            && tomb.counted > 0
            && tomb.counted <= meta.size
        {
            let counted = tomb.counted;
            let prints = (tomb.head.clone(), tomb.tail);
            generation.go_to(&self.fs, counted)?;
            if generation.prints(&self.printer) != prints {
                generation.restart();
            }
        }
        Ok(generation)
    }

    /// Follows an opened file from the next round on.
    fn begin(&mut self, mut generation: Generation<F::File>, events: &mut dyn FnMut(FileEvent)) {
        generation.home = self.fs.home(&generation.path);
        self.tombs.open(generation.file_id);
        events(FileEvent::Opened {
            path: generation.path.clone(),
            generation: generation.id,
            offset: generation.offset,
        });
        self.generations.push(generation);
    }

    fn begin_archive(&mut self, archive: Archive<F>, events: &mut dyn FnMut(FileEvent)) {
        events(FileEvent::Opened {
            path: archive.path.clone(),
            generation: archive.id,
            offset: archive.offset,
        });
        self.archives.push(archive);
    }

    fn open_ids(&self) -> BTreeSet<FileId> {
        let plain = self.generations.iter().map(|own| own.file_id);
        let archives = self.archives.iter().map(|own| own.meta.id);
        plain.chain(archives).collect()
    }

    /// The link of a file to which no path leads any more, or none but a rotated one's.
    pub(super) fn detached(&self) -> Link {
        Link::Detached {
            quiet_since: self.clock.monotonic(),
            discovery: self.discoveries,
        }
    }

    /// Descriptors are not taken from those who need one to answer.
    fn has_room(&self) -> io::Result<()> {
        if self.open_files() < self.settings.open_files {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} files are open already; raise the limit of open files (LimitNOFILE= in the unit)",
            self.settings.open_files
        )))
    }
}

/// A copy that a rotation made of a file before it was truncated.
enum Copy<F: Fs> {
    Plain(Box<Generation<F::File>>),
    Packed(Box<Archive<F>>),
}

impl<F: Fs> Copy<F> {
    fn path(&self) -> &Path {
        match self {
            Self::Plain(generation) => &generation.path,
            Self::Packed(archive) => &archive.path,
        }
    }
}
