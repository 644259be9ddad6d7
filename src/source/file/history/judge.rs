//! Compares a file's text with the consumed ones.
//!
//! Invariant: a text counts as consumed only if every part of it that a record can show was compared: the beginning, and the
//! last bytes before the end that both texts have. Sizes and names alone decide nothing.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{History, Record};
use crate::source::file::evidence::Extent;
use crate::source::file::findings::{is_beyond, outweighs};
use crate::source::file::fingerprint::{Fingerprint, LEAST_BYTES, Trailer};
use crate::source::file::finished::{Age, Text};
use crate::source::file::fs::{FileId, Meta};
use crate::source::file::shredded::is_noise;
#[cfg(test)]
use crate::source::file::tests::planted::{Fault, is_planted};

/// Most records that a text is compared with: those with the longest equal beginning, the latest of them.
const MOST_ALIKE: usize = 64;

/// Longer than a tick of any kernel, in nanoseconds.
const TICK: u64 = 1_000_000_000;

/// Size of the blocks of usual file systems.
const BLOCK_BYTES: u64 = 4096;

/// A text to be judged.
pub(in crate::source::file) struct Suspect<'a> {
    /// The followed paths that it may belong to, each once; `None` for all.
    pub(in crate::source::file) bases: Option<&'a [&'a Path]>,
    pub(in crate::source::file) meta: &'a Meta,
    /// First bytes.
    pub(in crate::source::file) head: &'a [u8],
    /// `None` for an archive that was not decoded.
    pub(in crate::source::file) extent: Option<Extent>,
    /// Last bytes of an archive.
    pub(in crate::source::file) trailer: Option<Trailer>,
}

/// Judgment of the history about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::file) enum Verdict {
    /// The text has no record.
    Unknown,
    /// All text of the file was counted: it is all of this record's text or its beginning. `may_grow` if more may follow.
    Counted { record: u64, may_grow: bool },
    /// The bytes of the file's text before `offset` were counted.
    CountedUntil { offset: u64 },
    /// The bytes before `offset` were counted, and more, but what follows these is not the text that was read there.
    Forked { offset: u64 },
    /// The text goes on behind that of this record, which is past: none of it is to be counted.
    Past { record: u64 },
    /// The text begins as that of an archive of the past, which was not decoded. They may be the same or not.
    Unproven { record: u64 },
    /// Other bytes took the place of the record's text in its file: they are not lines of a log.
    Overwritten { record: u64 },
    /// The archive must be decoded first, to compare it before these offsets.
    Compare { places: BTreeSet<u64> },
}

impl History {
    /// Compares a file under a rotated name with all records of its followed paths; `window` returns so many bytes of its text
    /// before an offset, `None` if they were not decoded. A matching text outweighs a matching identity: inode numbers are
    /// reused.
    pub(in crate::source::file) fn judge(
        &self,
        suspect: &Suspect,
        mut window: impl FnMut(u64, usize) -> io::Result<Option<Vec<u8>>>,
    ) -> io::Result<Verdict> {
        let alike = self.alike(suspect);
        let is_archive = suspect.trailer.is_some();
        let (sealed, open): (Vec<_>, Vec<_>) = alike
            .into_iter()
            .partition(|(_, record)| record.trailer.is_some());
        let counted = |record| Verdict::Counted {
            record,
            may_grow: !is_archive,
        };
        let is_same = |(_, record): &&(u64, &Record)| record.is_same_archive(suspect);
        if let Some((record, _)) = sealed.iter().find(is_same) {
            return Ok(counted(*record));
        }
        let places = || open.iter().flat_map(|(_, record)| record.places());
        let (mut until, mut longer) = (None, None);
        let mut others = Vec::new();
        for (number, record) in &open {
            let proof = match suspect.extent {
                Some(extent) => self.proof(record, extent, is_archive, &mut window)?,
                None => None,
            };
            match proof {
                None => {
                    let places = places().collect();
                    return Ok(Verdict::Compare { places });
                }
                Some(false) => others.push(*record),
                Some(true) => {
                    if let Some(Extent::Exactly(size)) = suspect.extent
                        && size <= record.known_end()
                    {
                        longer = longer.max(Some((record.compared_until(size), *number)));
                        continue;
                    }
                    if record.is_past {
                        return Ok(Verdict::Past { record: *number });
                    }
                    until = until.max(Some((record.consumed, *number)));
                }
            }
        }
        // A longer text that was compared up to an earlier place proves less than a later one that is all there.
        if let Some((compared, record)) = longer
            && until.is_none_or(|(offset, number)| {
                let until = (offset, self.age_of(number));
                outweighs((compared, self.age_of(record)), until)
            })
        {
            return Ok(counted(record));
        }
        if let Some((offset, _)) = until {
            for other in others {
                if is_beyond(other.common_with(suspect.head, self, &mut window)?, offset) {
                    return Ok(Verdict::Forked { offset });
                }
            }
            return Ok(Verdict::CountedUntil { offset });
        }
        if let Some((record, _)) = sealed.iter().find(|(_, record)| record.is_part(suspect)) {
            return Ok(counted(*record));
        }
        if let Some((record, own)) = self.find(suspect.meta.id)
            && !is_archive
            && own.may_be_overwritten(suspect.meta, is_noise(suspect.head))
        {
            return Ok(Verdict::Overwritten { record });
        }
        if let Some((record, _)) = sealed.first() {
            return Ok(Verdict::Unproven { record: *record });
        }
        Ok(self.judge_headless(suspect))
    }

