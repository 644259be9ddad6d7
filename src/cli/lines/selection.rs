//! Selects lines while they are counted.
//!
//! Invariant: a line is selected by the series that the pipeline counts it in, so that numbers agree with those of
//! `replay` and `/metrics`. That is decided once for each row.

use std::io::Write;
use std::sync::Arc;

use super::criteria::Criteria;
use super::output::{Form, Output, Selected, measured};
use super::sample::Amount;
use super::target::{Absence, Resolved, Target, passes};
use crate::aggregate::{Measure, Row, Shard};
use crate::cli::exit::Failure;
use crate::cli::logs::Selector;
use crate::label::Label;
use crate::metric;
use crate::model::{Batch, Field, FieldSet, Record, Unit};
use crate::pattern::{Pattern, Scratch};
use crate::pipeline::{CountedLine, Pipeline, Watch};

/// Selects lines by criteria, and writes them.
pub(super) struct Selection<'c, W> {
    criteria: &'c Criteria,
    formats: Vec<Format<'c>>,
    totals: Totals,
    output: Output,
    out: &'c mut W,
}

/// The result of a selection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    /// Lines that were selected.
    pub(super) lines: u64,
    /// The value that they add up to, and its unit.
    pub(super) amount: u64,
    pub(super) unit: Unit,
    /// Lines whose time cannot be read, but was asked for.
    pub(super) untimed: u64,
    /// Selected lines whose text is not known.
    pub(super) unseen: u64,
}

/// The selection of one format's lines.
struct Format<'c> {
    target: Option<Target<'c>>,
    /// The reason why a target is missing.
    absent: Option<Absence>,
    /// Decisions by the number of the row.
    decisions: Vec<Decision>,
    reader: Option<FieldReader>,
    source: Arc<str>,
}

/// Reads the fields of selected lines that are not counted. The pipeline reads lines without them, so as to count what
/// `replay` counts.
struct FieldReader {
    pattern: Pattern,
    scratch: Scratch,
}

/// Decision about a row: its lines have the wanted label values, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Unknown,
    No,
    Yes,
}

struct Watcher<'s, 'c> {
    criteria: &'c Criteria,
    format: &'s mut Format<'c>,
    totals: &'s mut Totals,
    output: &'s mut Output,
}

impl<'c, W: Write> Selection<'c, W> {
    pub(super) fn new(criteria: &'c Criteria, output: Output, out: &'c mut W) -> Self {
        Self {
            criteria,
            formats: Vec::new(),
            totals: Totals {
                lines: 0,
                amount: 0,
                unit: Unit::One,
                untimed: 0,
                unseen: 0,
            },
            output,
            out,
        }
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns the targets of the formats, by their number.
    pub(super) fn targets(&self) -> impl Iterator<Item = Option<&Target<'c>>> {
        self.formats.iter().map(|format| format.target.as_ref())
    }

    /// Returns the reason why no line of any format can be selected, if that is so.
    pub(super) fn absence(&self) -> Option<&Absence> {
        let is_absent = self.formats.iter().all(|format| format.target.is_none());
        let mut reasons = self.formats.iter().filter_map(|it| it.absent.as_ref());
        reasons.next().filter(|_| is_absent)
    }
}

impl<W: Write> Selector for Selection<'_, W> {
    fn shows_progress(&self) -> bool {
        // On a terminal, lines and the bar would overwrite each other.
        !self.output.is_terminal || matches!(self.output.form, Form::Count)
    }

    fn begin(
        &mut self,
        pattern: &Arc<Pattern>,
        pipeline: &Pipeline,
        sources: Vec<String>,
    ) -> Result<(), Failure> {
        let available = pattern.fields();
        let resolved = Resolved::new(
            self.criteria,
            &self.output.form,
            pipeline,
            available,
            &sources,
        )?;
        let (target, absent) = match resolved {
            Resolved::Target(target) => (Some(target), None),
            Resolved::Absent(absence) => (None, Some(absence)),
        };
        if let Some(target) = &target {
            self.totals.unit = target.amount.unit();
        }
        let target_fields = target.as_ref().map_or(FieldSet::EMPTY, |target| {
            let numbers = target.numbers.iter().map(|(measure, _)| *measure);
            let numbers = numbers.filter(|measure| !is_at_hand(*measure, pipeline));
            let texts = target.texts.iter().map(|(field, _)| *field);
            numbers.map(metric::field).chain(texts).collect()
        });
        let mut fields = target_fields.union(self.output.form.fields(available));
        if self.criteria.between.is_some() {
            fields = fields.with(Field::Time);
        }
        let reader = (fields != FieldSet::EMPTY).then(|| {
            let pattern = Pattern::clone(pattern).narrowed(fields);
            FieldReader {
                scratch: pattern.scratch(),
                pattern,
            }
        });
        self.formats.push(Format {
            target,
            absent,
            decisions: Vec::new(),
            reader,
            source: Arc::clone(pipeline.source()),
        });
        Ok(())
    }

    fn feed(
        &mut self,
        format: usize,
        pipeline: &mut Pipeline,
        shard: &mut Shard,
        batch: &Batch<'_>,
    ) -> Result<(), Failure> {
        let Some(format) = self.formats.get_mut(format) else {
            return Ok(());
        };
        let mut watcher = Watcher {
            criteria: self.criteria,
            format,
            totals: &mut self.totals,
            output: &mut self.output,
        };
        pipeline.feed_watched(shard, batch, &mut watcher);
        self.output.flush(self.out)?;
        Ok(())
    }
}

