//! The requests of which one line was read, or both within the wait.
//!
//! Invariant: entries are in order of arrival, and the index contains each of them once.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::outcome::Reason;
use crate::model::Micros;

/// Entries in order of arrival, found by the hash of the request's id.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: VecDeque<Entry>,
    /// Number of the oldest entry; the entries are numbered consecutively.
    first: u64,
    /// Numbers of entries, by the hash of the id.
    index: HashTable<u64>,
}

/// A request of which a line was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Hash of the id. Two ids with the same hash would be taken for one request; with 65,536 entries, one table in
    /// 8 thousand million has such a pair.
    pub(super) id: u64,
    /// Arrival of the first line.
    pub(super) since: Micros,
    pub(super) state: State,
}

/// The lines of a request that have been read.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// The line of a front, with the index of the front, the outcome to count if no other line arrives, and the upstream time.
    Passed {
        front: usize,
        fate: Reason,
        time: Option<Micros>,
    },
    /// A line of a source behind, with the index of the source, and its time.
    Worked { back: usize, time: Option<Micros> },
    /// Both lines. Kept so that a third line is recognised as a duplicate.
    Joined,
}

impl Pending {
    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the entries, in order of arrival.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Returns the state of a request.
    pub(super) fn find(&mut self, id: u64) -> Option<&mut State> {
        let (entries, first) = (&self.entries, self.first);
        let number = *self.index.find(id, |number| {
            entry(entries, first, *number).is_some_and(|entry| entry.id == id)
        })?;
        let at = usize::try_from(number - self.first).ok()?;
        self.entries.get_mut(at).map(|entry| &mut entry.state)
    }

    /// Adds a request that has no entry.
    pub(super) fn push(&mut self, new: Entry) {
        let number = self.first + self.entries.len() as u64;
        self.entries.push_back(new);
        let (entries, first) = (&self.entries, self.first);
        self.index.insert_unique(new.id, number, |number| {
            entry(entries, first, *number).map_or(0, |entry| entry.id)
        });
    }

    /// Returns the arrival of the oldest entry.
    pub(super) fn oldest(&self) -> Option<Micros> {
        self.entries.front().map(|entry| entry.since)
    }

    /// Removes and returns the oldest entry.
    pub(super) fn pop_oldest(&mut self) -> Option<Entry> {
        let oldest = self.entries.pop_front()?;
        let number = self.first;
        if let Ok(found) = self.index.find_entry(oldest.id, |known| *known == number) {
            found.remove();
        }
        self.first += 1;
        Some(oldest)
    }
}

fn entry(entries: &VecDeque<Entry>, first: u64, number: u64) -> Option<&Entry> {
    entries.get(usize::try_from(number - first).ok()?)
}
