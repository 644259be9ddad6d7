//! The open files in a checkpoint, and files that are to be opened again.
//!
//! Invariant: a file that is opened again goes on where it was saved if it holds the text that was consumed; otherwise the
//! next read finds it changed.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::OpenFiles;
use super::archive::Archive;
use super::closed::{ClosedArchive, Former};
use super::generation::{Generation, Link, Opening};
use crate::model::saved::files::{
    SavedArchive, SavedConnection, SavedFile, SavedFiles, SavedFormer,
};
use crate::source::container::Frames;
use crate::source::file::consumed::Consumed;
use crate::source::file::doubt::{Doubt, Reason};
use crate::source::file::fingerprint::Fingerprinter;
use crate::source::file::fs::{FileId, Fs, Handle, Kind, Meta};
use crate::source::file::history::FinishedFile;
use crate::source::file::marks::Ends;
use crate::source::file::mtime::Mtime;
use crate::source::file::saved::{
    SavedFilesFault, checked, checked_or_none, path_of, saved_path, saved_time, time_of,
};
use crate::source::frame::Framer;

impl<F: Fs> OpenFiles<F> {
    /// Adds the open files to a checkpoint.
    pub(in crate::source::file) fn save(&self, into: &mut SavedFiles) {
        let fingerprinter = &self.fingerprinter;
        let open = self.generations.iter().map(|own| own.saved(fingerprinter));
        let closed = self.closed.files.iter();
        let closed = closed.map(|own| own.saved(fingerprinter));
        into.open = closed.chain(open).collect();
        let open = self.packed.archives.iter();
        let open = open.map(|own| own.saved(fingerprinter));
        let closed = self.closed.archives.iter().map(ClosedArchive::saved);
        into.archives = closed.chain(open).collect();
        let former = |own: &Former| SavedFormer {
            path: saved_path(&own.path),
            consumed: own.consumed.saved(fingerprinter),
        };
        into.formers = self.formers.iter().map(former).collect();
    }

    /// Sets the files that are to be opened again.
    pub(in crate::source::file) fn resume(
        &mut self,
        saved: &SavedFiles,
    ) -> Result<(), SavedFilesFault> {
        let mut ids = BTreeSet::new();
        for file in &saved.open {
            let own = self.closed_file(file, saved.scans)?;
            if !ids.insert(own.file_id) {
                return Err(SavedFilesFault::Sequence);
            }
            self.closed.files.push(own);
        }
        for archive in &saved.archives {
            let own = ClosedArchive::from_saved(archive)?;
            if !ids.insert(own.meta.id) {
                return Err(SavedFilesFault::Sequence);
            }
            self.closed.archives.push(own);
        }
        for former in &saved.formers {
            let consumed = Consumed::from_saved(&former.consumed, &self.fingerprinter);
            self.formers.push(Former {
                path: path_of(&former.path),
                consumed: consumed.ok_or(SavedFilesFault::Text)?,
            });
        }
        // The settings may be others than they were.
        self.is_reconfigured = true;
        Ok(())
    }

    fn closed_file(
        &mut self,
        saved: &SavedFile,
        scans: u64,
    ) -> Result<Generation<()>, SavedFilesFault> {
        let (file, meta) = ((), Meta::try_from(saved.meta)?);
        let handle = Handle { file, meta };
        let opening = self.opening(&path_of(&saved.path), &path_of(&saved.base), handle);
        Generation::from_saved(opening, saved, scans)
    }
}

