//! All readings of a line at once: the states that its beginning leads to, and those from which its end follows.
//!
//! A state in both sets is part of a reading. If at each byte the states in both belong to one value, all readings agree.
//! The sets and the steps between them are kept, so that most lines only read tables.

use std::collections::HashMap;
use std::ops::Range;

use super::super::template::{Item, Template};
use super::ambiguity::is_counted;
use super::automaton::Automaton;
use super::language::Level;
use super::set::StateSet;

/// Number of sets above which a line's end clears the memory.
const SETS: usize = 2_048;
/// A step that was not made yet.
const UNKNOWN: u32 = u32::MAX;
/// The empty set.
const DEAD: u32 = 0;

/// The tables of an automaton.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    automaton: Automaton,
    /// By byte: its class.
    classes: Box<[u8; 256]>,
    /// By class: the states it leads to.
    accepting: Vec<StateSet>,
    /// By state: the states that may follow it, and those that it may follow.
    after: Vec<StateSet>,
    before: Vec<StateSet>,
    first: StateSet,
    /// By item: how a difference in it matters.
    weights: Vec<Weight>,
}

/// Weight of a difference between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Fixed text, or a value that fills no field.
    None,
    /// A field that no metric uses.
    Shown,
    /// A counted field.
    Counted,
}

/// The number of readings of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    None,
    One,
    Several,
}

/// Working memory: the sets met so far, by level, and the spans of the last line.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    levels: Vec<Known>,
    /// The set after each byte.
    trail: Vec<u32>,
    spans: Vec<Option<Range<usize>>>,
}

/// The sets met so far.
#[derive(Clone, Debug, Default)]
struct Known {
    forth: Numbered,
    back: Numbered,
    /// By a set of each: the item of the byte between them.
    items: HashMap<(u32, u32), Owner>,
}

/// The item that a byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Item(u16),
    /// Readings differ, in no field that is counted.
    Unclear,
    Several,
}

/// Sets with numbers, and the steps between them.
#[derive(Clone, Debug, Default)]
struct Numbered {
    sets: Vec<StateSet>,
    numbers: HashMap<StateSet, u32>,
    /// By set and class of the next byte.
    steps: Vec<u32>,
}

impl Tables {
    /// Builds the tables; `None` if they would be too large.
    pub(super) fn new(template: &Template, level: Level) -> Option<Self> {
        let automaton = Automaton::of(template, level)?;
        let states = automaton.items.len();
        let mut classes = Box::new([0; 256]);
        let mut accepting: Vec<StateSet> = Vec::new();
        for byte in 0..=255_u8 {
            let mut set = StateSet::empty(states);
            for (state, number) in (0..states).zip(0..) {
                if automaton.accepts(state, byte) {
                    set.insert(number);
                }
            }
            let known = accepting.iter().position(|known| *known == set);
            let class = known.unwrap_or_else(|| {
                accepting.push(set);
                accepting.len() - 1
            });
            classes[usize::from(byte)] = u8::try_from(class).ok()?;
        }
        let mut after = vec![StateSet::empty(states); states];
        let mut before = vec![StateSet::empty(states); states];
        for ((state, number), follow) in (0..states).zip(0..).zip(&automaton.follow) {
            for next in follow {
                after[state].insert(*next);
                before[usize::from(*next)].insert(number);
            }
        }
        let mut first = StateSet::empty(states);
        for state in &automaton.first {
            first.insert(*state);
        }
        let weights = template.items.iter().map(|item| match item {
            Item::Slot(slot) => match slot.binding {
                Some(binding) if is_counted(binding) => Weight::Counted,
                Some(_) => Weight::Shown,
                None => Weight::None,
            },
            Item::Literal(_) => Weight::None,
        });
        Some(Self {
            weights: weights.collect(),
            automaton,
            classes,
            accepting,
            after,
            before,
            first,
        })
    }

