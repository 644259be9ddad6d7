//! The lowered matcher: finds delimiters instead of running an automaton.
//!
//! Invariant: a plan takes, at each step, the choice that the regex prefers there. So a line that it
//! reads to the end is read exactly as the regex reads it; of any other line it says nothing, and
//! the regex decides.

use super::quotes::FindQuote;
use super::scan::Scan;
use super::template::{Binding, Item, Template};

/// Steps that read a line from left to right.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    steps: Vec<Step>,
    tail: Literal,
}

/// A literal, then a value.
#[derive(Clone, Debug)]
struct Step {
    lead: Literal,
    scan: Scan,
    binding: Option<Binding>,
}

/// Fixed bytes; up to 16 are compared as one number.
#[derive(Clone, Debug)]
struct Literal {
    bytes: Box<[u8]>,
    word: u128,
    mask: u128,
}

/// Makes a plan step by step.
#[derive(Debug, Default)]
pub(super) struct Builder {
    steps: Vec<Step>,
    lead: Vec<u8>,
}

impl Plan {
    /// The plan of a template; `None` where a lazy text is followed by no literal.
    pub(super) fn of_template(template: &Template) -> Option<Self> {
        let mut builder = Builder::default();
        for (at, item) in template.items.iter().enumerate() {
            match item {
                Item::Literal(literal) => builder.literal(literal.as_bytes()),
                Item::Slot(slot) => {
                    let next = template.items.get(at + 1);
                    builder.value(Scan::of_shape(slot.shape, next)?, slot.binding);
                }
            }
        }
        Some(builder.finish())
    }

    /// Passes over the line; gives each bound value to `found`. `false` means nothing: `found` may
    /// have been given wrong values.
    #[inline]
    pub(super) fn run<'l>(
        &self,
        line: &'l [u8],
        mut quotes: impl FindQuote,
        mut found: impl FnMut(Binding, &'l [u8]),
    ) -> bool {
        let mut at = 0;
        for step in &self.steps {
            if !step.lead.is_at(line, at) {
                return false;
            }
            at += step.lead.bytes.len();
            let Some(end) = step.scan.end(line, at, &mut quotes) else {
                return false;
            };
            if let Some(binding) = step.binding {
                found(binding, &line[at..end]);
            }
            at = end;
        }
        self.tail.is_at(line, at) && at + self.tail.bytes.len() == line.len()
    }

    /// Leaves out the values that nobody wants.
    pub(super) fn retain(&mut self, wanted: impl Fn(Binding) -> bool) {
        for step in &mut self.steps {
            step.binding = step.binding.filter(|binding| wanted(*binding));
        }
    }
}

impl Builder {
    /// Then these bytes.
    pub(super) fn literal(&mut self, bytes: &[u8]) {
        self.lead.extend_from_slice(bytes);
    }

    /// Then a value.
    pub(super) fn value(&mut self, scan: Scan, binding: Option<Binding>) {
        let lead = Literal::new(&std::mem::take(&mut self.lead));
        self.steps.push(Step {
            lead,
            scan,
            binding,
        });
    }

    /// Then nothing more.
    pub(super) fn finish(self) -> Plan {
        Plan {
            tail: Literal::new(&self.lead),
            steps: self.steps,
        }
    }
}

impl Literal {
    fn new(bytes: &[u8]) -> Self {
        let (mut word, mut mask) = ([0; 16], [0; 16]);
        for (at, byte) in bytes.iter().take(16).enumerate() {
            word[at] = *byte;
            mask[at] = 0xff;
        }
        Self {
            bytes: bytes.into(),
            word: u128::from_le_bytes(word),
            mask: u128::from_le_bytes(mask),
        }
    }

    /// Whether the line goes on with it.
    #[inline]
    fn is_at(&self, line: &[u8], at: usize) -> bool {
        let Some(rest) = line.get(at..) else {
            return false;
        };
        match rest.first_chunk::<16>() {
            Some(chunk) if self.bytes.len() <= 16 => {
                u128::from_le_bytes(*chunk) & self.mask == self.word
            }
            _ => rest.starts_with(&self.bytes),
        }
    }
}