impl<F> Generation<F> {
    fn saved(&self, fingerprinter: &Fingerprinter) -> SavedFile {
        let meta = Meta {
            id: self.file_id,
            size: self.size,
            kind: Kind::Regular,
            modified: self.mtime.modified(),
        };
        SavedFile {
            meta: meta.into(),
            path: saved_path(&self.path),
            base: saved_path(&self.base),
            targets: self.targets.iter().map(|path| saved_path(path)).collect(),
            link: match self.link {
                Link::Attached => SavedConnection::Attached,
                Link::Detached {
                    quiet_since,
                    scan,
                    was_rotated,
                } => SavedConnection::Detached {
                    quiet_since: saved_time(quiet_since),
                    scan,
                    was_rotated,
                },
            },
            history_end: self.history_end,
            changed: saved_time(self.changed),
            read_after: self.read_after,
            offset: self.offset,
            consumed: self.consumed.saved(fingerprinter),
            seen: self.seen,
            at_hole: self.at_hole,
            is_overlong: self.framer.is_inside_overlong() || self.frames.are_skipping(),
            doubt: self.doubt.as_ref().map(|doubt| doubt.saved(fingerprinter)),
            is_announced: self.is_announced,
            begun: self.begun,
            counted_elsewhere: self.counted_elsewhere,
        }
    }
}

impl Generation<()> {
    fn from_saved(
        opening: Opening<()>,
        saved: &SavedFile,
        scans: u64,
    ) -> Result<Self, SavedFilesFault> {
        let (line_bytes, fingerprinter) = (opening.line_bytes, opening.fingerprinter.clone());
        let consumed = Consumed::from_saved(&saved.consumed, &fingerprinter);
        let consumed = consumed.ok_or(SavedFilesFault::Text)?;
        let end = checked(consumed.end)?;
        let is_inside = saved.is_overlong || saved.offset == end;
        if saved.offset > end || !is_inside || checked(saved.seen)? < end {
            return Err(SavedFilesFault::Number);
        }
        let doubt = saved.doubt.as_ref();
        let doubt = doubt.map(|doubt| Doubt::from_saved(doubt, &fingerprinter));
        let limit = Frames::new(opening.frame, line_bytes).limit();
        let longest = Framer::longest_partial(limit) as u64;
        let link = match saved.link {
            SavedConnection::Attached => Link::Attached,
            SavedConnection::Detached {
                quiet_since,
                scan,
                was_rotated,
            } => Link::Detached {
                quiet_since: time_of(quiet_since)?,
                scan,
                was_rotated,
            },
        };
        let last_scan = match link {
            Link::Attached => 0,
            Link::Detached { scan, .. } => scan,
        };
        if saved.read_after.max(last_scan) > scans {
            return Err(SavedFilesFault::Number);
        }
        let elsewhere = saved.counted_elsewhere.map(checked);
        Ok(Self {
            targets: saved.targets.iter().map(path_of).collect(),
            link,
            history_end: checked(saved.history_end)?,
            changed: time_of(saved.changed)?,
            read_after: saved.read_after,
            offset: saved.offset,
            // A part of a line may exceed the buffer, if lines are shorter than they were.
            seen: if saved.seen - end > longest {
                end
            } else {
                saved.seen
            },
            consumed,
            at_hole: saved.at_hole,
            framer: if saved.is_overlong {
                Framer::inside_overlong(limit)
            } else {
                Framer::new(limit)
            },
            mtime: Mtime::seen(saved.meta.modified),
            doubt: doubt.transpose()?,
            is_announced: saved.is_announced,
            begun: checked_or_none(saved.begun)?,
            counted_elsewhere: elsewhere.transpose()?,
            ..Self::new(opening)
        })
    }

    /// Returns whether a file with these metadata at `path`, which holds the consumed text if `is_same`, is certainly the one that
    /// was saved. Without a time of birth, it may be a copy of it that got its number.
    pub(in crate::source::file) fn is_certain(
        &self,
        path: &Path,
        meta: &Meta,
        is_same: bool,
    ) -> bool {
        let is_proven = is_same && self.consumed.end > 0;
        let is_identified = meta.id == self.file_id;
        let is_at_home = self.link == Link::Attached && self.path == *path;
        let is_unchanged = (meta.size, meta.modified) == (self.size, self.modified());
        is_identified && meta.id.born != 0
            || is_at_home && (is_identified || is_proven)
            || is_proven && is_unchanged
    }

