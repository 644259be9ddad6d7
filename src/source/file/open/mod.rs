//! The open files, their paths and their positions.
//!
//! Invariant: a file is open at most once, however many paths lead to it. It is closed only after its end was read, and
//! leaves a record.

pub(super) mod archive;
mod generation;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use archive::{Archive, ArchiveStep, is_damage};
pub(super) use generation::{Generation, Opening};
use generation::{Link, ReadStep};

use super::event::FileEvent;
use super::finder::{Finder, Listing, may_lead};
use super::fingerprint::Fingerprinter;
use super::fs::{FileId, Fs, Handle};
use super::history::FinishedFile;
use super::settings::FileSettings;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};
use crate::model::{Batch, GenerationId};

/// All open files of a source.
pub(super) struct OpenFiles<F: Fs> {
    /// In the order they were opened.
    generations: Vec<Generation<F::File>>,
    archives: Vec<Archive<F>>,
    last_id: u64,
    buffer: Vec<u8>,
    read_bytes: usize,
    pub(super) line_bytes: usize,
    rotate_wait: Duration,
    /// Most files open at one time.
    limit: usize,
}

/// A file that was just opened.
pub(super) enum OpenFile<F: Fs> {
    Plain(Generation<F::File>),
    Archive(Archive<F>),
}

/// State outside the files that reading them needs.
pub(super) struct Context<'a, F> {
    pub(super) fs: &'a F,
    pub(super) finder: &'a Finder,
    pub(super) fingerprinter: &'a Fingerprinter,
    /// Monotonic time.
    pub(super) now: Duration,
    pub(super) sink: &'a mut dyn FnMut(&Batch<'_>),
    pub(super) events: &'a mut dyn FnMut(FileEvent),
}

/// Result of reading all files once.
#[derive(Default)]
pub(super) struct Reading {
    /// True if a file holds more than was read.
    pub(super) has_more: bool,
    /// True if a plain file changed or could not be read.
    pub(super) is_active: bool,
    /// Files whose consumed part changed, each with the number of bytes after that part that may be lost.
    pub(super) replaced: Vec<(GenerationId, u64)>,
    /// Records of the files that were closed.
    pub(super) finished: Vec<FinishedFile>,
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
    /// Creates an empty set with a buffer of `read_bytes`, or of the size of two lines if that is larger.
    pub(super) fn new(settings: &FileSettings, read_bytes: usize) -> Self {
        Self {
            generations: Vec::new(),
            archives: Vec::new(),
            last_id: 0,
            buffer: generation::buffer(read_bytes, settings.line_bytes),
            read_bytes,
            line_bytes: settings.line_bytes,
            rotate_wait: settings.rotate_wait,
            limit: settings.open_files,
        }
    }

    /// Applies other settings, and closes the files that are not wanted any more.
    pub(super) fn reconfigure(
        &mut self,
        settings: &FileSettings,
        finder: &Finder,
        events: &mut dyn FnMut(FileEvent),
    ) {
        self.buffer = generation::buffer(self.read_bytes, settings.line_bytes);
        self.line_bytes = settings.line_bytes;
        self.rotate_wait = settings.rotate_wait;
        self.limit = settings.open_files;
        self.generations.retain_mut(|generation| {
            generation.set_line_bytes(settings.line_bytes);
            let is_kept = [&generation.path, &generation.base]
                .iter()
                .any(|path| finder.is_wanted(path));
            if !is_kept {
                let (path, unread) = (generation.path.clone(), generation.unread());
                events(FileEvent::Dropped { path, unread });
            }
            is_kept
        });
        self.archives.retain(|archive| {
            let is_kept = finder.is_wanted(&archive.base);
            if !is_kept {
                let (path, unread) = (archive.path.clone(), archive.meta.size);
                events(FileEvent::Dropped { path, unread });
            }
            is_kept
        });
    }

    /// Returns the number of open files.
    pub(super) fn len(&self) -> usize {
        self.generations.len() + self.archives.len()
    }

    /// Returns the identities of the open files.
    pub(super) fn file_ids(&self) -> BTreeSet<FileId> {
        let plain = self.generations.iter().map(|own| own.file_id);
        let archives = self.archives.iter().map(|own| own.meta.id);
        plain.chain(archives).collect()
    }

    /// Returns the number of known bytes in all plain files that were not handed over.
    pub(super) fn lag_bytes(&self) -> u64 {
        self.generations.iter().map(Generation::unread).sum()
    }

    /// Returns the directories of files that were opened through a symbolic link.
    pub(super) fn homes(&self) -> impl Iterator<Item = &PathBuf> {
        self.generations.iter().filter_map(|own| own.home.as_ref())
    }

    /// Returns whether all open files are at a followed path.
    pub(super) fn is_steady(&self) -> bool {
        let is_attached = |own: &Generation<F::File>| own.link == Link::Attached;
        self.archives.is_empty() && self.generations.iter().all(is_attached)
    }