    /// Returns whether both accept the same lines by the same states.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.automaton == other.automaton
    }

    /// Finds the spans of the items of a line.
    pub(super) fn read(&self, memory: &mut Memory, level: usize, line: &[u8]) -> Found {
        let Memory {
            levels,
            trail,
            spans,
        } = memory;
        spans.clear();
        spans.resize(self.weights.len(), None);
        let Some(known) = levels.get_mut(level) else {
            return Found::None;
        };
        if line.is_empty() {
            return if self.automaton.is_nullable {
                Found::One
            } else {
                Found::None
            };
        }
        if known.forth.sets.len() > SETS
            || known.back.sets.len() > SETS
            || known.items.len() > 8 * SETS
        {
            *known = Known::default();
        }
        if self.forth(known, trail, line) {
            self.back(known, trail, spans, line)
        } else {
            Found::None
        }
    }

    /// Notes the set after each byte; `false` if the line does not match.
    fn forth(&self, known: &mut Known, trail: &mut Vec<u32>, line: &[u8]) -> bool {
        let width = self.accepting.len();
        known.forth.number(&StateSet::empty(self.states()), width);
        trail.clear();
        let mut set = UNKNOWN;
        for byte in line {
            let class = usize::from(self.classes[usize::from(*byte)]);
            let step = known.forth.step(set, class, width);
            set = if step == UNKNOWN {
                let mut next = match known.forth.sets.get(set as usize) {
                    None => self.first.clone(),
                    Some(states) => union(states, &self.after, self.states()),
                };
                next.keep(&self.accepting[class]);
                known.forth.note(set, class, &next, width)
            } else {
                step
            };
            if set == DEAD {
                return false;
            }
            trail.push(set);
        }
        let last = known.forth.sets.get(set as usize);
        last.is_some_and(|last| last.common(&self.automaton.last).next().is_some())
    }

    /// Returns the number of states.
    fn states(&self) -> usize {
        self.automaton.items.len()
    }

    /// Finds the spans, from the end of the line.
    fn back(
        &self,
        known: &mut Known,
        trail: &[u32],
        spans: &mut [Option<Range<usize>>],
        line: &[u8],
    ) -> Found {
        let width = self.accepting.len();
        let Known { forth, back, items } = known;
        back.number(&StateSet::empty(self.states()), width);
        let mut set = back.number(&self.automaton.last, width);
        let mut is_unclear = false;
        let mut last = ((UNKNOWN, UNKNOWN), Owner::Unclear);
        for (at, (byte, ahead)) in line.iter().zip(trail).enumerate().rev() {
            let key = (*ahead, set);
            if last.0 != key {
                let owner = items.entry(key).or_insert_with(|| {
                    self.owner(&forth.sets[*ahead as usize], &back.sets[set as usize])
                });
                last = (key, *owner);
            }
            match last.1 {
                Owner::Several => return Found::Several,
                Owner::Unclear => is_unclear = true,
                Owner::Item(item) => {
                    let span = &mut spans[usize::from(item)];
                    *span = Some(at..span.as_ref().map_or(at + 1, |span| span.end));
                }
            }
            let class = usize::from(self.classes[usize::from(*byte)]);
            let step = back.step(set, class, width);
            set = if step == UNKNOWN {
                let mut here = back.sets[set as usize].clone();
                here.keep(&self.accepting[class]);
                let next = union(&here, &self.before, self.states());
                back.note(set, class, &next, width)
            } else {
                step
            };
        }
        if is_unclear {
            for (span, weight) in spans.iter_mut().zip(&self.weights) {
                if *weight != Weight::Counted {
                    *span = None;
                }
            }
        }
        Found::One
    }

    /// Returns the item of a byte, given the states before and after.
    fn owner(&self, forth: &StateSet, back: &StateSet) -> Owner {
        let mut items = (forth.common(back)).map(|state| self.automaton.items[usize::from(state)]);
        let Some(first) = items.next() else {
            return Owner::Unclear;
        };
        let mut differs = false;
        let mut weight = self.weights[usize::from(first)];
        for item in items {
            differs |= item != first;
            weight = weight.max(self.weights[usize::from(item)]);
        }
        match weight {
            Weight::Counted if differs => Owner::Several,
            Weight::Shown if differs => Owner::Unclear,
            _ => Owner::Item(first),
        }
    }
}

/// Returns the union of the sets that the members of `states` stand for.
fn union(states: &StateSet, of: &[StateSet], count: usize) -> StateSet {
    let mut all = StateSet::empty(count);
    for state in states.common(states) {
        all.add(&of[usize::from(state)]);
    }
    all
}

impl Numbered {
    /// Returns the number of a set.
    fn number(&mut self, set: &StateSet, width: usize) -> u32 {
        if let Some(number) = self.numbers.get(set) {
            return *number;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "cleared at `SETS` and a line's length"
        )]
        let number = self.sets.len() as u32;
        self.sets.push(set.clone());
        self.numbers.insert(set.clone(), number);
        self.steps.resize(self.sets.len() * width, UNKNOWN);
        number
    }

    /// Returns the set after a byte of this class; `UNKNOWN` before the first byte, and for a step not made yet.
    fn step(&self, set: u32, class: usize, width: usize) -> u32 {
        if set == UNKNOWN {
            return UNKNOWN;
        }
        self.steps[set as usize * width + class]
    }

    fn note(&mut self, set: u32, class: usize, next: &StateSet, width: usize) -> u32 {
        let number = if next.is_empty() {
            DEAD
        } else {
            self.number(next, width)
        };
        if set != UNKNOWN {
            self.steps[set as usize * width + class] = number;
        }
        number
    }
}

impl Memory {
    pub(super) fn new(levels: usize) -> Self {
        Self {
            levels: vec![Known::default(); levels],
            trail: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Returns the spans of the items of the last line.
    pub(super) fn spans(&self) -> &[Option<Range<usize>>] {
        &self.spans
    }
}
