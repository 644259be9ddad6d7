//! The places where the message of a line may begin.
//!
//! Invariant: places differ from each other.

/// Largest number of places where the message of one line may begin.
const PLACES: usize = 12;

/// The places where the message of a line may begin, the most probable first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    at: [usize; PLACES],
    length: usize,
}

impl Places {
    /// Adds a place, unless it is known or the room is used up.
    pub(super) fn push(&mut self, at: usize) {
        let known = &self.at[..self.length];
        if !known.contains(&at)
            && let Some(free) = self.at.get_mut(self.length)
        {
            *free = at;
            self.length += 1;
        }
    }

    /// Returns the most probable place.
    pub fn first(&self) -> Option<usize> {
        self.iter().next()
    }

    /// Iterates over the places, none of which is 0.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.at[..self.length].iter().copied()
    }
}
