//! Requests of which one line was read, or both a short while ago.
//!
//! Invariant: entries stand in the order in which they came, and the index has each of them once.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::Reason;
use crate::model::Micros;

/// Entries in order, found by the hash of their request's id.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: VecDeque<Entry>,
    /// The number of the oldest entry; the next one has the next number.
    first: u64,
    /// Numbers of entries.
    index: HashTable<u64>,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The hash of its id. Two ids of one hash would be taken for one request: among 65,536 of them
    /// that is one pair in 8 thousand million such tables.
    pub(super) id: u64,
    /// When its first line came.
    pub(super) since: Micros,
    pub(super) state: State,
}

/// Which lines were read.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// The front's; what becomes of it without the other, and the upstream's time.
    Passed { fate: Reason, time: Option<Micros> },
    /// One from behind the front, by whom, and its time.
    Worked { back: usize, time: Option<Micros> },
    /// Both; kept so that a third line is told from a first one.
    Met,
}

impl Pending {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The state of a request.
    pub(super) fn find(&mut self, id: u64) -> Option<&mut State> {
        let (entries, first) = (&self.entries, self.first);
        let number = *self.index.find(id, |number| {
            entry(entries, first, *number).is_some_and(|entry| entry.id == id)
        })?;
        let at = usize::try_from(number - self.first).ok()?;
        self.entries.get_mut(at).map(|entry| &mut entry.state)
    }

    /// Adds a request that is not there.
    pub(super) fn push(&mut self, new: Entry) {
        let number = self.first + self.entries.len() as u64;
        self.entries.push_back(new);
        let (entries, first) = (&self.entries, self.first);
        self.index.insert_unique(new.id, number, |number| {
            entry(entries, first, *number).map_or(0, |entry| entry.id)
        });
    }

    /// Since when the oldest is there.
    pub(super) fn oldest(&self) -> Option<Micros> {
        self.entries.front().map(|entry| entry.since)
    }

    /// Takes the oldest out.
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