    /// Returns the consumed texts, of any followed path, that begin as a file of `size` bytes with this head, and were
    /// seen before moment `listed`.
    pub(in crate::source::file) fn texts_like(
        &self,
        head: &[u8],
        size: u64,
        listed: u64,
    ) -> Vec<Text> {
        let mut beginning = self.fingerprinter.beginning(head);
        let mut is_like =
            |record: &Record| record.consumed > 0 && beginning.matches(&record.ends.head);
        let was_seen = |number: &u64| self.begun.get(number).is_none_or(|moment| *moment < listed);
        let records = self.records.iter();
        let records = records.filter(|(number, record)| was_seen(number) && is_like(record));
        let records = records.map(|(number, record)| (*number, &**record));
        let text = |(number, record): (u64, &Record)| Text {
            base: Arc::clone(&record.base),
            consumed: record.consumed,
            last: record.last_within(size.min(record.consumed)),
            compared: record.compared_until(size),
            age: self.age_of(number),
        };
        records.map(text).collect()
    }

    /// Returns when the text of a record was first seen and closed, to compare it with those of others.
    fn age_of(&self, number: u64) -> Age {
        Age(self.begun.get(&number).copied().unwrap_or(0), number)
    }

    /// Judges a file by its identity, if its record has no beginning.
    fn judge_headless(&self, suspect: &Suspect) -> Verdict {
        let own = self.find(suspect.meta.id).filter(|(_, record)| {
            // An identity without a time of birth may be reused.
            record.ends.head.bytes == 0 && suspect.meta.id.born != 0
        });
        match own {
            Some((record, file)) if suspect.trailer.is_none() => {
                if suspect.meta.size <= file.consumed {
                    let may_grow = true;
                    Verdict::Counted { record, may_grow }
                } else if file.is_past {
                    Verdict::Past { record }
                } else {
                    let offset = file.consumed;
                    Verdict::CountedUntil { offset }
                }
            }
            _ => Verdict::Unknown,
        }
    }

    /// Returns the followed path of the text that a file holds.
    pub(in crate::source::file) fn base_of(&self, id: FileId) -> Option<&Path> {
        self.find(id).map(|(_, record)| &*record.base)
    }

    /// Returns whether there is a record of a text of this followed path.
    pub(in crate::source::file) fn has_base(&self, base: &Path) -> bool {
        self.bases.contains_key(base)
    }

    /// Returns the records whose text begins as this one: the file's own first, then those with the longest equal beginning,
    /// then the latest.
    fn alike(&self, suspect: &Suspect) -> Vec<(u64, &Record)> {
        let own = self.find(suspect.meta.id);
        // A few bytes are compared as a whole, and only of the same file.
        let is_short = |record: &Record| {
            (1..LEAST_BYTES).contains(&record.ends.head.bytes) && suspect.meta.id.born != 0
        };
        let mut beginning = self.fingerprinter.beginning(suspect.head);
        let mut begins_alike = |record: &Record| beginning.matches(&record.ends.head);
        let own = own.filter(|(_, record)| is_short(record) || begins_alike(record));
        let mut is_alike = |(number, record): &(u64, &Record)| {
            own.is_none_or(|(own, _)| own != *number) && begins_alike(record)
        };
        let mut others: Vec<_> = match suspect.bases {
            None => {
                let all = self.records.iter();
                let all = all.map(|(number, record)| (*number, &**record));
                all.filter(is_alike).collect()
            }
            Some(bases) => {
                let numbers = bases.iter().filter_map(|base| self.bases.get(*base));
                let record = |number: &u64| Some((*number, &**self.records.get(number)?));
                let of_bases = numbers.flatten().filter_map(record);
                of_bases.filter(&mut is_alike).collect()
            }
        };
        others.sort_by_key(|(number, record)| {
            std::cmp::Reverse((record.ends.head.bytes.min(suspect.head.len()), *number))
        });
        others.truncate(MOST_ALIKE);
        own.into_iter().chain(others).collect()
    }

