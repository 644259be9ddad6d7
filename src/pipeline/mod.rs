//! Counts batches of lines: the only module that uses the whole core.
//!
//! Invariant: every line of a batch is recorded, rejected or skipped, exactly once.

mod asides;
mod deferred;
mod examples;
mod initial;
mod joined;
mod names;
mod own;
mod read_wide;
mod reconfigured;
mod rejects;
mod replica;
mod saved;
mod settings;
mod targets;
mod values;
mod watch;
mod wide;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use memchr::memchr;

use crate::aggregate::{Key, Ledger, Row, Shard};
use crate::join::{End, Tap};
use crate::label::{self, Budget, Method};
use crate::metric::MetricPlan;
use crate::model::{Batch, Field, FieldSet, Record, Timestamp};
use crate::pattern::{Ahead, Pattern, Reject, Scratch, Sets, TargetForm};
use crate::route::{RouteId, Router};

pub use examples::{RejectExample, RejectExamples};
pub use initial::Initialised;
pub use replica::Learned;
pub use settings::{NarrowedPatterns, Settings};
pub use targets::TargetReader;
pub use watch::{CountedLine, Watch};

use deferred::Deferred;
use names::{KeyNames, Layout, METHOD, ROUTE, STATUS};
use own::OwnReader;
use wide::{has_wide_key, has_wide_values};

/// Rule by which empty lines are skipped.
const BLANK: &str = "blank";
/// Rule by which lines are skipped that the pattern's `skip` describes.
const EVENT: &str = "event";
/// Reason for the rejection of a line without a readable time, if counts are kept by time.
pub const UNTIMED: &str = "untimed";

/// The pipeline of one source. It belongs to one thread.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    /// Reads only the fields that are counted.
    pattern: Arc<Pattern>,
    scratch: Scratch,
    router: Router,
    /// Buffer for a target without escapes of the log.
    unescaped: Vec<u8>,
    target_form: TargetForm,
    /// Buffer for a target made of a decoded path.
    restored: Vec<u8>,
    budget: Budget,
    plan: MetricPlan,
    /// The bits of a key that the plan needs.
    mask: u64,
    layout: Layout,
    /// Readers of the labels of the configuration.
    own: Vec<OwnReader>,
    /// Path of the log whose lines are counted, if a label is read from it.
    file: Option<Box<Path>>,
    /// Fields of a record that a line sets.
    sets: Sets,
    /// True if the plan needs a part of a line that few plans need.
    is_wide: bool,
    /// True if a key has parts that few plans need, besides labels of the configuration.
    has_wide_key: bool,
    /// True if the plan needs a value that few plans need.
    has_wide_values: bool,
    tap: Option<Tap>,
    /// Length of a step in seconds, if counts are kept by time.
    step: Option<NonZeroU32>,
    /// Lines that were not counted, if this is a replica.
    deferred: Option<Box<Deferred>>,
    /// Examples of rejected lines, if any are wanted.
    examples: Option<Box<RejectExamples>>,
}

/// The result of counting a line that was read.
enum Counted {
    Yes,
    /// Rejected: it has no readable time.
    Untimed,
    /// It depends on lines that a replica does not know.
    Undecided,
}

impl Pipeline {
    /// Creates a pipeline. All pipelines share the `budget`.
    pub fn new(settings: Settings, budget: Budget) -> Self {
        let plan = MetricPlan::new(&settings.metrics, settings.pattern.fields());
        let pattern = settings.narrowed_pattern(&plan, settings.exemplar_fields());
        let layout = settings.layout(&plan, &pattern);
        let own = OwnReader::all(&layout);
        let is_of_file = own.iter().any(OwnReader::is_of_file);
        Self {
            sets: pattern.sets(),
            pattern,
            tap: settings.join.as_ref().map(End::tap),
            step: None,
            mask: layout.mask(),
            file: is_of_file.then(|| Path::new("").into()),
            own,
            is_wide: !layout.parts().is_empty() || has_wide_values(plan.fields()),
            has_wide_key: has_wide_key(&layout),
            has_wide_values: has_wide_values(plan.fields()),
            layout,
            scratch: settings.pattern.scratch(),
            router: settings.router(&plan),
            plan,
            unescaped: Vec::new(),
            target_form: settings.pattern.target_form(),
            restored: Vec::new(),
            budget,
            settings,
            deferred: None,
            examples: None,
        }
    }

