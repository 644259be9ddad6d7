//! Files that were consumed and closed.
//!
//! Invariant: the counted part of a text is not counted again while a file that holds it stands, whatever the file's
//! name, and compressed or not; text appended later is counted. Dropping records for want of room does not change that.

mod gone;
pub(super) mod judge;
mod rest;
mod saved;

use crate::model::SecretKey;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::fingerprint::{Fingerprinter, Trailer};
pub(super) use super::finished::FinishedFile;
use super::forgotten::Forgotten;
use super::fs::{FileId, Meta};
use super::marks::Ends;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};

/// Time for which a record is kept after a complete listing in which no file held its text.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// Maximum number of records: more than the rotated files of a busy host, in some 20 MB.
pub(super) const MOST_RECORDS: usize = 50_000;
/// Time for which a closed file is checked for growth at each scan. Later, its directory must change before it is checked.
const YOUNG: Duration = Duration::from_hours(1);
/// Most closed files checked for growth at each scan, the latest.
const MOST_GROWING: usize = 4_096;
/// Most records of which it is known when their text was first seen: more than are made while a file is in doubt.
const MOST_BEGUN: usize = 1_024;
/// Most files known to hold one text: plain, compressed, and copies in transit between directories.
const MOST_HOLDERS: usize = 4;

/// Texts of a source that were consumed.
#[derive(Debug)]
pub(super) struct History {
    /// By number, in order of closing.
    records: BTreeMap<u64, Box<Record>>,
    /// Number of the record whose text a file holds: of the one that has it among its holders.
    by_file: BTreeMap<FileId, u64>,
    /// Files that may grow without a change of their directory, by the number of their record.
    growing: BTreeMap<u64, Growing>,
    /// Records whose text no file held at the last complete listing, and since when.
    missing: BTreeMap<u64, Duration>,
    /// Followed paths, each with the numbers of its records.
    bases: BTreeMap<Arc<Path>, BTreeSet<u64>>,
    /// Traces of records that were dropped for want of room.
    pub(super) forgotten: Forgotten,
    /// The moment in which the text of a record was first seen, of the latest records: see [`FinishedFile::begun`].
    begun: BTreeMap<u64, u64>,
    /// Records of files that were gone after a restart, and of which more may have been written.
    gone: BTreeMap<u64, Gone>,
    /// Most records kept.
    pub(super) limit: usize,
    last_number: u64,
    fingerprinter: Fingerprinter,
}

/// Record of a consumed text.
#[derive(Debug)]
struct Record {
    base: Arc<Path>,
    ends: Ends,
    consumed: u64,
    is_past: bool,
    /// Files that hold the text, as of the last check, the latest last.
    holders: Vec<Meta>,
    /// See [`FinishedFile::trailer`].
    trailer: Option<Trailer>,
    /// See [`FinishedFile::is_parked`].
    is_parked: bool,
    /// See [`FinishedFile::partial`].
    partial: u32,
    /// True if other bytes took the place of the text in its file.
    is_overwritten: bool,
}

/// A closed file that may grow.
#[derive(Debug)]
struct Growing {
    path: PathBuf,
    since: Duration,
}

/// A file that was gone after a restart.
#[derive(Debug)]
struct Gone {
    path: PathBuf,
    /// Known bytes that were not read.
    unread: u64,
    since: Duration,
}

impl History {
    /// Makes a history of at most `limit` records.
    pub(super) fn new(limit: usize, key: SecretKey) -> Self {
        Self {
            records: BTreeMap::new(),
            by_file: BTreeMap::new(),
            growing: BTreeMap::new(),
            missing: BTreeMap::new(),
            bases: BTreeMap::new(),
            forgotten: Forgotten::default(),
            begun: BTreeMap::new(),
            gone: BTreeMap::new(),
            limit,
            last_number: 0,
            fingerprinter: Fingerprinter::new(key),
        }
    }

    /// Returns the maker of all fingerprints that are compared with this history.
    pub(super) fn fingerprinter(&self) -> &Fingerprinter {
        &self.fingerprinter
    }

