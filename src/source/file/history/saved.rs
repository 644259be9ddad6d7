//! The history in a checkpoint.
//!
//! Invariant: a file holds the text of one record at most.

use std::path::Path;
use std::sync::Arc;

use super::{Gone, Growing, History, MOST_HOLDERS, Record};
use crate::model::SecretKey;
use crate::model::saved::files::{SavedFiles, SavedRecord};
use crate::source::file::fingerprint::Trailer;
use crate::source::file::forgotten::Forgotten;
use crate::source::file::fs::Meta;
use crate::source::file::marks::Ends;
use crate::source::file::saved::{
    SavedFilesFault, checked, path_of, saved_path, saved_time, time_of,
};

impl History {
    /// Adds the history to a checkpoint.
    pub(in crate::source::file) fn save(&self, into: &mut SavedFiles) {
        let records = self.records.iter();
        into.records = records
            .map(|(number, record)| self.saved_record(*number, record))
            .collect();
        into.last_record = self.last_number;
        into.forgotten = self.forgotten.saved();
    }

    fn saved_record(&self, number: u64, record: &Record) -> SavedRecord {
        let growing = self.growing.get(&number);
        let gone = self.gone.get(&number);
        SavedRecord {
            number,
            base: saved_path(&record.base),
            ends: record.ends.saved(),
            consumed: record.consumed,
            holders: record.holders.iter().map(|meta| (*meta).into()).collect(),
            trailer: record.trailer.map(|Trailer(bytes)| bytes),
            partial: record.partial,
            is_past: record.is_past,
            is_parked: record.is_parked,
            is_overwritten: record.is_overwritten,
            growing: growing.map(|file| (saved_path(&file.path), saved_time(file.since))),
            missing: self.missing.get(&number).copied().map(saved_time),
            begun: self.begun.get(&number).copied(),
            gone: gone.map(|gone| (saved_path(&gone.path), gone.unread, saved_time(gone.since))),
        }
    }

    /// Makes a history of at most `limit` records that goes on where another one was saved.
    pub(in crate::source::file) fn resume(
        limit: usize,
        key: SecretKey,
        saved: &SavedFiles,
    ) -> Result<Self, SavedFilesFault> {
        let mut history = Self::new(limit, key);
        history.forgotten = Forgotten::resume(&saved.forgotten);
        for record in &saved.records {
            if record.number <= history.last_number {
                return Err(SavedFilesFault::Sequence);
            }
            history.last_number = record.number;
            history.add_saved(record)?;
        }
        if saved.last_record < history.last_number {
            return Err(SavedFilesFault::Sequence);
        }
        history.last_number = checked(saved.last_record)?;
        Ok(history)
    }

    fn add_saved(&mut self, saved: &SavedRecord) -> Result<(), SavedFilesFault> {
        let number = checked(saved.number)?;
        let base = path_of(&saved.base);
        let base = match self.bases.get_key_value(&*base) {
            Some((base, _)) => Arc::clone(base),
            None => Arc::<Path>::from(base),
        };
        let numbers = self.bases.entry(Arc::clone(&base)).or_default();
        numbers.insert(number);
        if saved.holders.len() > MOST_HOLDERS {
            return Err(SavedFilesFault::Number);
        }
        let mut holders = Vec::with_capacity(saved.holders.len());
        for holder in &saved.holders {
            let meta = Meta::try_from(*holder)?;
            if self.by_file.insert(meta.id, number).is_some() {
                return Err(SavedFilesFault::Sequence);
            }
            holders.push(meta);
        }
        if let Some((path, since)) = &saved.growing {
            let (path, since) = (path_of(path), time_of(*since)?);
            self.growing.insert(number, Growing { path, since });
        }
        if let Some(since) = saved.missing {
            self.missing.insert(number, time_of(since)?);
        }
        if let Some(begun) = saved.begun {
            self.begun.insert(number, begun);
        }
        if let Some((path, unread, since)) = &saved.gone {
            let (path, unread) = (path_of(path), checked(*unread)?);
            let since = time_of(*since)?;
            self.gone.insert(
                number,
                Gone {
                    path,
                    unread,
                    since,
                },
            );
        }
        let record = Record {
            base,
            ends: Ends::from_saved(&saved.ends).ok_or(SavedFilesFault::Text)?,
            consumed: checked(saved.consumed)?,
            is_past: saved.is_past,
            holders,
            trailer: saved.trailer.map(Trailer),
            is_parked: saved.is_parked,
            partial: saved.partial,
            is_overwritten: saved.is_overwritten,
        };
        self.records.insert(number, Box::new(record));
        Ok(())
    }

    /// Gives a device another number.
    pub(in crate::source::file) fn renumber(&mut self, old: u64, new: u64) {
        let records = self.records.values_mut();
        let holders = records.flat_map(|record| &mut record.holders);
        for holder in holders.filter(|holder| holder.id.dev == old) {
            let number = self.by_file.remove(&holder.id);
            holder.id.dev = new;
            self.by_file
                .extend(number.map(|number| (holder.id, number)));
        }
    }
}
