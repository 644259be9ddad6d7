//! Opens the files again that were open when the state was saved.
//!
//! Invariant: such a file is open again, is recorded as gone, or is left to the next scan; until that is decided, no file is
//! opened that may hold its text.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::Adoption;
use crate::source::file::consumed::Consumed;
use crate::source::file::event::FileEvent;
use crate::source::file::finder::{is_absence, stat};
use crate::source::file::fingerprint::LEAST_BYTES;
use crate::source::file::fs::{FileError, FileId, Fs, Handle, Kind};
use crate::source::file::open::archive::Archive;
use crate::source::file::open::text::{self, is_damage};
use crate::source::file::open::{ClosedArchive, Generation, OpenFile};
use crate::source::file::rotated::{Packing, Rotated};
#[cfg(test)]
use crate::source::file::tests::planted::{Fault, is_planted};

/// Most files opened again at once that are reported one by one.
const MOST_REPORTED: usize = 20;

/// Result of opening all files again.
#[derive(Default)]
pub(in crate::source::file) struct Reopened {
    /// Files that are gone, and were read after the scan before the save.
    pub(in crate::source::file) read: BTreeSet<FileId>,
    /// Files that could not be opened.
    pub(in crate::source::file) faults: Vec<(PathBuf, Option<FileError>)>,
}

/// A file that was found again.
struct Found<F> {
    path: PathBuf,
    handle: Handle<F>,
    consumed: Consumed,
}

/// The files that stand, by their identity.
#[derive(Default)]
struct Standing {
    /// At followed paths; `None` before they were listed.
    followed: Option<BTreeMap<FileId, PathBuf>>,
    /// In directories, by the directory and the text with which their names begin.
    beside: BTreeMap<PathBuf, BTreeMap<FileId, PathBuf>>,
}