    /// Adds a record. If there are too many, drops one whose text is missing, or the oldest.
    pub(super) fn record(&mut self, mut file: FinishedFile, now: Duration) {
        file.ends.marks.shrink();
        if self.records.len() >= self.limit {
            self.forget();
        }
        self.last_number += 1;
        let number = self.last_number;
        let base = self.bases.get_key_value(&*file.base);
        let base = base.map(|(base, _)| Arc::clone(base));
        let base = base.unwrap_or_else(|| Arc::from(file.base));
        self.bases
            .entry(Arc::clone(&base))
            .or_default()
            .insert(number);
        if !file.is_whole && !file.is_parked {
            let (path, since) = (file.path, now);
            self.growing.insert(number, Growing { path, since });
        }
        let record = Record {
            base,
            ends: file.ends,
            consumed: file.consumed,
            is_past: file.is_past,
            holders: Vec::new(),
            trailer: file.trailer,
            is_parked: file.is_parked,
            partial: u32::try_from(file.partial).unwrap_or(u32::MAX),
            is_overwritten: false,
        };
        self.records.insert(number, Box::new(record));
        self.begun.insert(number, file.begun);
        if self.begun.len() > MOST_BEGUN {
            self.begun.pop_first();
        }
        if let Some(holder) = file.holder {
            self.add_holder(number, holder);
        }
    }

    /// Replaces a record by one of the same text.
    pub(super) fn replace(&mut self, record: u64, file: FinishedFile, now: Duration) {
        self.remove(record);
        self.record(file, now);
    }

    /// Marks the texts of the followed paths of which all rotated files were listed as missing, until [`Self::recognize`]
    /// or [`Self::confirm`] finds them.
    pub(super) fn begin_listing(&mut self, is_listed: impl Fn(&Path) -> bool, now: Duration) {
        for (base, numbers) in &self.bases {
            if is_listed(base) {
                for number in numbers {
                    self.missing.entry(*number).or_insert(now);
                }
            }
        }
    }

    /// Marks the texts of `base` as found after all: a file that was not judged may hold any of them.
    pub(super) fn keep(&mut self, base: &Path) {
        for number in self.bases.get(base).into_iter().flatten() {
            self.missing.remove(number);
        }
    }

