//! Builds the tables of a walk from Thompson's automaton.
//!
//! Invariant: a set holds the states from which the rest of the line matches, and no others; so the
//! first way from an entry that stays inside the set is the way that the regex takes.

use std::iter::successors;

use hashbrown::HashMap;
use regex_automata::nfa::thompson::{NFA, State, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;

use super::{DEAD, FORK, NOWHERE, START, Step, Walk};

/// Largest table, in cells, and largest total size of the sets, in words of 64 bits.
const CELLS: usize = 1 << 18;
/// Largest automaton, in bytes.
const NFA_BYTES: usize = 1 << 20;
/// Largest automaton, in states.
const STATES: usize = 1 << 13;

/// A set of states of the automaton.
type Set = Box<[u64]>;

/// A place in a line, described by what follows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    /// A byte equivalent to the one that follows.
    after: Option<u8>,
    /// States from which the rest of the line matches, before closing over steps that take no byte.
    states: Set,
}

/// Tables in construction.
#[derive(Debug)]
struct Tables {
    nfa: NFA,
    /// By state: the states from which a step without a byte leads to it, and the step's assertion.
    sources: Vec<Vec<(StateID, Option<Look>)>>,
    /// By class: one of its bytes.
    bytes: Vec<u8>,
    /// By class: the steps that consume a byte of the class.
    takers: Vec<Vec<(StateID, StateID)>>,
    /// True if an assertion concerns more than the line's ends.
    looks_around: bool,
    /// The first state, and every state after a byte.
    entries: Vec<StateID>,
    /// By slot: true if it belongs to a requested group.
    wanted: Vec<bool>,
    walk: Walk,
}

/// Distinct items, numbered in the order of their first appearance.
struct Numbered<T>(HashMap<T, u16>, Vec<T>);

impl Walk {
    /// Builds the tables for these groups; `None` if they would be too large, or if an assertion of the
    /// expression depends on more than one byte on either side.
    pub(crate) fn new(source: &str, groups: impl IntoIterator<Item = usize>) -> Option<Self> {
        Tables::new(source, groups)?.finish()
    }
}

impl Tables {
    fn new(source: &str, groups: impl IntoIterator<Item = usize>) -> Option<Self> {
        let nfa = NFA::compiler()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .configure(
                NFA::config()
                    .utf8(false)
                    .nfa_size_limit(Some(NFA_BYTES))
                    .which_captures(WhichCaptures::All),
            )
            .build(source)
            .ok()?;
        let looks = nfa.look_set_any();
        if looks.contains_word_unicode() || nfa.states().len() > STATES {
            return None;
        }
        let mut bytes: Vec<u8> = Vec::new();
        let mut classes = Box::new([0; 256]);
        for byte in 0..=255_u8 {
            let class = nfa.byte_classes().get(byte);
            classes[usize::from(byte)] = class;
            if usize::from(class) == bytes.len() {
                bytes.push(byte);
            }
        }
        let mut wanted = vec![false; nfa.group_info().slot_len()];
        for group in groups {
            wanted.get_mut(2 * group..2 * group + 2)?.fill(true);
        }
        let walk = Walk {
            classes,
            class_count: bytes.len(),
            back: Vec::new(),
            entry_count: 0,
            forth: Vec::new(),
            forks: Vec::new(),
            notes: vec![Box::default()],
            slots: wanted.len(),
        };
        let mut tables = Self {
            sources: vec![Vec::new(); nfa.states().len()],
            takers: vec![Vec::new(); bytes.len()],
            looks_around: looks.contains_word() || looks.contains_anchor_line(),
            entries: vec![nfa.start_anchored()],
            bytes,
            wanted,
            walk,
            nfa,
        };
        tables.connect();
        Some(tables)
    }

    /// Fills in the steps of every state.
    fn connect(&mut self) {
        for (at, state) in self.nfa.states().iter().enumerate() {
            let Ok(id) = StateID::new(at) else { return };
            for next in ways(state) {
                let look = match state {
                    State::Look { look, .. } => Some(*look),
                    _ => None,
                };
                self.sources[next.as_usize()].push((id, look));
            }
            for (class, byte) in self.bytes.iter().enumerate() {
                if let Some(next) = taken(state, *byte) {
                    self.takers[class].push((id, next));
                    if !self.entries.contains(&next) {
                        self.entries.push(next);
                    }
                }
            }
        }
    }

