//! The open files, their paths and their positions.
//!
//! Invariant: a file is open at most once, however many paths lead to it. It is closed only after its end was read, and
//! leaves a record.

mod advanced;
pub(super) mod archive;
mod before;
mod closed;
mod closing;
mod context;
mod doubtful;
mod former;
mod framed;
mod generation;
mod inspection;
pub(super) mod packed;
mod queries;
mod read_buffer;
mod room;
mod saved;
pub(super) mod text;
pub(super) mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;

use archive::Archive;
use before::Before;
pub(super) use closed::ClosedArchive;
use closed::{Closed, Former};
pub(super) use context::{Context, Reading};
pub(super) use generation::{Generation, Opening};
use generation::{Link, ReadStep};
use packed::Packed;
pub use read_buffer::ReadBuffer;
use waiting::Waiting;

use super::event::FileEvent;
use super::finder::{Finder, Listing, may_lead};
use super::fingerprint::Fingerprinter;
use super::fs::{FileId, Fs, Handle, targets};
use super::settings::FileSettings;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};
use crate::model::{GenerationId, counted};
use crate::source::container::Frame;

/// All open files of a source.
pub(super) struct OpenFiles<F: Fs> {
    /// In the order they were opened.
    generations: Vec<Generation<F::File>>,
    pub(super) packed: Packed<F>,
    /// Files that were open when the process that ran before saved its state.
    pub(super) closed: Closed,
    /// Texts of files that are gone since.
    formers: Vec<Former>,
    /// Files that wait for room.
    pub(super) waiting: Waiting,
    last_id: u64,
    read_bytes: usize,
    pub(super) line_bytes: usize,
    frame: Frame,
    pub(super) rotate_wait: Duration,
    fingerprinter: Fingerprinter,
    /// Most files open at one time.
    limit: usize,
    /// Files that are not wanted any more may be open.
    is_reconfigured: bool,
}

/// A file that was just opened.
pub(super) enum OpenFile<F: Fs> {
    Plain(Generation<F::File>),
    Archive(Archive<F>),
}

impl<F: Fs> OpenFile<F> {
    /// Returns the file's path, its identity, and the offset from which it is read.
    pub(super) fn parts(&self) -> (&Path, FileId, u64) {
        match self {
            Self::Plain(file) => (&file.path, file.file_id, file.offset),
            Self::Archive(file) => (&file.path, file.meta.id, file.offset),
        }
    }
}

impl<F: Fs> OpenFiles<F> {
    /// Creates an empty set that reads `read_bytes` at a time, or the size of two lines if that is larger.
    pub(super) fn new(
        settings: &FileSettings,
        read_bytes: usize,
        fingerprinter: Fingerprinter,
    ) -> Self {
        Self {
            generations: Vec::new(),
            packed: Packed::new(),
            closed: Closed::default(),
            formers: Vec::new(),
            waiting: Waiting::default(),
            last_id: 0,
            read_bytes,
            line_bytes: settings.line_bytes,
            frame: settings.frame,
            rotate_wait: settings.rotate_wait,
            fingerprinter,
            limit: settings.open_files,
            is_reconfigured: false,
        }
    }

    /// Applies other settings. [`Self::drop_unwanted`] is to be called after the next scan: another path may lead to a file.
    pub(super) fn reconfigure(&mut self, settings: &FileSettings) {
        self.line_bytes = settings.line_bytes;
        self.frame = settings.frame;
        self.rotate_wait = settings.rotate_wait;
        self.limit = settings.open_files;
        self.is_reconfigured = true;
        self.waiting.clear();
        for generation in &mut self.generations {
            generation.set_lines(settings.frame, settings.line_bytes);
        }
    }

    /// Returns the number of open files.
    pub(super) fn len(&self) -> usize {
        self.generations.len() + self.packed.len()
    }

    /// Returns the identities of the open files.
    pub(super) fn file_ids(&self) -> BTreeSet<FileId> {
        let plain = self.generations.iter().map(|own| own.file_id);
        let open = plain.chain(self.packed.file_ids());
        open.chain(self.closed.file_ids()).collect()
    }

    /// Returns the number of known bytes that were not handed over in all plain files, and in followed ones that are not open.
    pub(super) fn lag_bytes(&self) -> u64 {
        let open: u64 = self.generations.iter().map(Generation::unread).sum();
        let closed: u64 = self.closed.files.iter().map(Generation::unread).sum();
        open + closed + self.waiting.unread()
    }