    /// Keeps counts by the time of the lines, in steps of so many seconds since 1970. Lines without a readable time
    /// are rejected, and none is an exemplar.
    #[must_use]
    pub fn by_time(self, step: NonZeroU32) -> Self {
        let time = FieldSet::EMPTY.with(Field::Time);
        let pattern = self.settings.narrowed_pattern(&self.plan, time);
        Self {
            sets: pattern.sets(),
            pattern,
            step: Some(step),
            ..self
        }
    }

    /// Creates an empty shard for the pipeline.
    pub fn shard(&self) -> Shard {
        let untimed = self.step.map(|_| UNTIMED);
        let reasons = Reject::ALL.into_iter().map(Reject::name).chain(untimed);
        let ledger = Ledger {
            rejected: reasons.map(|reason| (reason, 0)).collect(),
            skipped: [(BLANK, 0), (EVENT, 0)].into(),
            ..Ledger::default()
        };
        let families = self.plan.families().to_vec();
        let shard = Shard::new(Arc::clone(&self.settings.source), families, ledger);
        match (self.step, self.settings.exemplars()) {
            (Some(_), _) => shard.by_time(),
            (None, Some(which)) => shard.with_exemplars(which),
            (None, None) => shard,
        }
    }

    /// Counts a batch.
    pub fn feed(&mut self, shard: &mut Shard, batch: &Batch<'_>) {
        self.feed_batch(shard, batch, &mut ());
    }

    #[inline]
    fn feed_batch<W: Watch>(&mut self, shard: &mut Shard, batch: &Batch<'_>, watcher: &mut W) {
        if self.file.is_some() {
            self.begin_file(batch.path());
        }
        // They precede the lines of the batch.
        for _ in 0..batch.overlong() {
            self.reject(shard, Reject::Overlong.name(), None, watcher);
        }
        shard.add_bytes(batch.bytes().len() as u64);
        if batch.asides().is_empty() {
            self.feed_lines(shard, batch.bytes(), watcher);
        } else {
            self.feed_with_asides(shard, batch, watcher);
        }
    }

    #[inline]
    fn feed_lines<W: Watch>(&mut self, shard: &mut Shard, lines: &[u8], watcher: &mut W) {
        let mut rest = lines;
        let mut record = Record::default();
        while !rest.is_empty() {
            let length = self.line(shard, rest, &mut record, watcher);
            rest = rest.get(length + 1..).unwrap_or_default();
        }
    }