    /// Drops records whose text was missing long enough, and stops checking older files for growth.
    pub(super) fn expire(&mut self, now: Duration) {
        let is_over = |since: Duration| now.saturating_sub(since) > KEPT;
        let lost = self.missing.iter().filter(|(_, since)| is_over(**since));
        for number in lost.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.remove(number);
        }
        self.growing
            .retain(|_, file| now.saturating_sub(file.since) < YOUNG);
        while self.growing.len() > MOST_GROWING {
            self.growing.pop_first();
        }
    }

    /// Returns whether a record names this file.
    pub(super) fn holds(&self, id: FileId) -> bool {
        self.find(id).is_some()
    }

    /// Returns whether a file is closed and did not change since it was checked.
    pub(super) fn recognize(&mut self, path: &Path, meta: &Meta, now: Duration) -> bool {
        let Some((number, record)) = self.find(meta.id) else {
            return false;
        };
        let is_unchanged = record.holders.contains(meta);
        if record.is_parked {
            // It was rotated, and its server may still write to it.
            let (path, since) = (path.to_path_buf(), now);
            self.growing.insert(number, Growing { path, since });
            if let Some(record) = self.records.get_mut(&number) {
                record.is_parked = false;
            }
        }
        self.mark_seen(number);
        if let Some(file) = self.growing.get_mut(&number)
            && is_unchanged
        {
            path.clone_into(&mut file.path);
        }
        is_unchanged
    }

    /// Returns whether a file holds a recorded text and did not change since it was checked.
    pub(super) fn is_unchanged(&self, meta: &Meta) -> bool {
        self.find(meta.id)
            .is_some_and(|(_, record)| record.holders.contains(meta))
    }

    /// Returns whether a file that holds a recorded text changed since it was checked.
    pub(super) fn has_changed(&self, meta: &Meta) -> bool {
        self.find(meta.id)
            .is_some_and(|(_, record)| !record.holders.contains(meta))
    }

    /// Records that a file holds the text of a record, after [`Verdict::Counted`].
    pub(super) fn confirm(
        &mut self,
        record: u64,
        path: &Path,
        meta: &Meta,
        may_grow: bool,
        now: Duration,
    ) {
        self.mark_seen(record);
        self.gone.remove(&record);
        self.add_holder(record, *meta);
        if may_grow {
            let (path, since) = (path.to_path_buf(), now);
            self.growing.insert(record, Growing { path, since });
        }
    }

    /// Returns whether a record is that of an archive that was not decoded.
    pub(super) fn is_sealed(&self, record: u64) -> bool {
        (self.records.get(&record)).is_some_and(|record| record.trailer.is_some())
    }

    /// Adds the text of an archive that was not decoded, found in a plain file.
    pub(super) fn unseal(&mut self, record: u64, ends: Ends, consumed: u64) {
        if let Some(record) = self.records.get_mut(&record) {
            (record.ends, record.consumed, record.trailer) = (ends, consumed, None);
        }
    }

    /// Returns how far a file was consumed before it was closed, and the ends of that part.
    pub(super) fn consumed(&self, meta: &Meta) -> Option<(u64, &Ends)> {
        let (_, record) = self.find(meta.id)?;
        let is_inside = record.consumed > 0 && record.consumed <= meta.size;
        is_inside.then_some((record.consumed, &record.ends))
    }

    /// Detaches a file that is open again from its record. The record stays: other files may hold its text.
    pub(super) fn detach(&mut self, id: FileId) {
        if let Some(number) = self.by_file.remove(&id)
            && let Some(record) = self.records.get_mut(&number)
        {
            record.holders.retain(|holder| holder.id != id);
            record.is_parked = false;
        }
    }

    /// Returns the paths of the files that may grow without a change of their directory, each with its followed path, the
    /// latest first.
    pub(super) fn growing(&self) -> impl Iterator<Item = (&Path, &Path)> {
        let files = self.growing.iter().rev();
        files.filter_map(|(number, file)| Some((&*file.path, &*self.records.get(number)?.base)))
    }

    fn find(&self, id: FileId) -> Option<(u64, &Record)> {
        let number = *self.by_file.get(&id)?;
        Some((number, self.records.get(&number)?))
    }

    fn mark_seen(&mut self, number: u64) {
        #[cfg(test)]
        if is_planted(Fault::Forgets) {
            return;
        }
        self.missing.remove(&number);
    }

    fn add_holder(&mut self, number: u64, meta: Meta) {
        let Some(record) = self.records.get_mut(&number) else {
            return;
        };
        record.holders.retain(|holder| holder.id != meta.id);
        if record.holders.len() == MOST_HOLDERS {
            let oldest = record.holders.remove(0);
            self.by_file.remove(&oldest.id);
        }
        record.holders.reserve_exact(1);
        record.holders.push(meta);
        if let Some(other) = self
            .by_file
            .insert(meta.id, number)
            .filter(|other| *other != number)
            && let Some(other) = self.records.get_mut(&other)
        {
            other.holders.retain(|holder| holder.id != meta.id);
        }
    }

    /// Drops a record whose text a file may still hold.
    fn forget(&mut self) {
        let missing = self.missing.first_key_value().map(|(number, _)| *number);
        let oldest = self.records.first_key_value().map(|(number, _)| *number);
        if let Some(record) = missing.or(oldest).and_then(|number| self.remove(number)) {
            let modified = record.holders.iter().map(|holder| holder.modified).max();
            self.forgotten.note(record.base, modified.unwrap_or(0));
        }
    }

    fn remove(&mut self, number: u64) -> Option<Box<Record>> {
        self.growing.remove(&number);
        self.missing.remove(&number);
        self.gone.remove(&number);
        let record = self.records.remove(&number)?;
        for holder in &record.holders {
            self.by_file.remove(&holder.id);
        }
        if let Some(numbers) = self.bases.get_mut(&record.base) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.bases.remove(&record.base);
            }
        }
        Some(record)
    }
}
