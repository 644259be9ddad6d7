//! Records of files that are closed, and the reasons to close them.
//!
//! Invariant: a record describes what was consumed, whatever the file holds now.

use std::time::Duration;

use super::generation::{Generation, Link};
use crate::source::file::finder::Finder;
use crate::source::file::fs::Fs;
use crate::source::file::history::FinishedFile;
use crate::source::file::marks::Ends;
#[cfg(test)]
use crate::source::file::tests::planted::{Fault, is_planted};

impl<F> Generation<F> {
    /// Returns whether other bytes took the place of consumed ones in a rotated file, as shred(1) does. A followed log that is
    /// overwritten is read from its start.
    pub(crate) fn is_overwritten(&self) -> bool {
        self.was_read_rotated() && self.size >= self.consumed.end
    }

    /// Returns whether a rotated file was emptied.
    pub(crate) fn is_emptied(&self) -> bool {
        self.was_read_rotated() && self.size == 0
    }

    /// Returns whether the file had lost its path when it was read last. Before that, it may have been cut at its path, and
    /// written again, as a log that `copytruncate` rotates.
    fn was_read_rotated(&self) -> bool {
        match self.link {
            Link::Attached => false,
            Link::Detached { scan, .. } => self.read_after >= scan,
        }
    }

    /// Returns the fingerprints of the consumed part.
    pub(crate) fn ends(&self) -> Ends {
        self.consumed.ends(&self.fingerprinter)
    }

    /// Returns the record of the file.
    pub(crate) fn finished<S: Fs<File = F>>(&self, fs: &S) -> FinishedFile {
        FinishedFile {
            base: self.base.clone(),
            path: self.path.clone(),
            ends: self.ends(),
            consumed: self.consumed.end,
            holder: fs.fstat(&self.file).ok(),
            is_whole: false,
            is_past: false,
            trailer: None,
            is_parked: false,
            partial: self.history_end.saturating_sub(self.consumed.end),
            begun: self.begun,
        }
    }

    /// Returns whether everything was read of a file at its followed path.
    pub(super) fn is_at_rest(&self) -> bool {
        self.link == Link::Attached && !self.has_more && self.unread() == 0
    }

    /// Returns the record of a file that is closed while it stays at its path; `None` if it has just changed.
    pub(super) fn parked<S: Fs<File = F>>(&self, fs: &S) -> Option<FinishedFile> {
        let record = FinishedFile {
            is_parked: true,
            ..self.finished(fs)
        };
        let is_read = record
            .holder
            .is_some_and(|meta| meta.size == record.consumed);
        is_read.then_some(record)
    }

    /// Begins the quiet time of a file that lost its path at this scan.
    pub(super) fn detach(&mut self, now: Duration, scan: u64, was_rotated: bool) {
        self.link = Link::Detached {
            quiet_since: now,
            scan,
            was_rotated,
        };
    }

    /// Returns whether the file was rotated away from its path.
    pub(crate) fn was_rotated(&self) -> bool {
        matches!(
            self.link,
            Link::Detached {
                was_rotated: true,
                ..
            }
        )
    }

    /// Notes that a rotated file of its path was opened that appeared after it: if it lost its path, a rotation took it.
    pub(super) fn note_rotation(&mut self) {
        if let Link::Detached { was_rotated, .. } = &mut self.link {
            *was_rotated = true;
        }
    }

    /// Starts the quiet time again.
    pub(super) fn touch(&mut self, now: Duration) {
        self.changed = now;
        if let Link::Detached { quiet_since, .. } = &mut self.link {
            *quiet_since = now;
        }
    }

    /// Returns whether the file does not grow any more. That takes a second scan after the one that missed it, so that a
    /// file in the middle of a rename does not count as gone, and another file at the path of a rotated one: a server
    /// that finds none there goes on writing to the rotated file. A deleted file is not kept for that: its space is needed.
    pub(super) fn is_over<S: Fs<File = F>>(
        &self,
        fs: &S,
        finder: &Finder,
        rotate_wait: Duration,
        now: Duration,
    ) -> bool {
        let Link::Detached {
            quiet_since, scan, ..
        } = self.link
        else {
            return false;
        };
        if self.is_in_doubt() {
            return false;
        }
        #[cfg(test)]
        if is_planted(Fault::NoDrain)
            || is_planted(Fault::DeletedEarly) && fs.is_deleted(&self.file)
        {
            return true;
        }
        finder.scans() > scan
            && now.saturating_sub(quiet_since) >= rotate_wait
            && (finder.is_succeeded(&self.base) || fs.is_deleted(&self.file))
    }
}