    /// Returns whether a text that begins as a record's is its text as far as both go; `None` if it must be decoded first.
    fn proof(
        &self,
        record: &Record,
        extent: Extent,
        is_archive: bool,
        window: &mut impl FnMut(u64, usize) -> io::Result<Option<Vec<u8>>>,
    ) -> io::Result<Option<bool>> {
        #[cfg(test)]
        if is_archive && is_planted(Fault::NoArchiveTail) {
            return Ok(Some(true));
        }
        let _ = is_archive;
        let common = match extent {
            Extent::Exactly(size) => size.min(record.consumed),
            Extent::AtLeast(_) => record.consumed,
        };
        let Some((offset, fingerprint)) = record.last_within(common) else {
            // Both begin alike, and are not longer than that.
            return Ok(Some(true));
        };
        let there = window(offset, fingerprint.bytes.into())?;
        Ok(there.map(|bytes| self.fingerprinter.fingerprint(&bytes) == fingerprint))
    }
}

impl Record {
    /// Returns whether bytes can have been overwritten in a file that holds the text, as shred(1) does: it is certainly the
    /// same file, and as long as it was, or as its last block.
    pub(super) fn may_be_overwritten(&self, meta: &Meta, is_noise: bool) -> bool {
        let mut holders = self.holders.iter();
        let Some(holder) = holders.find(|holder| holder.id == meta.id) else {
            return false;
        };
        // Inode numbers are used again, but not in the tick of a birth that the former file outlived.
        let is_same = if meta.id.born == 0 {
            self.is_overwritten && is_noise
        } else {
            self.is_overwritten || holder.modified > meta.id.born.saturating_add(TICK)
        };
        let sizes = self.consumed..=holder.size.next_multiple_of(BLOCK_BYTES);
        is_same && self.consumed >= LEAST_BYTES as u64 && sizes.contains(&meta.size)
    }

    /// Returns the last place of the first `length` bytes that can be compared, and the fingerprint there.
    fn last_within(&self, length: u64) -> Option<(u64, Fingerprint)> {
        let tail = (length == self.consumed && self.ends.tail.bytes > 0)
            .then_some((self.consumed, self.ends.tail));
        tail.or_else(|| self.ends.marks.last_within(length))
    }

    /// Returns up to which place a text of `size` bytes was compared, if it is not longer than what is known of this one and
    /// equal where both can be compared; `u64::MAX` if all of this one is there.
    fn compared_until(&self, size: u64) -> u64 {
        if size >= self.consumed {
            return u64::MAX;
        }
        let mark = self.ends.marks.last_within(size);
        let mark = mark.map_or(0, |(offset, _)| offset);
        mark.max(self.ends.head.compared_until(size))
    }

    /// Returns up to which place a text that begins with `head` is certainly the same.
    fn common_with(
        &self,
        head: &[u8],
        history: &History,
        window: &mut impl FnMut(u64, usize) -> io::Result<Option<Vec<u8>>>,
    ) -> io::Result<u64> {
        let mut same = self.ends.head.compared_until(head.len() as u64);
        for (offset, fingerprint) in self.ends.marks.until(self.consumed) {
            let there = window(offset, fingerprint.bytes.into())?;
            if there.is_none_or(|there| history.fingerprinter.fingerprint(&there) != fingerprint) {
                break;
            }
            same = same.max(offset);
        }
        Ok(same)
    }

    /// Returns the end of what is not to be read, unless more follows it.
    pub(super) fn known_end(&self) -> u64 {
        self.consumed + u64::from(self.partial)
    }

    /// Returns the places that can be compared.
    fn places(&self) -> impl Iterator<Item = u64> {
        let ends = [self.consumed, self.known_end()];
        self.ends.marks.offsets().chain(ends)
    }

    /// Returns whether an archive certainly has the text of this one, which was not decoded.
    fn is_same_archive(&self, suspect: &Suspect) -> bool {
        let is_same_size = || {
            let mut holders = self.holders.iter();
            holders.any(|holder| holder.size == suspect.meta.size)
        };
        let trailer = self.trailer.filter(|own| suspect.trailer == Some(*own));
        // The trailer holds a checksum, unless it is that of an empty member or other bytes follow.
        trailer.is_some_and(|trailer| !trailer.is_zero() || is_same_size())
    }

    /// Returns whether the text, which begins as that of this archive of the past, is of the past too: the archive itself,
    /// which was still being written, or a text of the size that its trailer shows, or not younger than the archive.
    fn is_part(&self, suspect: &Suspect) -> bool {
        let mut holders = self.holders.iter();
        let is_plain = suspect.trailer.is_none();
        holders.any(|holder| {
            holder.id == suspect.meta.id || is_plain && suspect.meta.modified <= holder.modified
        }) || is_plain && (self.trailer).is_some_and(|trailer| trailer.may_end(suspect.meta.size))
    }
}
