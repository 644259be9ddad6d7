//! The lowered matcher: finds delimiters instead of running an automaton.
//!
//! Invariant: a plan takes, at each step, the choice that the regex prefers there. So a line that it
//! reads to the end is read exactly as the regex reads it; of any other line it says nothing, and
//! the regex decides.

use super::scan::{CLF_TIME, Scan, word_end};
#[cfg(target_arch = "x86_64")]
use super::search::Avx2;
use super::search::{Kernel, Plain, Window};
use super::template::{Binding, Entry, Item, Template, TimeUnit};
use super::{Reject, read, request};
use crate::model::digits::{leading, number, thousandths, word};
use crate::model::{Bytes, Field, Micros, Record, Status, UpstreamList};

/// Steps that read a line from left to right.
#[derive(Clone, Debug)]
pub(super) struct Plan {
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

/// A few fixed bytes, compared as one number.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    word: u64,
    mask: u64,
    length: usize,
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
                    let after = &template.items[at + 1..];
                    builder.value(Scan::of_shape(slot.shape, after)?, slot.binding);
                }
            }
        }
        builder.finish()
    }

    /// Reads the line that `text` begins with, which ends at the first newline or the text's end, and
    /// says how long it is and whether its values could be read. `None` means nothing: the record
    /// may have been given wrong values.
    #[inline]
    pub(super) fn run<'l>(
        &self,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Option<(usize, Result<(), Reject>)> {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::new() {
            #[expect(unsafe_code, reason = "the processor has just been asked for AVX2")]
            // SAFETY: `run_by_avx2` needs nothing but AVX2.
            return unsafe { self.run_by_avx2(avx2, text, record) };
        }
        self.run_by(Plain, text, record)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run_by_avx2<'l>(
        &self,
        avx2: Avx2,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Option<(usize, Result<(), Reject>)> {
        self.run_by(avx2, text, record)
    }

    #[expect(
        clippy::inline_always,
        reason = "it has to be compiled for the processor that its caller was compiled for"
    )]
    #[inline(always)]
    fn run_by<'l>(
        &self,
        kernel: impl Kernel,
        text: &'l [u8],
        record: &mut Record<'l>,
    ) -> Option<(usize, Result<(), Reject>)> {
        let mut at = 0;
        let mut outcome = Ok(());
        let mut quotes = Window::new(kernel);
        for step in &self.steps {
            at = step.lead.end(text, at)?;
            // What most lines consist of, without a call; numbers are scanned and read at once.
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
                Scan::Digits => {
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
                    step.scan.end(text, at)?
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
                    let read = read(binding, &text[at..end], record);
                    outcome = outcome.and(read);
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
        (at == text.len() || text[at] == b'\n').then_some((at, outcome))
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
        // The part of a long literal that the lead has no room for.
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

    /// Then nothing more. `None` if a line would have to hold a newline.
    pub(super) fn finish(self) -> Option<Plan> {
        let mut steps = self.steps.iter();
        let is_whole = !self.lead.contains(&b'\n')
            && !steps.any(|step| step.lead.asks_for_newline() || step.scan.asks_for_newline());
        is_whole.then(|| Plan {
            tail: self.lead.into(),
            steps: self.steps.into(),
        })
    }
}

impl Literal {
    /// How many bytes there can be.
    pub(super) const BYTES: usize = 8;

    /// These bytes, no more than [`Literal::BYTES`].
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (mut word, mut mask) = ([0; Self::BYTES], [0; Self::BYTES]);
        for ((byte, word), mask) in bytes.iter().zip(&mut word).zip(&mut mask) {
            (*word, *mask) = (*byte, 0xff);
        }
        Self {
            word: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
            length: bytes.len(),
        }
    }

    /// Where it ends if the text goes on with it.
    #[inline]
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let end = at + self.length;
        (word(text, at) & self.mask == self.word && end <= text.len()).then_some(end)
    }

    fn asks_for_newline(&self) -> bool {
        self.word.to_le_bytes()[..self.length].contains(&b'\n')
    }
}