    /// Counts the line at the beginning of `text`; returns its length, without the newline. The record is that of the line
    /// before.
    #[inline]
    fn line<'t, W: Watch>(
        &mut self,
        shard: &mut Shard,
        text: &'t [u8],
        record: &mut Record<'t>,
        watcher: &mut W,
    ) -> usize {
        match self.sets {
            Sets::Common => record.clear_common(),
            Sets::Extras => record.clear_extras(),
            Sets::Any => *record = Record::default(),
        }
        match self.pattern.parse_ahead(&mut self.scratch, text, record) {
            Ahead::Line { length, outcome } if (1..=self.settings.line_bytes).contains(&length) => {
                match outcome {
                    Ok(()) => match self.count(shard, record, text, length, watcher) {
                        Counted::Yes => {}
                        other => self.leave_out(shard, other, &text[..length], watcher),
                    },
                    // It may be skipped.
                    Err(Reject::Mismatch) => return self.odd_line(shard, text, watcher),
                    Err(reject) => {
                        self.reject(shard, reject.name(), Some(&text[..length]), watcher);
                    }
                }
                length
            }
            _ => self.odd_line(shard, text, watcher),
        }
    }

    /// Counts a line that its plan leaves undecided, or that is empty or too long.
    fn odd_line<W: Watch>(&mut self, shard: &mut Shard, text: &[u8], watcher: &mut W) -> usize {
        let length = memchr(b'\n', text).unwrap_or(text.len());
        let whole = &text[..length];
        let line = whole.strip_suffix(b"\r").unwrap_or(whole);
        if line.is_empty() {
            shard.skip(BLANK);
        } else if line.len() > self.settings.line_bytes {
            self.reject(shard, Reject::Overlong.name(), None, watcher);
            // A reader may skip such a line, or hand it over.
            let newline = usize::from(text.len() > length);
            shard.subtract_bytes((length + newline) as u64);
        } else {
            let scratch = &mut self.scratch;
            let parsed = if line.len() == whole.len() {
                self.pattern.parse_undecided(scratch, line)
            } else {
                self.pattern.parse(scratch, line)
            };
            match parsed {
                Ok(record) => {
                    let counted = self.count(shard, &record, text, length, watcher);
                    self.leave_out(shard, counted, line, watcher);
                }
                Err(Reject::Mismatch) if self.pattern.skips(line) => shard.skip(EVENT),
                Err(reject) => self.reject(shard, reject.name(), Some(whole), watcher),
            }
        }
        length
    }

    /// Accounts for a line that was read but not counted.
    fn leave_out<W: Watch>(
        &mut self,
        shard: &mut Shard,
        counted: Counted,
        line: &[u8],
        watcher: &mut W,
    ) {
        match (counted, &mut self.deferred) {
            (Counted::Untimed, _) => self.reject(shard, UNTIMED, Some(line), watcher),
            (Counted::Undecided, Some(deferred)) => deferred.add(line),
            (Counted::Yes | Counted::Undecided, _) => {}
        }
    }

    /// Counts the line that `text` begins with, whose values are in the record.
    #[inline]
    fn count<W: Watch>(
        &mut self,
        shard: &mut Shard,
        record: &Record<'_>,
        text: &[u8],
        length: usize,
        watcher: &mut W,
    ) -> Counted {
        if let Some(step) = self.step {
            let Some(time) = time_of(record) else {
                return Counted::Untimed;
            };
            shard.begin_step(time.0 / step);
        }
        if let Some(tap) = &mut self.tap {
            tap.note(record);
        }
        let method = Method::from_bytes(record.method);
        let route = self.route(record);
        let mut key = METHOD.pack(method as u8)
            | STATUS.pack(label::status(record.status).unwrap_or(0))
            | ROUTE.pack(route.0);
        let mut values = values::common(record);
        if self.is_wide {
            if !self.own.is_empty() {
                key |= self.own_key(record);
            }
            if self.has_wide_key {
                key = self.wide_key(record, key);
            }
            if self.has_wide_values {
                values = values::rare(record, values);
            }
        }
        let key = Key(key & self.mask);
        let row = match shard.find(key) {
            Some(row) => row,
            None if self.deferred.is_some() => return Counted::Undecided,
            None => {
                let row = self.register(shard, key);
                watcher.registered(row);
                row
            }
        };
        shard.count(row, &values, record);
        if W::IS_WATCHING {
            let text = text.get(..length).unwrap_or(text);
            let line = CountedLine {
                text,
                row,
                values: &values,
            };
            watcher.counted(shard, &line);
        }
        Counted::Yes
    }

    #[cold]
    fn register(&self, shard: &mut Shard, key: Key) -> Row {
        let labels = || self.names().labels(key);
        shard.register(key, labels, |fresh| self.budget.take(fresh))
    }

    fn names(&self) -> KeyNames<'_> {
        KeyNames {
            source: &self.settings.source,
            plan: &self.plan,
            layout: &self.layout,
            router: &self.router,
        }
    }

    /// Returns the route of the view that the line names, else of its target.
    #[expect(
        clippy::inline_always,
        reason = "once for each line, in two copies of the loop over lines: one watches"
    )]
    #[inline(always)]
    fn route(&mut self, record: &Record<'_>) -> RouteId {
        if self.settings.max_routes == Some(0) {
            return RouteId::OTHER;
        }
        if let Some(view) = record.view
            && let Some(named) = self.router.register_view(view)
        {
            return named;
        }
        let Some(target) = record.target else {
            return RouteId::OTHER;
        };
        let escaping = self.pattern.escaping();
        let target = escaping.undo(target, &mut self.unescaped);
        let target = self.target_form.restore(target, &mut self.restored);
        self.router.route(target, record.status)
    }
}

/// Returns the time at which a line was written, if it has one in a known notation.
pub fn time_of(record: &Record<'_>) -> Option<Timestamp> {
    record.time.and_then(Timestamp::parse)
}

#[cfg(test)]
mod tests;
