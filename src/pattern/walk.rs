//! The captures of a regular expression in time linear in the line, whatever the expression.
//!
//! Invariant: a walk takes the way that the regex prefers. A first pass, from the line's end to its
//! start, learns at each byte from which states the rest of the line is matched; a second one, from
//! the start, takes at each fork the first branch that leads to one of them, and so never has to
//! turn back. Both passes look up tables that were made with the pattern.

mod build;

use build::Tables;

/// An expression that is anchored at both ends, as tables. Places and sets of states are called by
/// where their rows begin.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// A byte's class.
    classes: Box<[u8; 256]>,
    /// Classes; a row of `back` has one cell for each, and one for the start of the line.
    class_count: usize,
    /// By place and class of the byte before it: the set of states at the place, and the next place.
    back: Vec<(u32, u32)>,
    /// Entries; a row of `forth` has one cell for each.
    entry_count: usize,
    /// By set of states and entry.
    forth: Vec<Step>,
    /// By fork and class of the byte: the next entry.
    forks: Vec<u16>,
    /// The slots to note, in stretches.
    notes: Vec<Box<[u16]>>,
    /// Slots that are noted, group 0 among them.
    slots: usize,
}

/// What to note, and the next entry or the fork that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    note: u16,
    next: u16,
}

/// The place from which nothing is matched.
const DEAD: u32 = 0;
/// The entry before the first byte.
const START: u16 = 0;
/// Marks a fork among entries.
const FORK: u16 = 1 << 15;
/// Told instead of an entry where no way leads on.
const NOWHERE: u16 = u16::MAX;

/// What a walk writes on. It grows to the longest line.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    /// The set of states before each byte, and at the end.
    sets: Vec<u32>,
    slots: Vec<usize>,
}

impl Walk {
    /// Makes the tables; `groups` are those whose places will be asked for. `None` if they would be
    /// too large, or if the expression looks further around than one byte.
    pub(super) fn new(source: &str, groups: impl IntoIterator<Item = usize>) -> Option<Self> {
        Tables::new(source, groups)?.finish()
    }

    /// Whether a line is matched. The trail then has the groups' places.
    pub(super) fn run(&self, trail: &mut Trail, line: &[u8]) -> bool {
        if trail.sets.len() <= line.len() {
            trail.sets.resize(line.len() + 1, 0);
        }
        let sets = &mut trail.sets[..=line.len()];
        if !self.back(sets, line) {
            return false;
        }
        trail.slots.clear();
        trail.slots.resize(self.slots, usize::MAX);
        self.forth(sets, line, &mut trail.slots);
        true
    }

    /// Fills in the sets; `false` if the line is not matched.
    fn back(&self, sets: &mut [u32], line: &[u8]) -> bool {
        let Some((first, sets)) = sets.split_first_mut() else {
            return false;
        };
        let mut place = self.end();
        for (byte, set) in line.iter().zip(sets).rev() {
            let class = self.classes[usize::from(*byte)];
            (*set, place) = self.back[place as usize + usize::from(class)];
            if place == DEAD {
                return false;
            }
        }
        *first = self.back[place as usize + self.class_count].0;
        self.step(*first, START).next != NOWHERE
    }

    /// Notes where the groups stand.
    fn forth(&self, sets: &[u32], line: &[u8], slots: &mut [usize]) {
        let mut entry = START;
        for (at, (set, byte)) in sets.iter().zip(line).enumerate() {
            let step = self.step(*set, entry);
            if step.note != 0 {
                self.note(step, at, slots);
            }
            entry = if step.next < FORK {
                step.next
            } else {
                let class = usize::from(self.classes[usize::from(*byte)]);
                self.forks[usize::from(step.next - FORK) * self.class_count + class]
            };
        }
        if let Some(last) = sets.last() {
            self.note(self.step(*last, entry), line.len(), slots);
        }
    }

    /// The place behind the last byte.
    fn end(&self) -> u32 {
        DEAD + self.width()
    }

    /// Cells of a row of `back`.
    #[expect(clippy::cast_possible_truncation, reason = "at most 256 classes")]
    fn width(&self) -> u32 {
        self.class_count as u32 + 1
    }

    #[inline]
    fn step(&self, set: u32, entry: u16) -> Step {
        self.forth[set as usize + usize::from(entry)]
    }

    #[inline]
    fn note(&self, step: Step, at: usize, slots: &mut [usize]) {
        for slot in &self.notes[usize::from(step.note)] {
            slots[usize::from(*slot)] = at;
        }
    }
}

impl Trail {
    /// Where a group stands in the line that was matched last.
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        let start = *self.slots.get(2 * group)?;
        let end = *self.slots.get(2 * group + 1)?;
        (start != usize::MAX && end != usize::MAX).then_some((start, end))
    }
}

#[cfg(test)]
mod tests;
