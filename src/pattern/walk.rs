//! The captures of a regular expression in time linear in the line, whatever the expression.
//!
//! Invariant: a walk takes the way that the regex prefers. A first pass, from the line's end to its
//! start, finds at each byte the states from which the rest of the line matches; a second pass, from
//! the start, takes at each fork the first branch that leads to one of them, and so never
//! backtracks. Both passes only read tables that are built with the pattern.
//!
//! `benches/walk.rs` measures the walk beside other engines, on two custom expressions without a plan.
//! The one-pass DFA refuses both. Medians of one run of ten samples on a busy machine; walk and regex
//! include reading the fields, the bounded backtracker (with 16 MiB of visited bits) does not:
//!
//! | expression, line | walk | `regex` | backtracker |
//! |---|---|---|---|
//! | optional part, normal line | 0.74 µs | 5.6 µs | 4.2 µs |
//! | several `.*`, normal line | 1.6 µs | 17 µs | 13 µs |
//! | several `.*`, 63 KiB of delimiters | 0.36 ms | 15.6 ms | 0.67 ms |
//! | several `.*`, 63 KiB without a match | 0.71 ms | 1.8 ms | 5.1 ms |
//! | optional part, 63 KiB of delimiters, no match | 0.59 µs | 0.09 µs | 61 µs |
//! | optional part, 63 KiB without a match | 0.16 µs | 0.20 µs | 93 µs |

mod build;

/// The tables of an expression that is anchored at both ends. A place or a set of states is identified
/// by the start of its row.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// By byte: its class.
    classes: Box<[u8; 256]>,
    /// Number of classes. A row of `back` has one cell for each, and one for the start of the line.
    class_count: usize,
    /// By place and class of the preceding byte: the set of states at the place, and the next place.
    back: Vec<(u32, u32)>,
    /// Number of entries. A row of `forth` has one cell for each.
    entry_count: usize,
    /// By set of states and entry.
    forth: Vec<Step>,
    /// By fork and class of the following byte: the next entry.
    forks: Vec<u16>,
    /// By note: the slots to set.
    notes: Vec<Box<[u16]>>,
    /// Number of slots, those of group 0 included.
    slots: usize,
}

/// A cell of `forth`: the slots to set, and the next entry or the fork that decides on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    note: u16,
    next: u16,
}

/// The place from which nothing matches.
const DEAD: u32 = 0;
/// The entry before the first byte.
const START: u16 = 0;
/// The bit that marks a fork among entries.
const FORK: u16 = 1 << 15;
/// The entry without a continuation.
const NOWHERE: u16 = u16::MAX;

/// Working memory of a walk. It grows to the longest line.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    /// The set of states before each byte, and at the end.
    sets: Vec<u32>,
    slots: Vec<usize>,
}

impl Walk {
    /// Returns whether the line matches; the trail then holds the groups' spans.
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

    /// Fills in the sets; `false` if the line does not match.
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

    /// Sets the slots of the groups.
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

    /// Returns the place after the last byte.
    fn end(&self) -> u32 {
        DEAD + self.width()
    }

    /// Returns the number of cells in a row of `back`.
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
    /// Returns the span of a group in the line that was matched last.
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        let start = *self.slots.get(2 * group)?;
        let end = *self.slots.get(2 * group + 1)?;
        (start != usize::MAX && end != usize::MAX).then_some((start, end))
    }
}

#[cfg(test)]
mod tests;