    fn finish(mut self) -> Option<Walk> {
        let none = || vec![0; self.nfa.states().len().div_ceil(64)].into_boxed_slice();
        let mut places = Numbered::default();
        let mut sets = Numbered::default();
        let dead = Place {
            after: None,
            states: none(),
        };
        let mut end = dead.clone();
        for (at, state) in self.nfa.states().iter().enumerate() {
            if matches!(state, State::Match { .. }) {
                insert(&mut end.states, at);
            }
        }
        places.number(dead)?;
        places.number(end)?;
        let (width, entries) = (self.walk.width(), u32::try_from(self.entries.len()).ok()?);
        let row = |number: u16, width: u32| u32::from(number).checked_mul(width);
        let mut at = 0;
        while let Some(place) = places.1.get(at).cloned() {
            for class in 0..self.bytes.len() {
                let byte = self.witness(self.bytes[class]);
                let set = self.closed(&place, Some(byte));
                let mut before = Place {
                    after: Some(byte),
                    states: none(),
                };
                for (state, next) in &self.takers[class] {
                    if contains(&set, next.as_usize()) {
                        insert(&mut before.states, state.as_usize());
                    }
                }
                let before = if before.states.iter().all(|bits| *bits == 0) {
                    DEAD
                } else {
                    row(places.number(before)?, width)?
                };
                let set = row(sets.number(set)?, entries)?;
                self.walk.back.push((set, before));
            }
            let set = sets.number(self.closed(&place, None))?;
            self.walk.back.push((row(set, entries)?, DEAD));
            let bits = (places.1.len() + sets.1.len()) * self.nfa.states().len();
            let forth = sets.1.len() * self.entries.len();
            if self.walk.back.len() > CELLS || forth > CELLS || bits / 64 > CELLS {
                return None;
            }
            at += 1;
        }
        self.ways(&sets.1)?;
        Some(self.walk)
    }

    /// Returns the states of a place, and all states from which they are reached without a byte.
    fn closed(&self, place: &Place, before: Option<u8>) -> Set {
        let around: Vec<u8> = before.into_iter().chain(place.after).collect();
        let at = usize::from(before.is_some());
        let mut set = place.states.clone();
        let mut open: Vec<usize> = members(&set).collect();
        while let Some(state) = open.pop() {
            for (source, look) in &self.sources[state] {
                let source = source.as_usize();
                let matcher = self.nfa.look_matcher();
                let holds = look.is_none_or(|look| matcher.matches(look, &around, at));
                if holds && !contains(&set, source) {
                    insert(&mut set, source);
                    open.push(source);
                }
            }
        }
        set
    }

    /// Returns a representative of the bytes that every assertion treats like this one.
    fn witness(&self, byte: u8) -> u8 {
        match byte {
            b'\n' | b'\r' if self.looks_around => byte,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' if self.looks_around => b'a',
            _ => b' ',
        }
    }

    /// Builds the table of the second pass.
    fn ways(&mut self, sets: &[Set]) -> Option<()> {
        let entries = std::mem::take(&mut self.entries);
        self.walk.entry_count = entries.len();
        if entries.len() >= usize::from(FORK) {
            return None;
        }
        let numbers: HashMap<StateID, u16> = entries.iter().copied().zip(START..).collect();
        let mut forks: HashMap<StateID, u16> = HashMap::new();
        for set in sets {
            for entry in &entries {
                let cell = self.way(set, *entry, &numbers, &mut forks)?;
                self.walk.forth.push(cell);
            }
        }
        Some(())
    }