    /// Returns whether more may have been written to a file that is gone than was read of it: it was at its path, had been
    /// rotated a moment before, and its server had perhaps not opened the next log, or had been cut, which is not reported yet.
    pub(in crate::source::file) fn may_be_unread(&self) -> bool {
        let was_cut = |doubt: &Doubt| matches!(doubt.reason, Reason::Rewritten { .. });
        let was_rotated = self.was_rotated() || self.path != self.base;
        self.link == Link::Attached
            || was_rotated
            || self.unread() > 0
            || self.doubt.as_deref().is_some_and(was_cut)
    }

    /// Opens the file again.
    pub(in crate::source::file) fn with_file<F>(self, file: F, id: FileId) -> Generation<F> {
        Generation {
            file,
            file_id: id,
            id: self.id,
            path: self.path,
            base: self.base,
            targets: self.targets,
            link: self.link,
            has_more: true,
            history_end: self.history_end,
            changed: self.changed,
            read_after: self.read_after,
            size: self.size,
            offset: self.offset,
            consumed: self.consumed,
            seen: self.seen,
            at_hole: self.at_hole,
            framer: self.framer,
            frames: self.frames,
            mtime: self.mtime,
            fault: self.fault,
            fingerprinter: self.fingerprinter,
            doubt: self.doubt,
            taken_until: 0,
            is_announced: self.is_announced,
            begun: self.begun,
            counted_elsewhere: self.counted_elsewhere,
        }
    }
}

impl<F> Generation<F> {
    /// Returns the record of a file that is gone, or in whose place there is another one.
    pub(in crate::source::file) fn gone(&self) -> FinishedFile {
        FinishedFile {
            partial: self.history_end.saturating_sub(self.consumed.end),
            ends: self.ends(),
            consumed: self.consumed.end,
            base: self.base.clone(),
            path: self.path.clone(),
            holder: None,
            is_whole: true,
            is_past: false,
            trailer: None,
            is_parked: false,
            begun: self.begun,
        }
    }

    /// Returns the record of a file that stands at `path` and finds no room. It counts as changed.
    pub(in crate::source::file) fn parked_at(&self, path: PathBuf) -> FinishedFile {
        let meta = Meta {
            id: self.file_id,
            size: self.size,
            kind: Kind::Regular,
            modified: 0,
        };
        FinishedFile {
            path,
            holder: Some(meta),
            is_whole: false,
            is_parked: self.link == Link::Attached,
            ..self.gone()
        }
    }

    /// Reads the bytes of the consumed part for which fingerprints stand in; returns whether the file holds it.
    pub(in crate::source::file) fn unseal<S: Fs<File = F>>(&mut self, fs: &S) -> io::Result<bool> {
        self.consumed.unseal(fs, &self.file, &self.fingerprinter)
    }
}

impl<F: Fs> Archive<F> {
    fn saved(&self, fingerprinter: &Fingerprinter) -> SavedArchive {
        let record = self.finished(fingerprinter, false);
        SavedArchive {
            meta: self.meta.into(),
            path: saved_path(&self.path),
            base: saved_path(&self.base),
            ends: record.ends.saved(),
            offset: self.offset,
        }
    }
}

impl ClosedArchive {
    fn saved(&self) -> SavedArchive {
        SavedArchive {
            meta: self.meta.into(),
            path: saved_path(&self.path),
            base: saved_path(&self.base),
            ends: self.ends.saved(),
            offset: self.offset,
        }
    }

    fn from_saved(saved: &SavedArchive) -> Result<Self, SavedFilesFault> {
        Ok(Self {
            meta: saved.meta.try_into()?,
            path: path_of(&saved.path),
            base: path_of(&saved.base),
            ends: Ends::from_saved(&saved.ends).ok_or(SavedFilesFault::Text)?,
            offset: checked(saved.offset)?,
        })
    }

    /// Returns the record of an archive that is gone, or that holds another text now.
    pub(in crate::source::file) fn gone(&self) -> FinishedFile {
        FinishedFile {
            base: self.base.clone(),
            path: self.path.clone(),
            ends: self.ends.clone(),
            consumed: self.offset,
            holder: None,
            is_whole: true,
            is_past: false,
            trailer: None,
            is_parked: false,
            partial: 0,
            begun: 0,
        }
    }
}
