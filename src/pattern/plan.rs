//! The plan of a line: finds delimiters instead of running an automaton.
//!
//! Invariant: a plan takes, at each step, the choice that the regex prefers there. So a line that it
//! reads to the end is read exactly as the regex reads it; every other line is left to the regex.

use super::binding::{Binding, TimeUnit};
use super::literal::Literal;
use super::scan::{CLF_TIME, Scan, word_end};
#[cfg(target_arch = "x86_64")]
use super::search::Avx2;
use super::search::{Kernel, Plain, Window};
use super::template::{Entry, Item, Template};
use super::{Ahead, Reject, request};
use crate::model::digits::{leading, number, thousandths, word};
use crate::model::{Bytes, Field, Micros, Record, Status, UpstreamList};

/// Steps that read a line from left to right, and the literal at its end.
#[derive(Clone, Debug)]
pub(super) struct LinePlan {
    steps: Box<[Step]>,
    tail: Box<[u8]>,
}

/// A literal, then a value.
#[derive(Clone, Debug)]
struct Step {
    lead: Literal,
    scan: Scan,
    binding: Option<Binding>,
}

/// Builds a plan step by step.
#[derive(Debug, Default)]
pub(super) struct Builder {
    steps: Vec<Step>,
    lead: Vec<u8>,
}

impl LinePlan {
    /// Lowers a template; `None` where no literal follows a lazy text.
    pub(super) fn from_template(template: &Template) -> Option<Self> {
        let mut builder = Builder::default();
        for (at, item) in template.items.iter().enumerate() {
            match item {
                Item::Literal(literal) => builder.literal(literal.as_bytes()),
                Item::Slot(slot) => {
                    let after = &template.items[at + 1..];
                    builder.value(Scan::from_shape(slot.shape, after)?, slot.binding);
                }
            }
        }
        builder.finish()
    }

    /// Reads the line that `text` begins with, which ends at the first newline or the text's end.
    #[inline]
    pub(super) fn run<'l>(&self, text: &'l [u8], record: &mut Record<'l>) -> Ahead {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            #[expect(unsafe_code, reason = "AVX2 was just detected")]
            // SAFETY: `run_by_avx2` requires AVX2 alone.
            return unsafe { self.run_by_avx2(avx2, text, record) };
        }
        self.run_by(Plain, text, record)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run_by_avx2<'l>(&self, avx2: Avx2, text: &'l [u8], record: &mut Record<'l>) -> Ahead {
        self.run_by(avx2, text, record)
    }

    #[expect(
        clippy::inline_always,
        reason = "compiled for the same CPU features as its caller"
    )]
    #[inline(always)]
    fn run_by<'l>(&self, kernel: impl Kernel, text: &'l [u8], record: &mut Record<'l>) -> Ahead {
        let mut outcome = Ok(());
        let length = self.read(kernel, text, record, &mut outcome);
        Ahead::from_length(length, outcome)
    }

    /// Returns the line's length; `None` leaves the record with values that may be wrong.
    #[expect(clippy::inline_always, reason = "see `run_by`")]
    #[inline(always)]
    fn read<'l>(
        &self,
        kernel: impl Kernel,
        text: &'l [u8],
        record: &mut Record<'l>,
        outcome: &mut Result<(), Reject>,
    ) -> Option<usize> {
        let mut at = 0;
        let mut quotes = Window::new(kernel);
        for step in &self.steps {
            at = step.lead.end(text, at)?;
            // The most frequent scans are inlined; numbers are scanned and read in one pass.
            let end = match &step.scan {
                Scan::ToQuote => quotes.find(text, at),
                Scan::ToBareQuote => match quotes.find(text, at) {
                    quote if quote > at && text[quote - 1] == b'\\' => step.scan.end(text, at)?,
                    quote => quote,
                },
                Scan::Word { least } => word_end(text, at, *least)?,
                Scan::Before(before) => before.end(text, at)?,
                Scan::ClfTime => CLF_TIME.end(text, at)?,
                Scan::Status => {
                    let status = Status::from_word(word(text, at))?;
                    if step.binding == Some(Binding::Status) {
                        record.status = Some(status);
                    }
                    at += 3;
                    continue;
                }
                Scan::Digits | Scan::DigitsOrNothing => {
                    let word = word(text, at);
                    let count = leading(word);
                    if let Some(Binding::Bytes(field)) = step.binding
                        && (1..8).contains(&count)
                        && let Some(place) = record.bytes_mut(field)
                    {
                        *place = Some(Bytes(number(word, count)));
                        at += count;
                        continue;
                    }
                    match count {
                        1..8 => at + count,
                        _ => step.scan.end(text, at)?,
                    }
                }
                Scan::Decimal => {
                    if let Some(thousandths) = thousandths(word(text, at))
                        && let Some(Binding::Duration(TimeUnit::Seconds)) = step.binding
                    {
                        record.duration = Some(Micros(thousandths * 1_000));
                        at += 5;
                        continue;
                    }
                    step.scan.end(text, at)?
                }
                Scan::List(Entry::Decimal) => {
                    let word = word(text, at);
                    let is_alone = thousandths(word).is_some()
                        && !matches!((word >> 40).to_le_bytes()[0], b',' | b' ');
                    if let Some(Binding::List(Field::UpstreamDurations)) = step.binding
                        && is_alone
                    {
                        record.upstream_durations = Some(UpstreamList(&text[at..at + 5]));
                        at += 5;
                        continue;
                    }
                    step.scan.end(text, at)?
                }
                other => other.end(text, at)?,
            };
            match step.binding {
                None => {}
                Some(Binding::Request) => request::split(&text[at..end], record),
                Some(binding) => {
                    let read = binding.read(&text[at..end], record);
                    *outcome = outcome.and(read);
                }
            }
            at = end;
        }
        if !self.tail.is_empty() {
            at = text
                .get(at..)?
                .starts_with(&self.tail)
                .then_some(at + self.tail.len())?;
        }
        (at == text.len() || text[at] == b'\n').then_some(at)
    }

    /// Drops the bindings that `wanted` refuses.
    pub(super) fn retain(&mut self, wanted: impl Fn(Binding) -> bool) {
        for step in &mut self.steps {
            step.binding = step.binding.filter(|binding| wanted(*binding));
        }
    }
}

impl Builder {
    /// Appends a literal.
    pub(super) fn literal(&mut self, bytes: &[u8]) {
        self.lead.extend_from_slice(bytes);
    }

    /// Appends a value.
    pub(super) fn value(&mut self, scan: Scan, binding: Option<Binding>) {
        // A long literal does not fit into the lead.
        let rest = self.lead.split_off(self.lead.len().min(Literal::BYTES));
        let lead = Literal::new(&std::mem::take(&mut self.lead));
        let step = |lead, scan, binding| Step {
            lead,
            scan,
            binding,
        };
        if rest.is_empty() {
            self.steps.push(step(lead, scan, binding));
        } else {
            self.steps
                .push(step(lead, Scan::Literal(rest.into()), None));
            self.steps.push(step(Literal::new(b""), scan, binding));
        }
    }

    /// Ends the plan; `None` if a line would have to contain a newline.
    pub(super) fn finish(self) -> Option<LinePlan> {
        let mut steps = self.steps.iter();
        let is_whole = !self.lead.contains(&b'\n')
            && !steps.any(|step| step.lead.contains_newline() || step.scan.contains_newline());
        is_whole.then(|| LinePlan {
            tail: self.lead.into(),
            steps: self.steps.into(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
