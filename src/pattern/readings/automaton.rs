//! The automaton of a format: one state for each byte that some item of the format can hold.
//!
//! Invariant: a path through the automaton that spells a line is one reading of the line, and each state
//! belongs to one item (Glushkov's construction, which has no empty transitions).

use regex_syntax::hir::{Class, Hir, HirKind};

use super::super::template::{Item, Template};
use super::language::Level;
use super::set::StateSet;

/// Largest number of states.
const STATES: usize = 4_096;
/// State that no byte leads to.
const NO_ITEM: u16 = u16::MAX;

/// The automaton of a format on one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Automaton {
    /// By state: the bytes that lead to it.
    pub(super) bytes: Vec<[u64; 4]>,
    /// By state: the item of the template that it belongs to.
    pub(super) items: Vec<u16>,
    /// By state: the states that may follow it.
    pub(super) follow: Vec<Vec<u16>>,
    /// The states of a line's first byte.
    pub(super) first: Vec<u16>,
    /// The states of a line's last byte.
    pub(super) last: StateSet,
    /// True if the empty line is one of the format's.
    pub(super) is_nullable: bool,
}

/// A part of a format.
struct Part {
    first: Vec<u16>,
    last: Vec<u16>,
    is_nullable: bool,
}

impl Automaton {
    /// Builds the automaton; `None` if it would be too large.
    pub(super) fn of(template: &Template, level: Level) -> Option<Self> {
        let mut automaton = Self {
            bytes: Vec::new(),
            items: Vec::new(),
            follow: Vec::new(),
            first: Vec::new(),
            last: StateSet::default(),
            is_nullable: false,
        };
        let mut whole = Part::empty();
        for (at, item) in template.items.iter().enumerate() {
            let at = u16::try_from(at).ok().filter(|at| *at != NO_ITEM)?;
            let part = match item {
                Item::Literal(text) => automaton.literal(text.as_bytes(), at)?,
                Item::Slot(slot) => {
                    let source = slot.language(level, template.escaping);
                    let mut parser = regex_syntax::ParserBuilder::new()
                        .unicode(false)
                        .utf8(false)
                        .dot_matches_new_line(true)
                        .build();
                    automaton.part(&parser.parse(&source).ok()?, at)?
                }
            };
            whole = automaton.concat(whole, part);
        }
        automaton.first = whole.first;
        automaton.is_nullable = whole.is_nullable;
        automaton.last = StateSet::empty(automaton.items.len());
        for state in whole.last {
            automaton.last.insert(state);
        }
        Some(automaton)
    }

    /// Returns whether a byte leads to a state.
    pub(super) fn accepts(&self, state: usize, byte: u8) -> bool {
        self.bytes[state][usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }

    fn state(&mut self, bytes: [u64; 4], item: u16) -> Option<u16> {
        let state = u16::try_from(self.items.len()).ok()?;
        (self.items.len() < STATES).then_some(())?;
        self.bytes.push(bytes);
        self.items.push(item);
        self.follow.push(Vec::new());
        Some(state)
    }

    fn literal(&mut self, text: &[u8], item: u16) -> Option<Part> {
        let mut part = Part::empty();
        for byte in text {
            let state = self.state(set([(*byte, *byte)]), item)?;
            part = self.concat(part, Part::of(state));
        }
        Some(part)
    }

    fn part(&mut self, hir: &Hir, item: u16) -> Option<Part> {
        match hir.kind() {
            HirKind::Empty => Some(Part::empty()),
            HirKind::Literal(literal) => self.literal(&literal.0, item),
            HirKind::Class(class) => {
                let bytes = match class {
                    Class::Bytes(class) => set(class.iter().map(|r| (r.start(), r.end()))),
                    Class::Unicode(class) => {
                        let class = class.to_byte_class()?;
                        set(class.iter().map(|r| (r.start(), r.end())))
                    }
                };
                self.state(bytes, item).map(Part::of)
            }
            HirKind::Capture(capture) => self.part(&capture.sub, item),
            HirKind::Concat(parts) => {
                let mut whole = Part::empty();
                for part in parts {
                    let part = self.part(part, item)?;
                    whole = self.concat(whole, part);
                }
                Some(whole)
            }
            HirKind::Alternation(ways) => {
                let mut whole = Part::never();
                for way in ways {
                    let way = self.part(way, item)?;
                    whole.first.extend(way.first);
                    whole.last.extend(way.last);
                    whole.is_nullable |= way.is_nullable;
                }
                Some(whole)
            }
            HirKind::Repetition(repetition) => {
                let mut whole = Part::empty();
                let (min, max) = (repetition.min, repetition.max);
                let copies = max.unwrap_or_else(|| min.max(1));
                for copy in 0..copies {
                    let mut part = self.part(&repetition.sub, item)?;
                    if max.is_none() && copy + 1 == copies {
                        self.link(&part.last, &part.first);
                    }
                    part.is_nullable |= copy >= min;
                    whole = self.concat(whole, part);
                }
                Some(whole)
            }
            HirKind::Look(_) => None,
        }
    }

    fn concat(&mut self, mut before: Part, after: Part) -> Part {
        self.link(&before.last, &after.first);
        if before.is_nullable {
            before.first.extend(&after.first);
        }
        let mut last = after.last;
        if after.is_nullable {
            last.extend(before.last);
        }
        Part {
            first: before.first,
            last,
            is_nullable: before.is_nullable && after.is_nullable,
        }
    }

    fn link(&mut self, from: &[u16], to: &[u16]) {
        for state in from {
            let follow = &mut self.follow[usize::from(*state)];
            for next in to {
                if !follow.contains(next) {
                    follow.push(*next);
                }
            }
        }
    }
}

impl Part {
    fn empty() -> Self {
        Self {
            is_nullable: true,
            ..Self::never()
        }
    }

    fn never() -> Self {
        Self {
            first: Vec::new(),
            last: Vec::new(),
            is_nullable: false,
        }
    }

    fn of(state: u16) -> Self {
        Self {
            first: vec![state],
            last: vec![state],
            is_nullable: false,
        }
    }
}

fn set(ranges: impl IntoIterator<Item = (u8, u8)>) -> [u64; 4] {
    let mut set = [0; 4];
    for (first, last) in ranges {
        for byte in first..=last {
            set[usize::from(byte / 64)] |= 1 << (byte % 64);
        }
    }
    set
}
