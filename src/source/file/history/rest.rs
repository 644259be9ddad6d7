//! Files that need not be open: closed for want of descriptors, or overwritten.
//!
//! Invariant: such a file is opened or judged again once its metadata change, and its record stays as long as it stands.

use std::path::Path;

use super::History;
use crate::source::file::fs::{FileId, Meta};
use crate::source::file::marks::Ends;

impl History {
    /// Returns how many records can be added without dropping one.
    pub(in crate::source::file) fn room(&self) -> usize {
        self.limit.saturating_sub(self.records.len())
    }

    /// Returns whether a file at a followed path need not be opened: it was closed for want of descriptors, or its text was
    /// overwritten, and it did not change since.
    pub(in crate::source::file) fn is_at_rest(&self, meta: &Meta) -> bool {
        self.find(meta.id).is_some_and(|(_, record)| {
            (record.is_parked || record.is_overwritten) && record.holders.contains(meta)
        })
    }

    /// Returns the record of a file that was closed as a rotated one of another path, if its metadata allow that its text was
    /// overwritten since.
    pub(in crate::source::file) fn closed_elsewhere(
        &self,
        path: &Path,
        meta: &Meta,
    ) -> Option<(u64, u64, &Ends)> {
        let (number, record) = self.find(meta.id)?;
        let is_elsewhere = !record.is_parked && *record.base != *path;
        let may_be = is_elsewhere && record.may_be_overwritten(meta, true);
        may_be.then_some((number, record.consumed, &record.ends))
    }

    /// Returns the number of the record of a file.
    pub(in crate::source::file) fn number_of(&self, id: FileId) -> Option<u64> {
        self.find(id).map(|(number, _)| number)
    }

    /// Records that other bytes took the place of a record's text in its file, which has the metadata `meta` now if it was
    /// closed before. Returns the number of consumed bytes, and of those that were not read by then.
    pub(in crate::source::file) fn note_overwritten(
        &mut self,
        number: u64,
        meta: Option<&Meta>,
    ) -> (u64, u64) {
        self.growing.remove(&number);
        self.mark_seen(number);
        let Some(record) = self.records.get_mut(&number) else {
            return (0, 0);
        };
        let was_overwritten = std::mem::replace(&mut record.is_overwritten, true);
        let (consumed, read) = (record.consumed, record.known_end());
        let Some(meta) = meta else {
            return (consumed, 0);
        };
        let before = record.holders.iter().find(|holder| holder.id == meta.id);
        let size = before.map_or(0, |holder| holder.size);
        self.add_holder(number, *meta);
        let unread = if was_overwritten {
            0
        } else {
            size.saturating_sub(read)
        };
        (consumed, unread)
    }

    /// Returns how far a file was read that was closed for want of descriptors.
    pub(in crate::source::file) fn parked_at(&self, id: FileId) -> Option<u64> {
        let (_, record) = self.find(id)?;
        record.is_parked.then_some(record.consumed)
    }

    /// Notes that a file that was closed for want of descriptors still stands.
    pub(in crate::source::file) fn confirm_parked(&mut self, id: FileId) {
        if let Some((number, _)) = self.find(id) {
            self.mark_seen(number);
        }
    }

    /// Drops the record of a file that was closed for want of descriptors and is read on.
    pub(in crate::source::file) fn unpark(&mut self, id: FileId) {
        if let Some((number, record)) = self.find(id)
            && record.is_parked
            && record.holders.len() == 1
        {
            self.remove(number);
        }
    }
}
