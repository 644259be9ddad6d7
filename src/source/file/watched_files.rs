//! A file source with the notifications that wake its owner.
//!
//! Invariant: after each discovery, the directories that are watched are those in which a change may concern the source.

use std::time::Duration;

use super::event::FileEvent;
use super::follow::FileSource;
use super::fs::Fs;
use super::watch::Watch;
use crate::clock::Clock;

/// Files that are followed, and watched so that their owner is woken when they change.
pub struct WatchedFiles<F: Fs> {
    source: FileSource<F>,
    /// Without one, changes are found by polling.
    watch: Option<Watch>,
}

impl<F: Fs> WatchedFiles<F> {
    /// Lets a watch wake the owner of a source. Without one, the source is polled.
    pub fn new(source: FileSource<F>, watch: Option<Watch>) -> Self {
        Self { source, watch }
    }

    /// Replaces the watch, which tries again to watch what was refused.
    pub fn set_watch(&mut self, watch: Option<Watch>) {
        self.watch = watch;
    }

    /// Returns the source.
    pub fn source(&self) -> &FileSource<F> {
        &self.source
    }

    /// Returns the source, to poll it.
    pub fn source_mut(&mut self) -> &mut FileSource<F> {
        &mut self.source
    }

    /// Returns the time until the next discovery that needs no further wake-up.
    pub fn until_due(&self) -> Duration {
        let have_changed = self.watch.as_ref().is_some_and(Watch::have_names_changed);
        let until_due = self.source.until_due();
        if have_changed {
            until_due.min(self.source.until_rested())
        } else {
            until_due
        }
    }

    /// Discovers files, and refreshes the watched directories. `clock` measures what that took.
    pub fn discover(&mut self, clock: &dyn Clock, events: &mut dyn FnMut(FileEvent)) {
        let began = clock.processor();
        if let Some(watch) = &self.watch {
            watch.take_names_changed();
        }
        self.source.discover(events);
        if let Some(watch) = &mut self.watch {
            watch.refresh(self.source.directories(), self.source.names(), events);
            self.source.set_watched(watch.is_whole());
        }
        self.source.rest(clock.processor().saturating_sub(began));
    }
}
