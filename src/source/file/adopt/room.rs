//! Opens followed files as long as there is room, the latest first.
//!
//! Invariant: a file that is not open waits with its bytes in the lag, is reported as a fault, or is unchanged since it was
//! read to its end.

use std::cmp::Reverse;
use std::path::Path;

use super::Adoption;
use crate::source::file::event::FileEvent;
use crate::source::file::finder::Listing;
use crate::source::file::fs::{FileError, Fs, Meta};
use crate::source::file::open::waiting::WaitingFile;
use crate::source::file::open::{Generation, OpenFile};

/// Most files opened at once that are reported one by one.
const MOST_REPORTED: usize = 20;

impl<F: Fs> Adoption<'_, F> {
    /// Returns a followed file that is to be opened; `fresh` if it existed at the first scan of its path.
    pub(super) fn wanted(
        &self,
        path: &Path,
        meta: Meta,
        place: Option<u64>,
        fresh: bool,
    ) -> WaitingFile {
        let consumed = self.history.consumed(&meta).map(|(consumed, _)| consumed);
        let read = place.or(consumed).unwrap_or(0);
        WaitingFile {
            path: path.to_path_buf(),
            meta,
            place,
            fresh,
            unread: meta.size.saturating_sub(read),
        }
    }

    /// Opens these files of a listing, the latest first. Those that find no room wait.
    pub(super) fn open_all(&mut self, mut files: Vec<WaitingFile>, listing: &mut Listing) {
        files.retain(|file| {
            let is_overwritten = self.is_overwritten(file);
            if is_overwritten && let Some(sighting) = listing.sightings.get_mut(&file.path) {
                sighting.parked = Some(file.meta);
            }
            !is_overwritten
        });
        if files.len() > self.open.room() {
            files.sort_by_key(|file| Reverse(file.meta.modified));
        }
        self.make_room(files.len(), |path, meta| {
            if let Some(sighting) = listing.sightings.get_mut(path) {
                sighting.parked = Some(meta);
            }
        });
        let mut refused_bytes = 0;
        let (mut opened, mut waiting) = (Vec::new(), Vec::new());
        for file in files {
            let has_room = self.open.room() > opened.len();
            let result = has_room.then(|| self.open_wanted(&file));
            let Some(Ok(generation)) = result else {
                if let Some(sighting) = listing.sightings.get_mut(&file.path) {
                    sighting.size_at_first = file.place;
                }
                let size = Some(file.meta.size);
                listing.unopened.insert(file.path.clone(), size);
                if let Some(Err(error)) = result {
                    refused_bytes += file.unread;
                    listing.faults.push((file.path, Some(error)));
                } else {
                    waiting.push(file);
                }
                continue;
            };
            opened.push(generation);
        }
        self.begin_all(opened, true);
        let limit = self.open.limit();
        self.open.waiting.refused_bytes = refused_bytes;
        self.open.waiting.replace(waiting, limit, self.events);
    }

    /// Opens files that wait, in the place of others that are read to their end. Returns whether it opened any.
    pub(in crate::source::file) fn open_waiting(&mut self) -> bool {
        let mut parked = Vec::new();
        self.make_room(self.open.waiting.len(), |path, meta| {
            parked.push((path.to_path_buf(), meta));
        });
        for (path, meta) in parked {
            self.finder.park(&path, meta);
        }
        let mut opened: Vec<Generation<F::File>> = Vec::new();
        let mut open = self.open.file_ids();
        while self.open.room() > opened.len()
            && let Some(file) = self.open.waiting.next()
        {
            // After an error, the next scan finds it again.
            if let Ok(generation) = self.open_wanted(&file)
                && open.insert(generation.file_id)
            {
                opened.push(generation);
            }
        }
        let is_any = !opened.is_empty();
        // The event about those that wait names their number.
        self.begin_all(opened, false);
        is_any
    }

    /// Closes files that are read to their end until there is room for so many others, or as far as it can.
    pub(super) fn make_room(&mut self, wanted: usize, mut note: impl FnMut(&Path, Meta)) {
        let missing = wanted.saturating_sub(self.open.room());
        // Records of other files are not dropped for these.
        let most = missing.min(self.history.room());
        if most == 0 {
            return;
        }
        for record in self.open.give_back(self.fs, most) {
            if let Some(meta) = record.holder {
                note(&record.path, meta);
            }
            self.history.record(record, self.now);
        }
    }

    fn open_wanted(&mut self, file: &WaitingFile) -> Result<Generation<F::File>, FileError> {
        self.open(&file.path, file.meta.id, file.place, file.fresh)
    }

    /// Begins to read these files. Many at once are one event; one that was only closed for a while is none.
    fn begin_all(&mut self, files: Vec<Generation<F::File>>, is_reported: bool) {
        let parked = |file: &Generation<F::File>| self.history.parked_at(file.file_id);
        let files: Vec<_> = (files.into_iter())
            .map(|file| (parked(&file), file))
            .collect();
        let number = files.iter().filter(|(parked, _)| parked.is_none()).count();
        let mut first = None;
        for (parked, file) in files {
            match parked {
                None if is_reported && number <= MOST_REPORTED => self.begin(OpenFile::Plain(file)),
                None => {
                    first.get_or_insert_with(|| file.path.clone());
                    self.begin_silently(file);
                }
                Some(consumed) => {
                    if file.offset == consumed {
                        self.history.unpark(file.file_id);
                    } else {
                        (self.events)(FileEvent::Truncated {
                            path: file.path.clone(),
                            offset: consumed,
                            unread: 0,
                            resume: file.offset,
                            copy: None,
                        });
                    }
                    self.begin_silently(file);
                }
            }
        }
        if let Some(path) = first.filter(|_| is_reported) {
            let files = number as u64;
            (self.events)(FileEvent::OpenedMany { path, files });
        }
    }

    fn begin_silently(&mut self, mut file: Generation<F::File>) {
        self.history.detach(file.file_id);
        file.is_announced |= file.is_in_doubt();
        self.open.add(self.fs, OpenFile::Plain(file), &mut |_| {});
    }
}