/// Returns whether lines are counted with a measure anyway.
fn is_at_hand(measure: Measure, pipeline: &Pipeline) -> bool {
    let is_usual = !matches!(
        measure,
        Measure::ContentLength | Measure::RequestBodyBytes | Measure::ConnectDuration
    );
    is_usual && pipeline.counted_fields().contains(metric::field(measure))
}

impl Target<'_> {
    /// Returns whether the lines of a row have the wanted label values.
    fn decide(&self, shard: &Shard, row: Row) -> Decision {
        let Some(family) = &self.family else {
            return Decision::Yes;
        };
        let Some(values) = shard.labels(row, family.number) else {
            return Decision::No;
        };
        let mut tests = family.tests.iter();
        let is_wanted = tests.all(|(at, condition)| {
            let value = values.get(*at);
            value.is_some_and(|value| passes(condition, value))
        });
        if is_wanted {
            Decision::Yes
        } else {
            Decision::No
        }
    }

    /// Returns what a line adds to the series.
    fn amount(&self, line: &CountedLine<'_>) -> Option<u64> {
        match self.amount {
            Amount::One => Some(1),
            Amount::Observation(measure, most) => {
                let value = line.values.get(measure)?;
                most.is_none_or(|most| value <= most).then_some(1)
            }
            Amount::Value(measure) => line.values.get(measure).filter(|value| *value > 0),
            Amount::Reject => None,
        }
    }
}

impl Watcher<'_, '_> {
    /// Tests and adds a line of a row that is wanted.
    #[inline(never)]
    fn wanted(&mut self, shard: &Shard, line: &CountedLine<'_>) -> Option<()> {
        let target = self.format.target.as_ref()?;
        let amount = target.amount(line)?;
        let mut record = Record::default();
        let text = line.text.strip_suffix(b"\r").unwrap_or(line.text);
        if let Some(reader) = &mut self.format.reader {
            // What only the counted fields make readable has no others.
            record = (reader.pattern.parse(&mut reader.scratch, text)).unwrap_or_default();
        }
        let mut numbers = target.numbers.iter();
        let is_met = numbers.all(|(measure, test)| {
            let number = line.values.get(*measure);
            test.passes(number.or_else(|| measured(&record, *measure)))
        });
        let mut texts = target.texts.iter();
        if !is_met || !texts.all(|(field, test)| test.passes(field_text(&record, *field))) {
            return None;
        }
        if let Some(between) = self.criteria.between {
            match between.contains(record.time) {
                Some(true) => {}
                Some(false) => return None,
                None => {
                    self.totals.untimed += 1;
                    return None;
                }
            }
        }
        self.totals.lines += 1;
        self.totals.amount = self.totals.amount.wrapping_add(amount);
        let labels = target.family.as_ref().map_or((&[][..], &[][..]), |family| {
            let values = shard.labels(line.row, family.number);
            (&*family.labels, values.unwrap_or_default())
        });
        self.output.add(&Selected {
            text: line.text,
            source: &self.format.source,
            record: &record,
            labels,
            reason: None,
        });
        Some(())
    }
}

/// Returns the text of a field; an absent one is empty, as in Prometheus.
fn field_text<'l>(record: &Record<'l>, field: Field) -> &'l [u8] {
    let mut copy = *record;
    if let Some(text) = copy.text_mut(field) {
        return text.unwrap_or_default();
    }
    let list = copy.list_mut(field);
    list.and_then(|list| *list).map_or(&[], |list| list.0)
}

impl Watch for Watcher<'_, '_> {
    #[inline]
    fn counted(&mut self, shard: &Shard, line: &CountedLine<'_>) {
        let at = line.row.index();
        let mut decision = self.format.decisions.get(at).copied();
        if decision.is_none_or(|decision| decision == Decision::Unknown) {
            decision = Some(self.decide(shard, line.row));
        }
        if decision == Some(Decision::Yes) {
            self.wanted(shard, line);
        }
    }

    fn registered(&mut self, row: Row) {
        if let Some(decision) = self.format.decisions.get_mut(row.index()) {
            *decision = Decision::Unknown;
        }
    }

    fn rejected(&mut self, reason: &'static str, text: Option<&[u8]>) {
        let target = self.format.target.as_ref();
        let of_family = || target.is_some_and(|target| target.amount == Amount::Reject);
        let is_wanted = (self.criteria.reject).map_or_else(of_family, |wanted| wanted == reason);
        if !is_wanted {
            return;
        }
        self.totals.lines += 1;
        self.totals.amount += 1;
        match text {
            Some(text) => self.output.add(&Selected {
                text,
                source: &self.format.source,
                record: &Record::default(),
                labels: (&[Label::Source][..0], &[]),
                reason: Some(reason),
            }),
            None => self.totals.unseen += 1,
        }
    }
}

impl Watcher<'_, '_> {
    #[cold]
    fn decide(&mut self, shard: &Shard, row: Row) -> Decision {
        let target = self.format.target.as_ref();
        let is_counted = self.criteria.reject.is_none();
        let target = target.filter(|target| is_counted && target.amount != Amount::Reject);
        let decision = target.map_or(Decision::No, |target| target.decide(shard, row));
        let (decisions, at) = (&mut self.format.decisions, row.index());
        if decisions.len() <= at {
            decisions.resize(at + 1, Decision::Unknown);
        }
        decisions[at] = decision;
        decision
    }
}
