//! Follows all files that patterns match, through rotation, truncation and replacement.
//!
//! Invariant: each part keeps its own state ([`Finder`], [`History`], [`OpenFiles`], [`Pace`]); this one only calls them in
//! sequence.

mod saved;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::adopt::{Adoption, Reopened};
use super::event::FileEvent;
use super::finder::Finder;
use super::fs::Fs;
use super::history::{History, MOST_RECORDS};
use super::names::Names;
use super::open::{Context, OpenFiles, ReadBuffer};
use super::open_log::OpenLog;
use super::own_clock::OwnClock;
use super::pace::Pace;
use super::settings::{FileSettings, Progress, Start};
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};
use crate::clock::Clock;
use crate::model::{Batch, SecretKey};
use crate::source::frame::READ_BYTES;

/// Follows the files that its settings name.
///
/// No method blocks. The owner calls [`FileSource::discover`] when it is due and when names in a directory changed, and
/// [`FileSource::poll`] when anything may have changed: at each wake-up, when a discovery is due, and again while it
/// makes progress.
pub struct FileSource<F: Fs> {
    fs: F,
    clock: OwnClock,
    start: Start,
    finder: Finder,
    history: History,
    open: OpenFiles<F>,
    pace: Pace,
}

impl<F: Fs> FileSource<F> {
    /// Makes a source that has not accessed any file yet.
    pub fn new(settings: &FileSettings, fs: F, clock: Arc<dyn Clock>, key: SecretKey) -> Self {
        Self::with_read_bytes(settings, fs, clock, key, READ_BYTES)
    }

    /// Makes a source that reads `read_bytes` at a time, or the size of two lines if that is larger.
    pub(super) fn with_read_bytes(
        settings: &FileSettings,
        fs: F,
        clock: Arc<dyn Clock>,
        key: SecretKey,
        read_bytes: usize,
    ) -> Self {
        let history = History::new(MOST_RECORDS, key);
        let fingerprinter = history.fingerprinter().clone();
        Self {
            fs,
            clock: OwnClock::new(clock),
            start: settings.start,
            finder: Finder::new(&settings.paths),
            history,
            open: OpenFiles::new(settings, read_bytes, fingerprinter),
            pace: Pace::new(settings.poll),
        }
    }

    /// Returns the time until the next discovery is due, or a file is to be examined, even without a change: zero at first and after
    /// [`Self::reconfigure`].
    pub fn until_due(&self) -> Duration {
        let now = self.clock.now();
        let until_due = self.pace.until_due(now, self.is_steady());
        let until_examined = self.open.until_examined(now);
        until_examined.map_or(until_due, |until| until_due.min(until))
    }

    /// Returns the time until a discovery may follow the last one. The more a discovery takes, the longer it is.
    pub fn until_rested(&self) -> Duration {
        self.pace.until_rested(self.clock.now())
    }

    /// Records that a discovery, and what it led to, took this much processor time.
    pub fn rest(&mut self, took: Duration) {
        self.pace.rest(self.clock.now(), took);
    }

    /// Sets whether every change in [`Self::directories`] wakes the owner. If so, discoveries become seldom while nothing
    /// changes, unless a change turns out not to wake it: the system does not report one through a hard link elsewhere.
    pub fn set_watched(&mut self, is_watched: bool) {
        self.pace.set_watched(is_watched);
    }

    /// Reads one bounded round: scans if a known path leads elsewhere than before, then reads at most one buffer of each
    /// file, and closes those that are rotated and quiet.
    pub fn poll(
        &mut self,
        buffer: &mut ReadBuffer,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut dyn FnMut(FileEvent),
    ) -> Progress {
        let round = self.pace.begin_round();
        let has_changed = || self.finder.has_changed(&self.fs);
        let now = self.clock.now();
        if self.pace.needs_scan(round, now, has_changed) {
            self.scan(events);
        }
        self.finder.begin_round();
        let mut context = Context {
            fs: &self.fs,
            finder: &self.finder,
            fingerprinter: self.history.fingerprinter(),
            now,
            buffer,
            sink,
            events,
        };
        let reading = self.open.read(&mut context, round.is_short);
        if reading.is_active {
            self.pace.note_activity();
        }
        for file in reading.finished {
            #[cfg(test)]
            if is_planted(Fault::NoDrain) {
                continue;
            }
            self.history.record(file, now);
            // Other files that hold its text are recognized from now on.
            self.finder.invalidate();
        }
        for base in reading.cut {
            self.finder.note_cut(&base, now);
        }
        let mut progress = if reading.has_more {
            Progress::More
        } else {
            Progress::Idle
        };
        for (id, unread) in reading.replaced {
            let mut adoption = self.adoption(now, events);
            if !adoption.close_overwritten(id, unread) {
                adoption.resume_replaced(id, unread);
            }
            progress = Progress::More;
        }
        if let Some((candidate, windows)) = reading.inspected {
            self.adoption(now, events)
                .judge_inspected(candidate, &windows);
        }
        while let Some(waiting) = self.open.packed.next_waiting() {
            self.adoption(now, events).adopt_waiting(&waiting);
        }
        if !self.open.waiting.is_empty()
            && (self.adoption(now, events).open_waiting() || self.open.can_give_back())
        {
            progress = Progress::More;
        }
        self.adoption(now, events).examine_new();
        for id in reading.doubtful {
            if self.adoption(now, events).examine(id) {
                progress = Progress::More;
            }
        }
        if self.open.packed.is_empty() {
            self.adoption(now, events).report_gone();
        }
        self.pace.end_round(round, progress);
        progress
    }