impl<F: Fs> Adoption<'_, F> {
    /// Opens the files again, wherever they stand.
    pub(in crate::source::file) fn reopen(&mut self) -> Reopened {
        let mut standing = Standing::default();
        let mut reopened = Reopened::default();
        let mut opened = Vec::new();
        let since = *self.open.closed.since.get_or_insert(self.now);
        let is_over = self.now.saturating_sub(since) >= self.open.rotate_wait;
        for own in std::mem::take(&mut self.open.closed.files) {
            match self.find_file(&own, &mut standing) {
                Ok(Some(found)) => opened.extend(self.go_on(own, found)),
                Ok(None) => {
                    if own.read_after == self.finder.scans() {
                        reopened.read.insert(own.file_id);
                    }
                    self.record_gone(&own);
                }
                Err(_) if is_over && self.holds_up(&own) => self.record_gone(&own),
                Err(error) => {
                    reopened.faults.push((own.path.clone(), Some(error)));
                    self.open.closed.files.push(own);
                }
            }
        }
        for own in std::mem::take(&mut self.open.closed.archives) {
            if let Err(error) = self.reopen_archive(&own, &mut standing) {
                reopened.faults.push((own.path.clone(), Some(error)));
                self.open.closed.archives.push(own);
            }
        }
        self.report_opened(opened);
        reopened
    }

    /// Finds a file again, and reads the ends of its consumed part; `None` if it is gone.
    fn find_file(
        &self,
        own: &Generation<()>,
        standing: &mut Standing,
    ) -> Result<Option<Found<F::File>>, FileError> {
        let id = own.file_id;
        for path in self.paths_of(own, standing)? {
            let handle = match Handle::open(self.fs, &path) {
                Err(FileError::Io(error)) if is_absence(&error) => {
                    // It was renamed meanwhile.
                    return Err(io::Error::from(io::ErrorKind::Interrupted).into());
                }
                handle => handle?,
            };
            if handle.meta.id.ino != id.ino {
                continue;
            }
            let mut consumed = own.consumed.clone();
            let fingerprinter = self.history.fingerprinter();
            let is_same = consumed.unseal(self.fs, &handle.file, fingerprinter)?;
            if own.is_certain(&path, &handle.meta, is_same) {
                return Ok(Some(Found {
                    path,
                    handle,
                    consumed,
                }));
            }
        }
        Ok(None)
    }

    /// Returns the paths that may lead to a file: its own first, though the device and the time of birth may be others.
    fn paths_of(
        &self,
        own: &Generation<()>,
        standing: &mut Standing,
    ) -> Result<Vec<PathBuf>, FileError> {
        let mut paths = Vec::new();
        for path in std::iter::once(&own.path).chain(&own.targets) {
            match stat(self.fs, path) {
                Ok(meta) if meta.id.ino == own.file_id.ino => {
                    paths.push(path.clone());
                    if meta.id == own.file_id && meta.id.born != 0 {
                        return Ok(paths);
                    }
                }
                Err(FileError::Io(error)) if !is_absence(&error) => return Err(error.into()),
                _ => {}
            }
        }
        let places = own.targets.iter().chain([&own.path, &own.base]);
        let found = self.find_by_id(own.file_id, places, standing)?;
        let is_plain = |path: &PathBuf| {
            let rotated = Rotated::parse_any(path.file_name().unwrap_or_default());
            rotated.is_none_or(|rotated| rotated.packing == Packing::Plain)
        };
        let found = found.into_iter().filter(is_plain);
        paths.extend(found.filter(|found| *found != own.path));
        Ok(paths)
    }

    /// Returns the paths at which a file of this identity stands: followed ones, or those beside one of `places` whose names
    /// begin as its name does.
    fn find_by_id<'p>(
        &self,
        id: FileId,
        places: impl Iterator<Item = &'p PathBuf>,
        standing: &mut Standing,
    ) -> Result<Vec<PathBuf>, FileError> {
        let followed = match &mut standing.followed {
            Some(followed) => followed,
            None => standing.followed.insert(self.finder.followed_now(self.fs)),
        };
        let mut found: Vec<_> = followed.get(&id).cloned().into_iter().collect();
        for place in places {
            let (Some(dir), Some(name)) = (place.parent(), place.file_name()) else {
                continue;
            };
            // However many sources have files in a directory, each checks those that were its own.
            let stem = dir.join(OsStr::from_bytes(Rotated::stem(name)));
            if !standing.beside.contains_key(&stem) {
                let files = self.files_in(dir, Rotated::stem(name))?;
                standing.beside.insert(stem.clone(), files);
            }
            let beside = standing.beside.get(&stem);
            found.extend(beside.and_then(|files| files.get(&id)).cloned());
        }
        found.dedup();
        Ok(found)
    }

    /// Returns the files in a directory whose names begin with this text.
    fn files_in(&self, dir: &Path, stem: &[u8]) -> io::Result<BTreeMap<FileId, PathBuf>> {
        let mut names = Vec::new();
        let listed = self.fs.list_beginning(dir, &[stem], &mut |entry| {
            if entry.kind == Kind::Regular {
                names.push(entry.name);
            }
        });
        match listed {
            Err(error) if !is_absence(&error) => return Err(error),
            _ => {}
        }
        let mut files = BTreeMap::new();
        for name in names {
            let path = dir.join(name);
            match stat(self.fs, &path) {
                Ok(meta) => {
                    files.insert(meta.id, path);
                }
                Err(FileError::Io(error)) if !is_absence(&error) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(files)
    }

    /// Reads a file on that was found, or records it if it finds no room; returns its path and offset if it is to be reported.
    fn go_on(&mut self, own: Generation<()>, found: Found<F::File>) -> Option<(PathBuf, u64)> {
        let Handle { file, meta } = found.handle;
        let mut own = own.with_file(file, meta.id);
        own.consumed = found.consumed;
        if self.open.check_room().is_err() {
            self.history.record(own.parked_at(found.path), self.now);
            return None;
        }
        let shown = own.is_announced.then(|| (own.path.clone(), own.offset));
        self.open.put_back(own);
        shown
    }

    /// Returns whether a file is not waited for any more: it cannot be opened, but another one can that is at its path.
    fn holds_up(&self, own: &Generation<()>) -> bool {
        let other = Handle::open(self.fs, &own.base);
        other.is_ok_and(|other| other.meta.id != own.file_id)
    }

    /// Records a file that is gone. Its text may stand elsewhere.
    fn record_gone(&mut self, own: &Generation<()>) {
        // A file that holds the text is judged by this scan, though its directory did not change.
        self.finder.invalidate();
        if own.file_id.born == 0 {
            self.finder.note_gone(&own.path, own.file_id);
        }
        #[cfg(test)]
        if is_planted(Fault::NoSavedRecord) {
            return;
        }
        let (path, unread) = (own.path.clone(), own.unread());
        if own.consumed.end == 0 && unread == 0 {
            return;
        }
        let may_be_unread = own.may_be_unread();
        self.open.keep_former(own);
        self.history.record(own.gone(), self.now);
        if may_be_unread {
            self.history.note_gone(&path, unread, self.now);
        }
    }

    /// Opens an archive again, or records it if it is gone or holds another text.
    fn reopen_archive(
        &mut self,
        own: &ClosedArchive,
        standing: &mut Standing,
    ) -> Result<(), FileError> {
        for path in self.find_by_id(own.meta.id, [&own.path, &own.base].into_iter(), standing)? {
            let handle = Handle::open(self.fs, &path)?;
            let head = match text::head(self.fs, &handle.file) {
                Err(error) if is_damage(&error) => continue,
                head => head?,
            };
            let is_same = self.history.fingerprinter().matches(&head, &own.ends.head);
            if handle.meta.id != own.meta.id || !is_same || self.open.check_room().is_err() {
                continue;
            }
            let opening = self.open.opening(&path, &own.base, handle);
            let archive = Archive::new(self.fs, opening, own.ends.head.clone(), own.offset);
            self.begin(OpenFile::Archive(archive));
            return Ok(());
        }
        self.record_archive(own);
        Ok(())
    }

    /// Records an archive that is gone or holds another text.
    fn record_archive(&mut self, own: &ClosedArchive) {
        self.finder.invalidate();
        if own.offset < LEAST_BYTES as u64 {
            // Nothing of it was counted: only its date shows that it is to be read.
            (self.finder).note_unjudged(&own.base, own.meta.modified, self.now);
        } else {
            self.history.record(own.gone(), self.now);
            self.history.note_gone(&own.path, 0, self.now);
        }
    }

    /// Reports the files that were opened again. Many at once are one event.
    fn report_opened(&mut self, opened: Vec<(PathBuf, u64)>) {
        let files = opened.len();
        for (path, offset) in opened {
            if files > MOST_REPORTED {
                let files = files as u64;
                (self.events)(FileEvent::OpenedMany { path, files });
                return;
            }
            (self.events)(FileEvent::Opened { path, offset });
        }
    }

    /// Reports the files that were gone, and of which the text was not found since.
    pub(in crate::source::file) fn report_gone(&mut self) {
        for (path, offset, unread) in self.history.lost(self.open.rotate_wait, self.now) {
            (self.events)(FileEvent::Gone {
                path,
                offset,
                unread,
            });
        }
    }
}
