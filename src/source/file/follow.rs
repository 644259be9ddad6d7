//! Follows all files that patterns name, through whatever happens to them.
//!
//! Invariant: a file is open at most once however many paths lead to it, and is let go only when
//! no path leads to it, its end was read and it was quiet for long enough.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::discover::{self, Listing, Wanted};
use super::fs::{FileError, Fs};
use super::generation::{self, Generation, Link, Step};
use super::identity::FileId;
use super::place::{Known, Place, Trouble};
use super::settings::{FilePosition, FileSettings, Progress, Start};
use crate::clock::Clock;
use crate::model::{Batch, GenerationId};
use crate::source::{Event, READ_BYTES};

/// Follows the files its settings name.
///
/// Nothing here waits. The owner calls [`FileSource::discover`] at its slow poll and when names
/// in a directory changed, and [`FileSource::poll`] when anything may have: at wake-ups, at the
/// slow poll, and again while it makes progress.
pub struct FileSource<F: Fs> {
    fs: F,
    clock: Arc<dyn Clock>,
    wanted: Vec<Wanted>,
    start: Start,
    line_bytes: usize,
    rotate_wait: Duration,
    /// In the order they were opened.
    generations: Vec<Generation<F::File>>,
    known: BTreeMap<PathBuf, Known>,
    reported: BTreeMap<PathBuf, Trouble>,
    directories: BTreeSet<PathBuf>,
    buffer: Vec<u8>,
    read_bytes: usize,
    next_generation: u64,
    discoveries: u64,
    must_discover: bool,
}

/// What became of a generation in a round.
enum Visit {
    More,
    Idle,
    Finished,
}

impl<F: Fs> FileSource<F> {
    /// Will follow what `settings` name; looks at nothing yet.
    pub fn new(settings: FileSettings, fs: F, clock: Arc<dyn Clock>) -> Self {
        Self::with_read_bytes(settings, fs, clock, READ_BYTES)
    }

    /// Like [`FileSource::new`], reading `read_bytes` at a time, or what two lines can need.
    pub(super) fn with_read_bytes(
        settings: FileSettings,
        fs: F,
        clock: Arc<dyn Clock>,
        read_bytes: usize,
    ) -> Self {
        Self {
            fs,
            clock,
            wanted: settings.paths.into_iter().map(Wanted::new).collect(),
            start: settings.start,
            line_bytes: settings.line_bytes,
            rotate_wait: settings.rotate_wait,
            generations: Vec::new(),
            known: BTreeMap::new(),
            reported: BTreeMap::new(),
            directories: BTreeSet::new(),
            buffer: generation::buffer(read_bytes, settings.line_bytes),
            read_bytes,
            next_generation: 0,
            discoveries: 0,
            must_discover: true,
        }
    }

    /// Does one bounded round: looks whether the known paths lead where they did (if not,
    /// discovers), then reads at most one buffer of each file, so that a busy one keeps no other
    /// waiting, and finishes those that are rotated and quiet.
    pub fn poll(
        &mut self,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(Event),
    ) -> Progress {
        if self.must_discover || self.has_changed() {
            self.discover(events);
        }
        let now = self.clock.monotonic();
        let mut progress = Progress::Idle;
        let mut generations = std::mem::take(&mut self.generations);
        generations.retain_mut(|generation| {
            let visit = self.visit(generation, now, sink, events);
            if matches!(visit, Visit::More) {
                progress = Progress::More;
            }
            !matches!(visit, Visit::Finished)
        });
        self.generations = generations;
        progress
    }

    /// Looks for files that came, went or moved, and tries again those that couldn't be opened.
    pub fn discover(&mut self, events: &mut dyn FnMut(Event)) {
        self.must_discover = false;
        self.discoveries += 1;
        let mut listing = discover::look(&self.fs, &mut self.wanted);
        self.relink(&listing, events);
        self.open_unopened(&mut listing, events);
        self.remember(listing, events);
    }