    /// Returns whether it is decided of all files from where they are read.
    pub(super) fn is_decided(&self) -> bool {
        let is_all_open =
            self.packed.is_empty() && self.waiting.is_empty() && self.closed.is_empty();
        is_all_open && !self.generations.iter().any(Generation::is_in_doubt)
    }

    /// Returns whether all open files are at a followed path and are read.
    pub(super) fn is_steady(&self) -> bool {
        let is_steady =
            |own: &Generation<F::File>| own.link == Link::Attached && !own.is_in_doubt();
        let is_all_open =
            self.packed.is_empty() && self.waiting.is_empty() && self.closed.is_empty();
        is_all_open && self.generations.iter().all(is_steady)
    }

    /// Returns how many files may be open at one time.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Fails if one more file would exceed the limit: some descriptors are reserved for serving requests.
    pub(super) fn check_room(&self) -> io::Result<()> {
        if self.len() < self.limit {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} already open; raise the limit of open files (LimitNOFILE= in the unit)",
            counted(self.limit, "file")
        )))
    }

    /// Gives an open file an identifier and its paths.
    pub(super) fn opening<T>(&mut self, path: &Path, base: &Path, handle: Handle<T>) -> Opening<T> {
        self.last_id += 1;
        Opening {
            id: GenerationId(self.last_id),
            path: path.to_path_buf(),
            base: base.to_path_buf(),
            handle,
            line_bytes: self.line_bytes,
            frame: self.frame,
            fingerprinter: self.fingerprinter.clone(),
        }
    }

    pub(super) fn get(&self, id: GenerationId) -> Option<&Generation<F::File>> {
        self.generations.iter().find(|own| own.id == id)
    }

    pub(super) fn get_mut(&mut self, id: GenerationId) -> Option<&mut Generation<F::File>> {
        self.generations.iter_mut().find(|own| own.id == id)
    }

    /// Reads a file from the next round on.
    pub(super) fn add(&mut self, fs: &F, file: OpenFile<F>, events: &mut dyn FnMut(FileEvent)) {
        let (path, _, offset) = file.parts();
        let path = path.to_path_buf();
        // The offset of a file in doubt is not known yet.
        let is_known = !matches!(&file, OpenFile::Plain(file) if file.is_in_doubt());
        if is_known {
            events(FileEvent::Opened { path, offset });
        }
        match file {
            OpenFile::Plain(mut file) => {
                file.is_announced = is_known;
                file.targets = targets(fs, &file.path);
                self.generations.push(file);
            }
            OpenFile::Archive(file) => self.packed.archives.push(file),
        }
    }

    /// Updates the paths of all files from a listing.
    pub(super) fn relink(
        &mut self,
        fs: &F,
        finder: &Finder,
        listing: &Listing,
        now: Duration,
        events: &mut dyn FnMut(FileEvent),
    ) {
        let mut paths_to: BTreeMap<FileId, Vec<&Path>> = BTreeMap::new();
        for (path, sighting) in &listing.sightings {
            if let Ok(meta) = &sighting.seen {
                paths_to.entry(meta.id).or_default().push(path);
            }
        }
        for generation in &mut self.generations {
            #[cfg(test)]
            if is_planted(Fault::ByName)
                && let Ok(handle) = Handle::open(fs, &generation.path)
            {
                generation.reopen(handle);
                continue;
            }
            // The first write to a file of a lower layer of overlayfs gives it another time of birth.
            if listing.leads_to_other(&generation.path, generation.file_id)
                && let Ok(meta) = fs.fstat(&generation.file)
            {
                generation.file_id = meta.id;
            }
            let (id, path) = (generation.file_id, generation.path.as_path());
            let paths = paths_to.get(&id).map_or(&[][..], Vec::as_slice);
            // A path without the name of a rotated file outweighs one with it.
            let is_home = |to: &&Path| *to == finder.base_of(to);
            let homes: Vec<&Path> = paths.iter().copied().filter(is_home).collect();
            if homes.contains(&path) {
                generation.link = Link::Attached;
                if let Some(Ok(meta)) = listing.sightings.get(path).map(|own| &own.seen) {
                    generation.note_size(meta.size, finder.latest_moment().saturating_sub(1));
                }
                continue;
            }
            let was_attached = generation.link == Link::Attached;
            let stays = if was_attached {
                paths.is_empty() && may_lead(fs, path, id)
            } else {
                paths.is_empty() || paths.contains(&path)
            };
            if stays && homes.is_empty() {
                continue;
            }
            let moved_to = homes.first().or(paths.first()).map(|to| to.to_path_buf());
            let path = moved_to.clone().unwrap_or_else(|| path.to_path_buf());
            if !homes.is_empty() {
                generation.link = Link::Attached;
                if !finder.is_wanted(&generation.base) {
                    generation.base.clone_from(&path);
                }
            } else if was_attached {
                let was_rotated =
                    generation.is_rotated_file_of(fs, &generation.base, &generation.targets);
                generation.detach(now, finder.scans(), was_rotated);
            }
            events(FileEvent::Rotated {
                path: std::mem::replace(&mut generation.path, path),
                moved_to,
            });
        }
    }

    /// Reads at most one buffer of each file, so that a busy one does not delay the others. Closes archives at their end,
    /// and plain files that are rotated and quiet. A short round skips plain files without more to read.
    pub(super) fn read(&mut self, context: &mut Context<F>, is_short: bool) -> Reading<F> {
        let mut reading = Reading::default();
        self.read_plain(context, is_short, &mut reading);
        self.packed.read(context, self.rotate_wait, &mut reading);
        reading
    }

    fn read_plain(&mut self, context: &mut Context<F>, is_short: bool, reading: &mut Reading<F>) {
        let Context { fs, now, .. } = *context;
        let rotate_wait = self.rotate_wait;
        let (read_bytes, line_bytes) = (self.read_bytes, self.line_bytes);
        let doubts = self.generations.iter().filter_map(|own| own.doubt.as_ref());
        let compared: Vec<_> = doubts.flat_map(|doubt| doubt.compared_with()).collect();
        let mut ended = Vec::new();
        for at in 0..self.generations.len() {
            if is_short && !self.generations[at].has_more {
                continue;
            }
            let before = self.before_reading(fs, at);
            let is_awaited = self.is_awaited(at);
            let generation = &mut self.generations[at];
            let carry = match before {
                Before::Line(carry) => Some(carry),
                Before::Nothing => None,
                Before::Unread { has_more } => {
                    generation.has_more = has_more;
                    reading.has_more |= has_more;
                    continue;
                }
            };
            let part = &mut *context.buffer;
            let buffer = part.part(read_bytes, line_bytes, &generation.frames);
            let short_text = generation.short_text_modified();
            let carried = carry.as_ref().map(|carry| &carry.line);
            let mut step = generation.read(fs, now, buffer, carried, context.sink);
            let has_changed = |modified| modified != generation.modified();
            if short_text.is_some_and(has_changed) || matches!(step, Ok(ReadStep::Cut { .. })) {
                reading.cut.push(generation.base.clone());
            }
            generation.note_size(generation.size, context.finder.latest_moment());
            if matches!(step, Ok(ReadStep::Quiet))
                && !compared.contains(&generation.id)
                && !is_awaited
                && generation.is_over(fs, context.finder, rotate_wait, now)
            {
                step = generation.finish(fs, buffer, context.sink);
            }
            if matches!(step, Ok(ReadStep::Quiet | ReadStep::Grew { .. })) {
                generation.read_after = context.finder.scans();
            }
            reading.is_active |= !matches!(step, Ok(ReadStep::Quiet));
            let fault = generation.fault.note(&generation.path, step.as_ref().err());
            fault.map(&mut *context.events);
            generation.has_more = match step {
                Ok(ReadStep::Ended) => {
                    let (path, offset) = (generation.path.clone(), generation.offset);
                    (context.events)(FileEvent::Finished { path, offset });
                    let finished = generation.finished(fs);
                    reading.finished.push(finished);
                    ended.push(generation.id);
                    continue;
                }
                Ok(ReadStep::Replaced { unread }) => {
                    reading.replaced.push((generation.id, unread));
                    true
                }
                Ok(ReadStep::Doubtful) => {
                    reading.doubtful.push(generation.id);
                    false
                }
                Ok(ReadStep::Cut { unread }) => {
                    (context.events)(FileEvent::Truncated {
                        path: generation.path.clone(),
                        offset: generation.offset,
                        unread,
                        resume: generation.offset,
                        copy: None,
                    });
                    generation.touch(now);
                    true
                }
                Ok(ReadStep::Grew { more }) => {
                    generation.touch(now);
                    more
                }
                Ok(ReadStep::Quiet) | Err(_) => false,
            };
            reading.has_more |= generation.has_more;
            if let Some(carry) = carry.filter(|_| generation.consumed.end > 0) {
                self.consume_carried(carry);
            }
        }
        if !ended.is_empty() {
            self.generations.retain(|own| !ended.contains(&own.id));
        }
    }
}
