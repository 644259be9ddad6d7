//! Files that were consumed and closed.
//!
//! Invariant: the counted part of a text is not counted again while a file that holds it stands, whatever the file's
//! name, and compressed or not; text appended later is counted. Dropping records for want of room does not change that.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::fingerprint::{Ends, Fingerprinter};
use super::forgotten::Forgotten;
use super::fs::{FileId, Meta};
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
/// Most files known to hold one text: plain, compressed, and copies in transit between directories.
const MOST_HOLDERS: usize = 4;

/// A file that was consumed and closed.
#[derive(Clone, Debug)]
pub(super) struct FinishedFile {
    /// Followed path that the text belongs to.
    pub(super) base: PathBuf,
    /// Path under which the file was seen last.
    pub(super) path: PathBuf,
    pub(super) ends: Ends,
    /// Bytes of the text that were counted or skipped.
    pub(super) consumed: u64,
    /// The file that holds the text; `None` if it is gone or holds other text.
    pub(super) holder: Option<Meta>,
    /// True if the file is an archive that was read to its end, so it does not grow.
    pub(super) is_whole: bool,
}

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
    /// Followed paths, each stored once.
    bases: BTreeSet<Arc<Path>>,
    /// Traces of records that were dropped for want of room.
    pub(super) forgotten: Forgotten,
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
    /// Files that hold the text, as of the last check, the latest last.
    holders: Vec<Meta>,
}

/// A closed file that may grow.
#[derive(Debug)]
struct Growing {
    path: PathBuf,
    since: Duration,
}

/// Size of the text in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextSize {
    Plain(u64),
    /// Size of a compressed text modulo 2^32: `ISIZE` of an archive with one member (RFC 1952, section 2.3.1).
    Gzip(u32),
}

/// Judgment of the history about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The text has no record.
    Unknown,
    /// All text of the file was counted: it is all of this record's text or its beginning. `may_grow` if more may follow.
    Counted { record: u64, may_grow: bool },
    /// The bytes of the file's text before `offset` were counted.
    CountedUntil { offset: u64 },
}