    /// Follows other files from the next round on. Files still wanted, under the path they were
    /// last found at, are read on where they are; others are closed.
    pub fn reconfigure(&mut self, settings: FileSettings, events: &mut dyn FnMut(Event)) {
        let before = std::mem::take(&mut self.wanted);
        self.wanted = settings.paths.into_iter().map(Wanted::new).collect();
        for wanted in &mut self.wanted {
            let same = |known: &&Wanted| known.pattern.is_same(&wanted.pattern);
            wanted.fresh = before.iter().find(same).is_none_or(|known| known.fresh);
        }
        self.start = settings.start;
        self.line_bytes = settings.line_bytes;
        self.rotate_wait = settings.rotate_wait;
        self.buffer = generation::buffer(self.read_bytes, self.line_bytes);
        let wanted = &self.wanted;
        let is_wanted = |path: &Path| wanted.iter().any(|wanted| wanted.pattern.matches(path));
        self.known.retain(|path, _| is_wanted(path));
        self.generations.retain_mut(|generation| {
            generation.set_line_bytes(settings.line_bytes);
            if is_wanted(&generation.path) {
                return true;
            }
            events(Event::Dropped {
                path: generation.path.clone(),
                generation: generation.id,
                unread: generation.unread(),
            });
            false
        });
        self.must_discover = true;
    }

    /// How far each open file was read, in the order they were opened.
    pub fn positions(&self) -> Vec<FilePosition> {
        self.generations
            .iter()
            .map(|generation| FilePosition {
                path: generation.path.clone(),
                file: generation.file_id,
                generation: generation.id,
                offset: generation.offset,
                size: generation.size,
                is_rotated: generation.link != Link::Attached,
            })
            .collect()
    }

    /// Bytes that all open files were last known to hold and that were not handed over.
    pub fn lag_bytes(&self) -> u64 {
        self.generations.iter().map(Generation::unread).sum()
    }

