//! Files that were consumed and closed.
//!
//! Invariant: the counted part of a text is not counted again while its record is kept, whatever the file's name, and
//! compressed or not; text appended later is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fingerprint::{Ends, Fingerprinter};
use super::fs::{FileId, Meta};

/// Time for which a record is kept.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// Maximum number of records: more than the rotated files of a busy host, in some 10 MB.
const MOST: usize = 50_000;
/// Time for which a closed file is checked for growth at each scan. Later, its directory must change before it is checked.
const YOUNG: Duration = Duration::from_hours(1);
/// Most files known to hold one text: plain, compressed, and copies in transit between directories.
const MOST_HOLDERS: usize = 4;

/// Record of a file that was consumed and closed.
#[derive(Clone, Debug)]
pub(super) struct FinishedFile {
    /// Followed path that the text belongs to.
    pub(super) base: PathBuf,
    /// Path under which the file was seen last.
    pub(super) path: PathBuf,
    /// Files that hold the text, as of the last check, the latest last.
    holders: Vec<Meta>,
    ends: Ends,
    consumed: u64,
    /// True if the file is an archive that was read to its end, so it does not grow.
    pub(super) is_whole: bool,
    closed: Duration,
}

/// Records of all closed files of a source.
#[derive(Debug, Default)]
pub(super) struct History {
    /// By number, in order of closing.
    records: BTreeMap<u64, FinishedFile>,
    /// Number of the record whose text a file holds.
    by_file: BTreeMap<FileId, u64>,
    /// Records whose file may grow without a change of its directory.
    growing: BTreeSet<u64>,
    last_number: u64,
    fingerprinter: Fingerprinter,
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

impl FinishedFile {
    /// Makes the record of a text of the followed path `base`, of which `consumed` bytes are counted or skipped.
    pub(super) fn new(
        base: &Path,
        path: &Path,
        ends: Ends,
        consumed: u64,
        holder: Option<Meta>,
        now: Duration,
    ) -> Self {
        Self {
            base: base.to_path_buf(),
            path: path.to_path_buf(),
            holders: holder.into_iter().collect(),
            ends,
            consumed,
            is_whole: false,
            closed: now,
        }
    }

    /// Returns whether the file holds the record's text and changed since it was checked.
    pub(super) fn has_changed(&self, meta: &Meta) -> bool {
        self.holders.iter().any(|holder| holder.id == meta.id) && !self.holders.contains(meta)
    }

    fn add_holder(&mut self, meta: &Meta) {
        self.holders.retain(|holder| holder.id != meta.id);
        if self.holders.len() == MOST_HOLDERS {
            self.holders.remove(0);
        }
        self.holders.push(*meta);
    }
}

impl History {
    /// Returns the maker of all fingerprints that are compared with this history.
    pub(super) fn fingerprinter(&self) -> &Fingerprinter {
        &self.fingerprinter
    }

    /// Adds a record; drops the oldest one if there are too many.
    pub(super) fn record(&mut self, file: FinishedFile) {
        if self.records.len() == MOST {
            self.drop_oldest();
        }
        self.last_number += 1;
        for holder in &file.holders {
            self.by_file.insert(holder.id, self.last_number);
        }
        if !file.is_whole {
            self.growing.insert(self.last_number);
        }
        self.records.insert(self.last_number, file);
    }

    /// Drops records that were kept long enough, and stops checking older files for growth.
    pub(super) fn expire(&mut self, now: Duration) {
        while let Some((_, file)) = self.records.first_key_value()
            && now.saturating_sub(file.closed) > KEPT
        {
            self.drop_oldest();
        }
        let is_young = |file: &FinishedFile| now.saturating_sub(file.closed) < YOUNG;
        while let Some(number) = self.growing.first()
            && !self.records.get(number).is_some_and(is_young)
        {
            self.growing.pop_first();
        }
    }

    /// Returns whether a record names this file.
    pub(super) fn holds(&self, id: FileId) -> bool {
        self.find(id).is_some()
    }

    /// Returns whether a file is closed and did not change since it was checked. Remembers its path if so.
    pub(super) fn recognize(&mut self, path: &Path, meta: &Meta) -> bool {
        match self.find(meta.id) {
            Some((number, file)) if file.holders.contains(meta) => {
                self.confirm(number, path, meta, false);
                true
            }
            _ => false,
        }
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
                let is_same = |(_, file): &(u64, &FinishedFile)| {
                    self.fingerprinter.matches(head, &file.ends.head)
                };
                // A record without a head identifies its file alone; an identity without a time of birth may be reused.
                let is_headless =
                    |(_, file): &(u64, &FinishedFile)| file.ends.head.bytes() == 0 && id.born != 0;
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
                        let tail = read(end.saturating_sub(file.ends.tail.bytes() as u64)..end)?;
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
    pub(super) fn confirm(&mut self, record: u64, path: &Path, meta: &Meta, may_grow: bool) {
        if let Some(file) = self.records.get_mut(&record) {
            path.clone_into(&mut file.path);
            file.add_holder(meta);
            self.by_file.insert(meta.id, record);
            if may_grow {
                self.growing.insert(record);
            }
        }
    }

    /// Returns how far a file was consumed before it was closed, and the ends of that part.
    pub(super) fn consumed(&self, meta: &Meta) -> Option<(u64, &Ends)> {
        let (_, file) = self.find(meta.id)?;
        let is_inside = file.consumed > 0 && file.consumed <= meta.size;
        is_inside.then_some((file.consumed, &file.ends))
    }

    /// Detaches a file that is open again from its record. The record stays: other files may hold its text.
    pub(super) fn detach(&mut self, id: FileId) {
        if let Some(number) = self.by_file.remove(&id)
            && let Some(file) = self.records.get_mut(&number)
        {
            file.holders.retain(|holder| holder.id != id);
        }
    }

    /// Returns the records whose file may grow without a change of its directory, the latest first.
    pub(super) fn growing(&self) -> impl Iterator<Item = &FinishedFile> {
        let numbers = self.growing.iter().rev();
        numbers.filter_map(|number| self.records.get(number))
    }

    fn find(&self, id: FileId) -> Option<(u64, &FinishedFile)> {
        let number = *self.by_file.get(&id)?;
        Some((number, self.records.get(&number)?))
    }

    /// Finds the record of a text of `base` that begins with `head`: the one with the longest matching head, the latest
    /// of several.
    fn find_by_text(&self, base: &Path, head: &[u8]) -> Option<(u64, &FinishedFile)> {
        let records = self.records.iter().map(|(number, file)| (*number, file));
        records
            .filter(|(_, file)| {
                file.base == base && self.fingerprinter.matches(head, &file.ends.head)
            })
            .max_by_key(|(_, file)| file.ends.head.bytes().min(head.len()))
    }

    fn drop_oldest(&mut self) {
        if let Some((number, file)) = self.records.pop_first() {
            for holder in file.holders {
                if self.by_file.get(&holder.id) == Some(&number) {
                    self.by_file.remove(&holder.id);
                }
            }
        }
    }
}
