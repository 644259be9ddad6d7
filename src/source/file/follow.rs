//! Follows all files that patterns name, through whatever happens to them.
//!
//! Invariant: a file is open at most once however many paths lead to it, and is let go only when
//! no path leads to it, its end was read and it was quiet for long enough.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::discover::{Directories, Wanted};
use super::fs::Fs;
use super::generation::{self, Generation, Link, Step};
use super::place::{Known, Trouble};
use super::plant::{self, Fault};
use super::print::Printer;
use super::rotated::Rotated;
use super::settings::{FilePosition, FileSettings, Progress};
use super::tomb::Tombs;
use super::unpack::Archive;
use crate::clock::Clock;
use crate::model::{Batch, GenerationId};
use crate::source::{FileEvent, READ_BYTES};

/// Follows the files its settings name.
///
/// Nothing here waits. The owner calls [`FileSource::discover`] when that is due and when names
/// in a directory changed, and [`FileSource::poll`] when anything may have: at wake-ups, when a
/// discovery is due, and again while it makes progress.
pub struct FileSource<F: Fs> {
    pub(super) fs: F,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) settings: FileSettings,
    /// In the order they were opened.
    pub(super) generations: Vec<Generation<F::File>>,
    /// Compressed files that are being read.
    pub(super) archives: Vec<Archive<F>>,
    pub(super) tombs: Tombs,
    pub(super) printer: Printer,
    pub(super) known: BTreeMap<PathBuf, Known>,
    /// Followed paths at which, when it was last looked, something stood that could not be opened: its size, if
    /// that could be seen.
    pub(super) unopened: BTreeMap<PathBuf, Option<u64>>,
    pub(super) reported: BTreeMap<PathBuf, Trouble>,
    /// Where a change may concern this source.
    pub(super) watched: BTreeSet<PathBuf>,
    pub(super) directories: Directories,
    pub(super) buffer: Vec<u8>,
    read_bytes: usize,
    next_generation: u64,
    pub(super) discoveries: u64,
    pub(super) must_discover: bool,
    just_looked: JustLooked,
    /// Rounds since the last one that left nothing to read.
    pub(super) busy_rounds: u32,
    /// When it was last looked for files because that was due, unless it is due at once.
    looked: Option<Duration>,
    /// Whether every change wakes the owner.
    is_watched: bool,
    /// Looks since the last one that anything happened before.
    quiet_looks: u32,
    /// Seldom looks that found what nobody had told of.
    untold: u32,
}

/// Of so many rounds in which a file has more to read, one looks at all others too. A round takes less than
/// a millisecond.
const WHOLE_ROUND: u32 = 8;

/// So many looks in a row find nothing before they become seldom.
const QUIET_LOOKS: u32 = 8;

/// How much less often is looked then. A wake-up costs far more than what it is for.
const SELDOM: u32 = 4;

/// So many of them find what nobody told of before they are given up: one may have come before the notification.
const MOST_UNTOLD: u32 = 2;

/// Whether nothing happened since the last discovery but that time may have passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JustLooked {
    No,
    Yes,
    /// And that was a seldom one, for which nobody asked.
    Seldom,
}