    /// The directories, as of the last discovery, where a change may concern this source.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(PathBuf::as_path)
    }

    /// Memory that reading takes, however many files there are.
    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether a known path leads elsewhere than at the last discovery.
    fn has_changed(&self) -> bool {
        self.known
            .iter()
            .any(|(path, known)| Place::from(&discover::stat(&self.fs, path)) != known.place)
    }

    /// Finds out which generations are still led to, and by which path.
    fn relink(&mut self, listing: &Listing, events: &mut dyn FnMut(Event)) {
        let mut paths_to: BTreeMap<FileId, Vec<&Path>> = BTreeMap::new();
        for (path, sighting) in &listing.sightings {
            if let Ok(meta) = &sighting.seen {
                paths_to.entry(meta.id).or_default().push(path);
            }
        }
        let detached = Link::Detached {
            quiet_since: self.clock.monotonic(),
            discovery: self.discoveries,
        };
        for generation in &mut self.generations {
            let path = &generation.path;
            let (link, moved_to) = match paths_to.get(&generation.file_id).map(Vec::as_slice) {
                Some(paths) if paths.contains(&path.as_path()) => (Link::Attached, None),
                Some([first, ..]) => (Link::Attached, Some(first.to_path_buf())),
                _ if generation.link != Link::Attached => continue,
                _ if may_lead(&self.fs, path, generation.file_id) => continue,
                _ => (detached, None),
            };
            generation.link = link;
            if link == Link::Attached && moved_to.is_none() {
                continue;
            }
            let path = moved_to.clone().unwrap_or_else(|| path.clone());
            events(Event::Rotated {
                path: std::mem::replace(&mut generation.path, path),
                generation: generation.id,
                moved_to,
            });
        }
    }

    /// Opens what was found and isn't open. What can't be opened turns into an error in `listing`.
    fn open_unopened(&mut self, listing: &mut Listing, events: &mut dyn FnMut(Event)) {
        let mut open: BTreeSet<FileId> = self.generations.iter().map(|g| g.file_id).collect();
        for (path, sighting) in &mut listing.sightings {
            let Ok(meta) = sighting.seen else {
                continue;
            };
            if open.contains(&meta.id) {
                continue;
            }
            let known = self.known.get(path);
            let earlier = known.filter(|known| known.place == Place::Leads(meta.id));
            let size_at_first = if sighting.fresh && self.start == Start::End {
                Some(meta.size)
            } else {
                earlier.and_then(|known| known.size_at_first)
            };
            match self.open(path, meta.id, size_at_first) {
                Ok(generation) if open.insert(generation.file_id) => {
                    events(Event::Opened {
                        path: path.clone(),
                        generation: generation.id,
                        offset: generation.offset,
                    });
                    self.generations.push(generation);
                }
                Ok(_) => {}
                Err(error) => {
                    sighting.size_at_first = size_at_first;
                    listing.faults.push((path.clone(), Some(error)));
                }
            }
        }
    }

    /// Opens the file at `path`, to begin at 0, or at the line that `place` is in if it still is
    /// the file `id`.
    fn open(
        &mut self,
        path: &Path,
        id: FileId,
        place: Option<u64>,
    ) -> Result<Generation<F::File>, FileError> {
        let file = self.fs.open(path)?;
        let meta = self.fs.fstat(&file)?;
        let generation = GenerationId(self.next_generation);
        let path = path.to_path_buf();
        let mut generation = Generation::new(generation, path, file, meta, self.line_bytes);
        if let Some(place) = place.filter(|_| meta.id == id) {
            let place = place.min(meta.size);
            generation.seek_line(&self.fs, place, self.line_bytes, &mut self.buffer)?;
        }
        self.next_generation += 1;
        Ok(generation)
    }

    /// Keeps what the next looks are compared with, and tells of troubles that weren't there.
    fn remember(&mut self, listing: Listing, events: &mut dyn FnMut(Event)) {
        self.directories = listing.directories;
        self.known.clear();
        let mut faults = listing.faults;
        for (path, sighting) in listing.sightings {
            let known = Known {
                place: Place::from(&sighting.seen),
                size_at_first: sighting.size_at_first,
            };
            if let Err(error) = sighting.seen {
                faults.push((path.clone(), Some(error)));
            }
            self.known.insert(path, known);
        }
        let before = std::mem::take(&mut self.reported);
        for (path, error) in faults {
            let trouble = error.as_ref().map_or(Trouble::Missing, Trouble::from);
            if before.get(&path) != Some(&trouble) {
                let path = path.clone();
                events(match error {
                    Some(error) if trouble != Trouble::Missing => Event::Unreadable { path, error },
                    _ => Event::Missing { path },
                });
            }
            self.reported.insert(path, trouble);
        }
    }

    /// Reads a file's next buffer, or finishes it.
    fn visit(
        &mut self,
        generation: &mut Generation<F::File>,
        now: Duration,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(Event),
    ) -> Visit {
        let step = generation.read(&self.fs, &mut self.buffer, sink);
        let step = match step {
            Ok(Step::Quiet) if self.is_over(generation, now) => {
                let finished = generation.finish(&self.fs, &mut self.buffer, sink);
                finished.map(|finished| if finished { None } else { Some(Step::Quiet) })
            }
            step => step.map(Some),
        };
        generation.note_fault(step.as_ref().err()).map(&mut *events);
        let (path, id) = (&generation.path, generation.id);
        match step {
            Ok(None) => {
                events(Event::Finished {
                    path: path.clone(),
                    generation: id,
                    offset: generation.offset,
                });
                return Visit::Finished;
            }
            Ok(Some(Step::Truncated {
                offset,
                unread,
                resume,
            })) => {
                events(Event::Truncated {
                    path: path.clone(),
                    generation: id,
                    offset,
                    unread,
                    resume,
                });
            }
            Ok(Some(Step::Grew { .. })) => {}
            Ok(Some(Step::Quiet)) | Err(_) => return Visit::Idle,
        }
        if let Link::Detached { quiet_since, .. } = &mut generation.link {
            *quiet_since = now;
        }
        if matches!(step, Ok(Some(Step::Grew { more: false }))) {
            Visit::Idle
        } else {
            Visit::More
        }
    }

    /// Whether nobody will write to this file any more. It takes another discovery than the one
    /// that missed it, so that a file caught in the midst of a rename is not taken for gone.
    fn is_over(&self, generation: &Generation<F::File>, now: Duration) -> bool {
        match generation.link {
            Link::Attached => false,
            Link::Detached {
                quiet_since,
                discovery,
            } => {
                self.discoveries > discovery && now.saturating_sub(quiet_since) >= self.rotate_wait
            }
        }
    }
}

/// Whether `path` leads to this file, or one can't see where it leads.
fn may_lead<F: Fs>(fs: &F, path: &Path, id: FileId) -> bool {
    match Place::from(&discover::stat(fs, path)) {
        Place::Leads(other) => other == id,
        Place::Not(trouble) => matches!(trouble, Trouble::Io(_)),
    }
}
