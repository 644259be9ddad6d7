//! The follower in a checkpoint.
//!
//! Invariant: a source that is resumed goes on as one that was not polled between the save and the first poll.

use std::sync::Arc;

use super::FileSource;
use crate::clock::Clock;
use crate::model::SecretKey;
use crate::model::saved::files::SavedFiles;
use crate::source::file::finder::Finder;
use crate::source::file::fs::Fs;
use crate::source::file::history::{History, MOST_RECORDS};
use crate::source::file::own_clock::OwnClock;
use crate::source::file::saved::{SavedFilesFault, saved_time, time_of};
use crate::source::file::settings::FileSettings;
#[cfg(test)]
use crate::source::file::tests::planted::{Fault, is_planted};
use crate::source::frame::READ_BYTES;

impl<F: Fs> FileSource<F> {
    /// Returns the position in all files, and what is known of those that hold consumed text: the lines that were handed over are
    /// behind it, all others before it.
    pub fn save(&self) -> SavedFiles {
        let mut saved = SavedFiles {
            now: saved_time(self.clock.now()),
            ..SavedFiles::default()
        };
        self.finder.save(&mut saved);
        self.history.save(&mut saved);
        self.open.save(&mut saved);
        saved
    }

    /// Makes a source that goes on where another one was saved whose fingerprints had the same key. Its settings may be others:
    /// see [`FileSource::reconfigure`]. Fails if no source can have saved this.
    ///
    /// Files are opened again by the first discovery. What happened to them meanwhile is judged as if they had not been polled for
    /// so long, from what is left of them: a file that is gone, or whose text changed, is known by its fingerprints. The time
    /// between does not count for what expires.
    pub fn resume(
        settings: &FileSettings,
        fs: F,
        clock: Arc<dyn Clock>,
        key: SecretKey,
        saved: &SavedFiles,
    ) -> Result<Self, SavedFilesFault> {
        Self::resume_with_read_bytes(settings, fs, clock, key, saved, READ_BYTES)
    }

    /// Makes a source that goes on, and reads `read_bytes` at a time.
    pub(in crate::source::file) fn resume_with_read_bytes(
        settings: &FileSettings,
        fs: F,
        clock: Arc<dyn Clock>,
        key: SecretKey,
        saved: &SavedFiles,
        read_bytes: usize,
    ) -> Result<Self, SavedFilesFault> {
        let now = time_of(saved.now)?;
        let finder = Finder::resume(&settings.paths, saved)?;
        let history = History::resume(MOST_RECORDS, key, saved)?;
        let mut source = Self::with_read_bytes(settings, fs, Arc::clone(&clock), key, read_bytes);
        source.clock = OwnClock::going_on_at(now, clock);
        source.finder = finder;
        source.history = history;
        source.open.resume(saved)?;
        Ok(source)
    }

    /// Gives devices the numbers that they have now: these may change when a system starts. Directories that cannot be read are
    /// left to the next scan.
    pub(super) fn renumber(&mut self) {
        let devices = self.finder.renumbered(&self.fs);
        #[cfg(test)]
        if is_planted(Fault::NoDevices) {
            return;
        }
        for (old, new) in devices {
            self.finder.renumber(old, new);
            self.history.renumber(old, new);
            self.open.closed.renumber(old, new);
        }
    }
}