/// What became of a generation in a round.
enum Visit {
    More,
    Idle,
    Replaced(u64),
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
            wanted: settings.paths.iter().cloned().map(Wanted::new).collect(),
            generations: Vec::new(),
            archives: Vec::new(),
            tombs: Tombs::default(),
            printer: Printer::default(),
            known: BTreeMap::new(),
            unopened: BTreeMap::new(),
            reported: BTreeMap::new(),
            watched: BTreeSet::new(),
            directories: Directories::default(),
            buffer: generation::buffer(read_bytes, settings.line_bytes),
            read_bytes,
            next_generation: 0,
            discoveries: 0,
            must_discover: true,
            just_looked: JustLooked::No,
            busy_rounds: 0,
            looked: None,
            is_watched: false,
            quiet_looks: 0,
            untold: 0,
            settings,
        }
    }

    /// How long until the next discovery is due, changes or not: zero at first, and after other settings.
    pub fn until_due(&self) -> Duration {
        if plant::is_planted(Fault::NoPoll) && self.discoveries > 0 {
            return Duration::MAX;
        }
        let Some(looked) = self.looked else {
            return Duration::ZERO;
        };
        if plant::is_planted(Fault::NoSeldomPoll) && self.is_at_rest() {
            return Duration::MAX;
        }
        let pause = if self.is_at_rest() {
            self.settings.poll.saturating_mul(SELDOM)
        } else {
            self.settings.poll
        };
        let due = looked.saturating_add(pause);
        due.saturating_sub(self.clock.monotonic())
    }

    /// Says whether every change in [`Self::directories`] wakes the owner, as far as the system can tell. Then,
    /// once nothing happened for a while, discoveries are due four times as seldom, unless it turns out that not
    /// every change does: the system tells of none through a hard link elsewhere.
    pub fn set_watched(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    /// Whether all that is wanted is open, and nothing happened for a while.
    fn is_at_rest(&self) -> bool {
        let is_attached = |own: &Generation<F::File>| own.link == Link::Attached;
        self.is_watched
            && self.quiet_looks >= QUIET_LOOKS
            && self.untold < MOST_UNTOLD
            && self.reported.is_empty()
            && self.archives.is_empty()
            && self.generations.iter().all(is_attached)
    }

    /// Does one bounded round: looks whether the known paths lead where they did (if not,
    /// discovers), then reads at most one buffer of each file, so that a busy one keeps no other
    /// waiting, and finishes those that are rotated and quiet. Of the rounds that follow while there is
    /// more, only some look at the files that had no more.
    pub fn poll(
        &mut self,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(FileEvent),
    ) -> Progress {
        // What changes behind a look is seen by the next one.
        let just_looked = std::mem::replace(&mut self.just_looked, JustLooked::No);
        let is_short = !self.busy_rounds.is_multiple_of(WHOLE_ROUND);
        if self.must_discover || (just_looked == JustLooked::No && !is_short && self.has_changed())
        {
            self.look(events);
        }
        let now = self.clock.monotonic();
        let mut progress = Progress::Idle;
        let mut replaced = Vec::new();
        let mut generations = std::mem::take(&mut self.generations);
        generations.retain_mut(|generation| {
            if is_short && !generation.has_more {
                return true;
            }
            let visit = self.visit(generation, now, sink, events);
            generation.has_more = matches!(visit, Visit::More | Visit::Replaced(_));
            match visit {
                Visit::Idle => {}
                Visit::More => progress = Progress::More,
                Visit::Replaced(unread) => replaced.push((generation.id, unread)),
                Visit::Finished => {
                    self.bury(generation, now);
                    return false;
                }
            }
            true
        });
        self.generations = generations;
        for (id, unread) in replaced {
            self.replaced(id, unread, events);
            progress = Progress::More;
        }
        if self.unpack(now, sink, events) {
            progress = Progress::More;
        }
        if just_looked == JustLooked::Seldom && self.quiet_looks == 0 {
            self.untold += 1;
        }
        self.busy_rounds = match progress {
            Progress::More => self.busy_rounds.wrapping_add(1),
            Progress::Idle => 0,
        };
        progress
    }

    /// Looks for files that came, went or moved, and tries again those that couldn't be opened.
    pub fn discover(&mut self, events: &mut dyn FnMut(FileEvent)) {
        let is_seldom = self.is_at_rest() && self.until_due().is_zero();
        self.just_looked = if is_seldom {
            JustLooked::Seldom
        } else {
            JustLooked::Yes
        };
        self.looked = Some(self.clock.monotonic());
        let mut is_quiet = true;
        self.look(&mut |event| {
            is_quiet = false;
            events(event);
        });
        self.quiet_looks = if is_quiet {
            self.quiet_looks.saturating_add(1)
        } else {
            0
        };
    }

    /// Follows other files from the next round on. Files still wanted, under the path they were
    /// last found at, are read on where they are; others are closed.
    pub fn reconfigure(&mut self, settings: FileSettings, events: &mut dyn FnMut(FileEvent)) {
        let before = std::mem::take(&mut self.wanted);
        self.wanted = settings.paths.iter().cloned().map(Wanted::new).collect();
        for wanted in &mut self.wanted {
            let same = |known: &&Wanted| known.pattern.is_same(&wanted.pattern);
            wanted.fresh = before.iter().find(same).is_none_or(|known| known.fresh);
        }
        self.buffer = generation::buffer(self.read_bytes, settings.line_bytes);
        let wanted = &self.wanted;
        let is_wanted = |path: &Path| wanted.iter().any(|wanted| wanted.pattern.matches(path));
        self.known.retain(|path, _| is_wanted(path));
        self.generations.retain_mut(|generation| {
            generation.set_line_bytes(settings.line_bytes);
            if is_wanted(&generation.path) || is_wanted(&generation.base) {
                return true;
            }
            events(FileEvent::Dropped {
                path: generation.path.clone(),
                generation: generation.id,
                unread: generation.unread(),
            });
            false
        });
        self.archives.retain(|archive| {
            let is_kept = is_wanted(&archive.base);
            if !is_kept {
                events(FileEvent::Dropped {
                    path: archive.path.clone(),
                    generation: archive.id,
                    unread: archive.meta.size,
                });
            }
            is_kept
        });
        self.settings = settings;
        self.directories.unsettle();
        self.must_discover = true;
        self.looked = None;
        self.quiet_looks = 0;
        self.untold = 0;
    }

    /// How far each open file was read, in the order they were opened; compressed ones come last.
    pub fn positions(&self) -> Vec<FilePosition> {
        let plain = self.generations.iter().map(|generation| FilePosition {
            path: generation.path.clone(),
            file: generation.file_id,
            generation: generation.id,
            offset: generation.offset,
            size: generation.size,
            is_rotated: generation.link != Link::Attached,
        });
        let archives = self.archives.iter().map(|archive| FilePosition {
            path: archive.path.clone(),
            file: archive.meta.id,
            generation: archive.id,
            offset: archive.offset,
            size: archive.meta.size,
            is_rotated: true,
        });
        plain.chain(archives).collect()
    }

    /// How many files are open.
    pub fn open_files(&self) -> usize {
        self.generations.len() + self.archives.len()
    }

    /// Bytes that all open files were last known to hold and that were not handed over.
    pub fn lag_bytes(&self) -> u64 {
        self.generations.iter().map(Generation::unread).sum()
    }

    /// The directories, as of the last discovery, where a change may concern this source.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        let homes = self.generations.iter().filter_map(|own| own.home.as_ref());
        self.watched.iter().chain(homes).map(PathBuf::as_path)
    }

    /// Memory that reading takes, however many files there are.
    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Reads a file's next buffer, or finishes it.
    fn visit(
        &mut self,
        generation: &mut Generation<F::File>,
        now: Duration,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(FileEvent),
    ) -> Visit {
        let step = generation.read(&self.fs, now, &mut self.buffer, sink);
        let step = match step {
            Ok(Step::Quiet) if self.is_over(generation, now) => {
                let finished = generation.finish(&self.fs, &mut self.buffer, sink);
                finished.map(|finished| if finished { None } else { Some(Step::Quiet) })
            }
            step => step.map(Some),
        };
        if !matches!(step, Ok(Some(Step::Quiet))) {
            self.quiet_looks = 0;
        }
        generation.note_fault(step.as_ref().err()).map(&mut *events);
        let (path, id) = (&generation.path, generation.id);
        match step {
            Ok(None) => {
                events(FileEvent::Finished {
                    path: path.clone(),
                    generation: id,
                    offset: generation.offset,
                });
                return Visit::Finished;
            }
            Ok(Some(Step::Cut { unread })) => events(FileEvent::Truncated {
                path: path.clone(),
                generation: id,
                offset: generation.offset,
                unread,
                resume: generation.offset,
                copy: None,
            }),
            Ok(Some(Step::Replaced { unread })) => return Visit::Replaced(unread),
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

    /// The name of the next file to be opened.
    pub(super) fn next_id(&mut self) -> GenerationId {
        let id = GenerationId(self.next_generation);
        self.next_generation += 1;
        id
    }
}

/// The followed path that a file had before it was rotated; its own if that was none.
pub(super) fn base_of(wanted: &[Wanted], path: &Path) -> PathBuf {
    let base = Rotated::base_of(path);
    let base = base.filter(|base| wanted.iter().any(|wanted| wanted.pattern.matches(base)));
    base.unwrap_or_else(|| path.to_path_buf())
}