    /// Returns the first way from an entry that stays inside a set.
    fn way(
        &mut self,
        set: &Set,
        entry: StateID,
        numbers: &HashMap<StateID, u16>,
        forks: &mut HashMap<StateID, u16>,
    ) -> Option<Step> {
        // States to try, each with the slots set on the way to it.
        let mut open: Vec<(StateID, Vec<u16>)> = vec![(entry, Vec::new())];
        let mut seen = vec![0; set.len()].into_boxed_slice();
        while let Some((id, mut noted)) = open.pop() {
            let at = id.as_usize();
            if !contains(set, at) || contains(&seen, at) {
                continue;
            }
            insert(&mut seen, at);
            let state = self.nfa.state(id);
            if let State::Capture { slot, .. } = state
                && self.wanted[slot.as_usize()]
            {
                noted.push(u16::try_from(slot.as_usize()).ok()?);
            }
            if state.is_epsilon() {
                let next = ways(state);
                open.extend(next.into_iter().rev().map(|next| (next, noted.clone())));
                continue;
            }
            let next = match state {
                State::Match { .. } => START,
                _ => self.next(id, numbers, forks)?,
            };
            let note = self.note(noted)?;
            return Some(Step { note, next });
        }
        let (note, next) = (0, NOWHERE);
        Some(Step { note, next })
    }

    /// Returns the entry that a byte leads to from a state, or a fork if that depends on the byte's class.
    fn next(
        &mut self,
        id: StateID,
        numbers: &HashMap<StateID, u16>,
        forks: &mut HashMap<StateID, u16>,
    ) -> Option<u16> {
        let state = self.nfa.state(id);
        let number = |byte: &u8| Some(numbers[&taken(state, *byte)?]);
        let row: Vec<Option<u16>> = self.bytes.iter().map(number).collect();
        let mut entries = row.iter().flatten();
        let first = *entries.next()?;
        if entries.all(|next| *next == first) {
            return Some(first);
        }
        let fork = if let Some(fork) = forks.get(&id) {
            *fork
        } else {
            let fork = u16::try_from(forks.len()).ok();
            let fork = fork.filter(|fork| *fork < FORK - 1)?;
            let row = row.iter().map(|next| next.unwrap_or(START));
            self.walk.forks.extend(row);
            forks.insert(id, fork);
            fork
        };
        Some(fork | FORK)
    }

    fn note(&mut self, slots: Vec<u16>) -> Option<u16> {
        let notes = &mut self.walk.notes;
        let known = notes.iter().position(|known| **known == *slots);
        let at = known.unwrap_or_else(|| {
            notes.push(slots.into());
            notes.len() - 1
        });
        u16::try_from(at).ok()
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self(HashMap::new(), Vec::new())
    }
}

impl<T: Clone + Eq + std::hash::Hash> Numbered<T> {
    fn number(&mut self, item: T) -> Option<u16> {
        if let Some(number) = self.0.get(&item) {
            return Some(*number);
        }
        let number = u16::try_from(self.1.len()).ok()?;
        self.1.push(item.clone());
        self.0.insert(item, number);
        Some(number)
    }
}

/// Returns the states that a state leads to without a byte, the preferred one first.
fn ways(state: &State) -> Vec<StateID> {
    match state {
        State::Look { next, .. } | State::Capture { next, .. } => vec![*next],
        State::Union { alternates } => alternates.to_vec(),
        State::BinaryUnion { alt1, alt2 } => vec![*alt1, *alt2],
        State::ByteRange { .. }
        | State::Sparse(_)
        | State::Dense(_)
        | State::Fail
        | State::Match { .. } => Vec::new(),
    }
}

/// Returns the state that a byte leads to.
fn taken(state: &State, byte: u8) -> Option<StateID> {
    match state {
        State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
        State::Sparse(sparse) => sparse.matches_byte(byte),
        State::Dense(dense) => dense.matches_byte(byte),
        _ => None,
    }
}

fn contains(set: &Set, at: usize) -> bool {
    set[at / 64] >> (at % 64) & 1 == 1
}

fn insert(set: &mut Set, at: usize) {
    set[at / 64] |= 1 << (at % 64);
}

fn members(set: &Set) -> impl Iterator<Item = usize> + '_ {
    // Sets have hundreds of states and few members.
    let words = set.iter().enumerate();
    words.flat_map(|(number, word)| {
        let rest = |word: &u64| Some(word & (word - 1)).filter(|rest| *rest != 0);
        let words = successors(Some(*word).filter(|word| *word != 0), rest);
        words.map(move |word| number * 64 + word.trailing_zeros() as usize)
    })
}