impl History {
    /// Makes a history of at most `limit` records.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            records: BTreeMap::new(),
            by_file: BTreeMap::new(),
            growing: BTreeMap::new(),
            missing: BTreeMap::new(),
            bases: BTreeSet::new(),
            forgotten: Forgotten::default(),
            limit,
            last_number: 0,
            fingerprinter: Fingerprinter::default(),
        }
    }

    /// Returns the maker of all fingerprints that are compared with this history.
    pub(super) fn fingerprinter(&self) -> &Fingerprinter {
        &self.fingerprinter
    }

    /// Adds a record. If there are too many, drops one whose text is missing, or the oldest.
    pub(super) fn record(&mut self, file: FinishedFile, now: Duration) {
        if self.records.len() >= self.limit {
            self.forget();
        }
        self.last_number += 1;
        let number = self.last_number;
        let base = self.bases.get(&*file.base).cloned();
        let base = base.unwrap_or_else(|| Arc::from(file.base));
        self.bases.insert(Arc::clone(&base));
        if !file.is_whole {
            let (path, since) = (file.path, now);
            self.growing.insert(number, Growing { path, since });
        }
        let record = Record {
            base,
            ends: file.ends,
            consumed: file.consumed,
            holders: Vec::new(),
        };
        self.records.insert(number, Box::new(record));
        if let Some(holder) = file.holder {
            self.add_holder(number, holder);
        }
    }

    /// Marks the texts of the directories that were listed as missing, until [`Self::recognize`] or [`Self::confirm`]
    /// finds them.
    pub(super) fn begin_listing(&mut self, is_listed: impl Fn(&Path) -> bool, now: Duration) {
        let is_listed = |base: &&Arc<Path>| is_listed(base.parent().unwrap_or(base));
        let listed: BTreeSet<_> = self.bases.iter().filter(is_listed).collect();
        if listed.is_empty() {
            return;
        }
        for (number, record) in &self.records {
            if listed.contains(&record.base) {
                self.missing.entry(*number).or_insert(now);
            }
        }
    }

    /// Marks the texts of `base` as found after all: a file that was not judged may hold any of them.
    pub(super) fn keep(&mut self, base: &Path) {
        let is_other = |number: &u64| {
            self.records
                .get(number)
                .is_none_or(|record| *record.base != *base)
        };
        self.missing.retain(|number, _| is_other(number));
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
    pub(super) fn recognize(&mut self, path: &Path, meta: &Meta) -> bool {
        let Some((number, record)) = self.find(meta.id) else {
            return false;
        };
        let is_unchanged = record.holders.contains(meta);
        self.mark_seen(number);
        if let Some(file) = self.growing.get_mut(&number)
            && is_unchanged
        {
            path.clone_into(&mut file.path);
        }
        is_unchanged
    }

    /// Returns whether a file that holds a recorded text changed since it was checked.
    pub(super) fn has_changed(&self, meta: &Meta) -> bool {
        self.find(meta.id)
            .is_some_and(|(_, record)| !record.holders.contains(meta))
    }

    /// Compares a file under a rotated name of `base` with all records; `head` is the beginning of its text, `read`
    /// returns a range of it. A matching text outweighs a matching identity: inode numbers are reused.
    pub(super) fn judge(
        &self,
        base: &Path,
        id: FileId,
        head: &[u8],
        size: TextSize,
        read: impl FnOnce(Range<u64>) -> io::Result<Vec<u8>>,
    ) -> io::Result<Verdict> {
        Ok(match size {
            TextSize::Plain(size) => {
                let own = self.find(id);
                let is_same =
                    |(_, file): &(u64, &Record)| self.fingerprinter.matches(head, &file.ends.head);
                // A record without a head identifies its file alone; an identity without a time of birth may be reused.
                let is_headless =
                    |(_, file): &(u64, &Record)| file.ends.head.bytes == 0 && id.born != 0;
                let found = own
                    .filter(is_same)
                    .or_else(|| self.find_by_text(base, head))
                    .or_else(|| own.filter(is_headless));
                match found {
                    None => Verdict::Unknown,
                    // A shorter one is a copy without the end, or one that is still being made.
                    Some((record, file)) if size <= file.consumed => Verdict::Counted {
                        record,
                        may_grow: true,
                    },
                    Some((_, file)) => {
                        let end = file.consumed;
                        let tail = read(end.saturating_sub(file.ends.tail.bytes as u64)..end)?;
                        let is_same = self.fingerprinter.fingerprint(&tail) == file.ends.tail;
                        let offset = if is_same { end } else { 0 };
                        Verdict::CountedUntil { offset }
                    }
                }
            }
            TextSize::Gzip(size) => {
                let Some((record, file)) = self.find_by_text(base, head) else {
                    return Ok(Verdict::Unknown);
                };
                #[expect(clippy::cast_possible_truncation, reason = "as the trailer counts")]
                let is_counted = size == file.consumed as u32
                    || u64::from(size) < file.consumed && file.consumed < 1 << 32;
                if is_counted {
                    Verdict::Counted {
                        record,
                        may_grow: false,
                    }
                } else {
                    let offset = file.consumed;
                    Verdict::CountedUntil { offset }
                }
            }
        })
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
        self.add_holder(record, *meta);
        if may_grow {
            let (path, since) = (path.to_path_buf(), now);
            self.growing.insert(record, Growing { path, since });
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

    /// Finds the record of a text of `base` that begins with `head`: the one with the longest matching head, the latest
    /// of several.
    fn find_by_text(&self, base: &Path, head: &[u8]) -> Option<(u64, &Record)> {
        let records = self
            .records
            .iter()
            .map(|(number, record)| (*number, &**record));
        records
            .filter(|(_, record)| {
                *record.base == *base && self.fingerprinter.matches(head, &record.ends.head)
            })
            .max_by_key(|(_, record)| record.ends.head.bytes.min(head.len()))
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
        let record = self.records.remove(&number)?;
        for holder in &record.holders {
            self.by_file.remove(&holder.id);
        }
        if Arc::strong_count(&record.base) == 2 {
            self.bases.remove(&record.base);
        }
        Some(record)
    }
}