    /// Scans for new, missing and renamed files, and tries again to open those that could not be opened.
    pub fn discover(&mut self, events: &mut dyn FnMut(FileEvent)) {
        let is_steady = self.is_steady();
        self.pace.begin_discovery(self.clock.now(), is_steady);
        let mut is_quiet = true;
        self.scan(&mut |event| {
            is_quiet = false;
            events(event);
        });
        self.pace.end_discovery(is_quiet);
    }

    /// Follows other files from the next round on. Files to which one of the new paths leads, also if it is another than
    /// before, are read on where they are; others are closed then.
    pub fn reconfigure(&mut self, settings: &FileSettings) {
        self.start = settings.start;
        self.finder.reconfigure(&settings.paths);
        self.open.reconfigure(settings);
        self.pace.reconfigure(settings.poll);
    }

    /// Returns the number of open files.
    pub fn open_files(&self) -> usize {
        self.open.len()
    }

    /// Returns the number of bytes in all open files, as last checked, and in those that could not be opened yet, that were not
    /// handed over.
    pub fn lag_bytes(&self) -> u64 {
        self.open.lag_bytes()
    }

    /// Returns whether it is decided of all files from where they are read: otherwise bytes may be unread that are not known.
    pub fn is_decided(&self) -> bool {
        self.open.is_decided()
    }

    /// Returns the directories, as of the last scan, in which a change may concern this source.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        let wanted = self.finder.directories().map(PathBuf::as_path);
        let directories: BTreeSet<_> = wanted.chain(self.open.homes()).collect();
        directories.into_iter()
    }

    /// Returns the names, as of the last scan, of the files in [`Self::directories`] in which a change concerns this source.
    pub fn names(&self) -> Names {
        let mut names = self.finder.names().clone();
        // Those that globs match need no entry of their own.
        let open = self.open.names();
        let others: Vec<_> = open.filter(|name| !names.concern_file(name)).collect();
        names
            .exact
            .extend(others.into_iter().map(OsStr::to_os_string));
        names
    }

    /// Returns all open files, or those of which more was handed over since the last call.
    pub fn take_logs(&mut self, all: bool) -> Vec<Box<dyn OpenLog>> {
        self.open.take_logs(&self.fs, all)
    }

    /// Scans for all files, opens those with unread text, and updates the paths of open ones.
    fn scan(&mut self, events: &mut dyn FnMut(FileEvent)) {
        let now = self.clock.now();
        self.pace.note_scan();
        self.renumber();
        let reopened = if self.open.closed.is_empty() {
            Reopened::default()
        } else {
            self.adoption(now, events).reopen()
        };
        let read = self.open.read_since(self.finder.scans());
        let was_read = |id| read.contains(&id) || reopened.read.contains(&id);
        let mut listing = self.finder.scan(&self.fs, was_read, now);
        listing.faults.extend(reopened.faults);
        self.open
            .relink(&self.fs, &self.finder, &listing, now, events);
        self.open
            .drop_unwanted(&self.fs, &self.finder, &listing, events);
        let mut adoption = self.adoption(now, events);
        adoption.open_followed(&mut listing);
        adoption.adopt_rotated(&mut listing);
        adoption.adopt_grown(&listing);
        adoption.examine_new();
        self.history.expire(now);
        self.finder.remember(listing, events);
    }

    fn adoption<'a>(
        &'a mut self,
        now: Duration,
        events: &'a mut dyn FnMut(FileEvent),
    ) -> Adoption<'a, F> {
        Adoption {
            fs: &self.fs,
            finder: &mut self.finder,
            history: &mut self.history,
            open: &mut self.open,
            start: self.start,
            now,
            events,
        }
    }

    /// Returns whether all files to follow are open at their path.
    fn is_steady(&self) -> bool {
        !self.finder.has_trouble() && self.open.is_steady()
    }

    /// Lists all directories at every scan, changed or not.
    #[cfg(test)]
    pub(super) fn set_lists_always(&mut self, lists_always: bool) {
        self.finder.set_lists_always(lists_always);
    }

    /// Sets the number of records that are kept.
    #[cfg(test)]
    pub(super) fn set_history_limit(&mut self, limit: usize) {
        self.history.limit = limit;
    }

    /// Returns the time until a file is to be examined.
    #[cfg(test)]
    pub(super) fn until_examined(&self) -> Option<Duration> {
        self.open.until_examined(self.clock.now())
    }

    /// Returns the open files.
    pub(super) fn open(&self) -> &OpenFiles<F> {
        &self.open
    }
}