    /// Fails if one more file would exceed the limit: some descriptors are reserved for serving requests.
    pub(super) fn check_room(&self) -> io::Result<()> {
        if self.len() < self.limit {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} files are already open; raise the limit of open files (LimitNOFILE= in the unit)",
            self.limit
        )))
    }

    /// Gives an open file an identifier and its paths.
    pub(super) fn opening(
        &mut self,
        path: &Path,
        base: &Path,
        handle: Handle<F::File>,
    ) -> Opening<F::File> {
        self.last_id += 1;
        Opening {
            id: GenerationId(self.last_id),
            path: path.to_path_buf(),
            base: base.to_path_buf(),
            handle,
            line_bytes: self.line_bytes,
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
        events(FileEvent::Opened { path, offset });
        match file {
            OpenFile::Plain(mut file) => {
                file.home = fs.home(&file.path);
                self.generations.push(file);
            }
            OpenFile::Archive(file) => self.archives.push(file),
        }
    }

    /// Returns whether a text of the followed path `base` that begins with `head` may be a copy of an open file. `at_base`
    /// is the file at that path.
    pub(super) fn may_have_copy(
        &self,
        fs: &F,
        base: &Path,
        at_base: Option<FileId>,
        head: &[u8],
        fingerprinter: &Fingerprinter,
    ) -> io::Result<bool> {
        for generation in &self.generations {
            if (generation.base == base || at_base == Some(generation.file_id))
                && generation
                    .consumed
                    .may_have_copy(fs, &generation.file, head)?
            {
                return Ok(true);
            }
        }
        let mut archives = self.archives.iter().filter(|archive| archive.base == base);
        Ok(archives.any(|archive| fingerprinter.matches(head, &archive.head)))
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
            let (id, path) = (generation.file_id, generation.path.as_path());
            let paths = paths_to.get(&id).map_or(&[][..], Vec::as_slice);
            // A path without the name of a rotated file outweighs one with it.
            let is_home = |to: &&Path| *to == finder.base_of(to);
            let homes: Vec<&Path> = paths.iter().copied().filter(is_home).collect();
            if homes.contains(&path) {
                generation.link = Link::Attached;
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
            } else if was_attached {
                generation.detach(now, finder.scans());
            }
            events(FileEvent::Rotated {
                path: std::mem::replace(&mut generation.path, path),
                moved_to,
            });
        }
    }

    /// Reads at most one buffer of each file, so that a busy one does not delay the others. Closes archives at their end,
    /// and plain files that are rotated and quiet. A short round skips plain files without more to read.
    pub(super) fn read(&mut self, context: &mut Context<F>, is_short: bool) -> Reading {
        let mut reading = Reading::default();
        self.read_plain(context, is_short, &mut reading);
        self.read_archives(context, &mut reading);
        reading
    }

    fn read_plain(&mut self, context: &mut Context<F>, is_short: bool, reading: &mut Reading) {
        let Context { fs, now, .. } = *context;
        let (buffer, rotate_wait) = (&mut self.buffer, self.rotate_wait);
        self.generations.retain_mut(|generation| {
            if is_short && !generation.has_more {
                return true;
            }
            let mut step = generation.read(fs, now, buffer, context.sink);
            if matches!(step, Ok(ReadStep::Quiet))
                && generation.is_over(context.finder, rotate_wait, now)
            {
                step = generation.finish(fs, buffer, context.sink);
            }
            reading.is_active |= !matches!(step, Ok(ReadStep::Quiet));
            let fault = generation.fault.note(&generation.path, step.as_ref().err());
            fault.map(&mut *context.events);
            generation.has_more = match step {
                Ok(ReadStep::Ended) => {
                    let (path, offset) = (generation.path.clone(), generation.offset);
                    (context.events)(FileEvent::Finished { path, offset });
                    let finished = generation.finished(fs, context.fingerprinter);
                    reading.finished.push(finished);
                    return false;
                }
                Ok(ReadStep::Replaced { unread }) => {
                    reading.replaced.push((generation.id, unread));
                    true
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
            true
        });
    }

    fn read_archives(&mut self, context: &mut Context<F>, reading: &mut Reading) {
        self.archives.retain_mut(|archive| {
            let step = archive.read(context.sink);
            let fault = step.as_ref().err().filter(|error| !is_damage(error));
            archive
                .fault
                .note(&archive.path, fault)
                .map(&mut *context.events);
            reading.has_more |= matches!(step, Ok(ArchiveStep::More));
            if fault.is_some() || matches!(step, Ok(ArchiveStep::More)) {
                return true;
            }
            let finished = archive.finished(context.fingerprinter, step.is_ok());
            reading.finished.push(finished);
            let (path, offset) = (archive.path.clone(), archive.offset);
            (context.events)(match step {
                Ok(_) => FileEvent::Finished { path, offset },
                Err(error) => FileEvent::Damaged {
                    path,
                    offset,
                    error,
                },
            });
            false
        });
    }

    /// Paths and offsets of the open files, archives last.
    #[cfg(test)]
    pub(super) fn positions(&self) -> Vec<(PathBuf, u64)> {
        let plain = self.generations.iter();
        let plain = plain.map(|own| (own.path.clone(), own.offset));
        let archives = self.archives.iter();
        let archives = archives.map(|own| (own.path.clone(), own.offset));
        plain.chain(archives).collect()
    }

    /// Bytes of memory that reading takes, however many files are open.
    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.capacity()
    }
}
