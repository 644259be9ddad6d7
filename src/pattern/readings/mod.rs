//! Lines that the fixed text between their values does not divide: read by the types of the values, and only if
//! one reading remains.
//!
//! Invariant: a line is read only if all its readings, on the strictest level that has one, agree on every counted
//! field.

mod ambiguity;
mod automaton;
mod language;
mod set;
mod tables;

use std::ops::Range;

use super::Reject;
use super::binding::Binding;
use super::template::{Item, Template};
use crate::model::Record;

use automaton::Automaton;
use language::Level;
use tables::{Found, Tables};

pub(super) use ambiguity::Unclear;
pub(super) use tables::Memory;

/// Result of the review of a format.
#[derive(Clone, Debug, Default)]
pub(super) struct Review {
    /// A value whose end some lines leave unclear.
    pub(super) unclear: Option<Unclear>,
    /// Reads the lines, if regex and plan would take one of several readings.
    pub(super) readings: Option<Box<Readings>>,
}

/// Reads lines on several levels, the strictest first.
#[derive(Clone, Debug)]
pub(super) struct Readings {
    levels: Vec<Tables>,
    /// By item of the template: the value's meaning.
    bindings: Vec<Option<Binding>>,
}

/// Reviews a format.
pub(super) fn review(template: &Template) -> Review {
    // Without escaping, every value may hold everything; `advice` warns of that.
    if template.is_unescaped() && !template.has_open_neighbours() {
        return Review::default();
    }
    let full = Automaton::of(template, Level::Full);
    let unclear = |level| {
        let read = Automaton::of(template, level);
        ambiguity::unclear(template, read.as_ref(), full.as_ref())
    };
    let plain = unclear(Level::Plain);
    if plain.is_none_or(|unclear| !unclear.is_counted) {
        return Review {
            unclear: plain,
            readings: None,
        };
    }
    let exact = unclear(Level::Exact);
    let levels: &[Level] = match exact {
        Some(Unclear {
            is_counted: true, ..
        }) => &[
            Level::Strict,
            Level::Usual,
            Level::Exact,
            Level::Full,
            Level::Plain,
        ],
        _ => &[Level::Exact, Level::Full, Level::Plain],
    };
    Review {
        unclear: exact,
        readings: Readings::new(template, levels).map(Box::new),
    }
}

impl Readings {
    /// Builds the tables; `None` if they would be too large.
    fn new(template: &Template, levels: &[Level]) -> Option<Self> {
        let bindings: Vec<Option<Binding>> = (template.items.iter())
            .map(|item| match item {
                Item::Slot(slot) => slot.binding,
                Item::Literal(_) => None,
            })
            .collect();
        let mut tables: Vec<Tables> = Vec::new();
        for level in levels {
            let next = Tables::new(template, *level)?;
            if tables.last().is_none_or(|last| !last.is_same(&next)) {
                tables.push(next);
            }
        }
        Some(Self {
            levels: tables,
            bindings,
        })
    }

    /// Creates working memory.
    pub(super) fn memory(&self) -> Memory {
        Memory::new(self.levels.len())
    }

    /// Drops the bindings that `is_wanted` refuses.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Binding) -> bool) {
        for binding in &mut self.bindings {
            *binding = binding.filter(|binding| is_wanted(*binding));
        }
    }

    /// Parses a line.
    pub(super) fn parse<'l>(
        &self,
        memory: &mut Memory,
        line: &'l [u8],
    ) -> Result<Record<'l>, Reject> {
        self.read(memory, line)?;
        let mut record = Record::default();
        for (binding, span) in self.bindings.iter().zip(memory.spans()) {
            if let (Some(binding), Some(span)) = (binding, span) {
                binding.read(&line[span.clone()], &mut record)?;
            }
        }
        Ok(record)
    }

    /// Returns the span of each item that all readings agree on; `None` for a line that is not read.
    pub(super) fn spans(&self, line: &[u8]) -> Option<Vec<Option<Range<usize>>>> {
        let mut memory = self.memory();
        self.read(&mut memory, line).ok()?;
        Some(memory.spans().to_vec())
    }

    /// Finds the spans of a line's values.
    fn read(&self, memory: &mut Memory, line: &[u8]) -> Result<(), Reject> {
        for (level, tables) in self.levels.iter().enumerate() {
            match tables.read(memory, level, line) {
                Found::One => return Ok(()),
                Found::Several => return Err(Reject::Ambiguous),
                Found::None => {}
            }
        }
        Err(Reject::Mismatch)
    }
}

#[cfg(test)]
mod tests;
