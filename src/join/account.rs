//! The counts of a link, and their families.
//!
//! Invariant: for each source, lines = the sum of its outcomes + the lines that wait; the histogram has one observation
//! for each joined request.

use std::sync::Arc;

use super::outcome::{Outcome, Reason};
use super::pending::State;
use crate::model::{Family, Histogram, Kind, Labels, Micros, Series, Unit, Value};

/// Names of the product's families.
pub const FAMILIES: [&str; 2] = [
    "httplog_queue_duration_seconds",
    "httplog_unreached_requests_total",
];

/// Upper bounds of `httplog_queue_duration_seconds`, in microseconds. nginx logs milliseconds.
pub const QUEUE_BOUNDS: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// The counts of one source.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) source: Arc<str>,
    pub(super) outcomes: [u64; Outcome::ALL.len()],
    waiting: u64,
}

/// The counts of a link.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) fronts: Vec<(Lines, Unreached)>,
    pub(super) backs: Vec<(Lines, Queue)>,
}

/// Numbers of requests that no server behind a front logged, by reason.
pub(super) type Unreached = [u64; Reason::ALL.len()];

/// Histogram of the times that requests waited between the front and the work on them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) counts: [u64; QUEUE_BOUNDS.len() + 1],
    pub(super) sum: u64,
}

impl Account {
    pub(super) fn new(fronts: Vec<Arc<str>>, backs: Vec<Arc<str>>) -> Self {
        fn lines<T: Default>(sources: Vec<Arc<str>>) -> Vec<(Lines, T)> {
            let lines = |source| (Lines::new(source), T::default());
            sources.into_iter().map(lines).collect()
        }
        Self {
            fronts: lines(fronts),
            backs: lines(backs),
        }
    }

    /// Counts the outcome of a line.
    pub(super) fn end(&mut self, state: State, outcome: Outcome) {
        if let Some(lines) = self.lines_of(state) {
            lines.end(outcome);
        }
    }

    /// Counts a request of a front that no server behind it logged.
    pub(super) fn unreached(&mut self, front: usize, reason: Reason) {
        let (lines, unreached) = &mut self.fronts[front];
        unreached[reason as usize] += 1;
        lines.end(Outcome::Unreached);
    }

    /// Counts a line as waiting.
    pub(super) fn wait(&mut self, state: State) {
        if let Some(lines) = self.lines_of(state) {
            lines.waiting += 1;
        }
    }

    /// Counts a line as not waiting any more; its outcome is counted separately.
    pub(super) fn leave(&mut self, state: State) {
        if let Some(lines) = self.lines_of(state) {
            lines.waiting -= 1;
        }
    }

    /// Counts a request with both lines, of these sources and with their times, and observes its time in the queue.
    pub(super) fn join(
        &mut self,
        (front, passed): (usize, Option<Micros>),
        (back, worked): (usize, Option<Micros>),
    ) {
        let (lines, queue) = &mut self.backs[back];
        let outcome = if let (Some(passed), Some(worked)) = (passed, worked) {
            // Negative if the front's time is coarser, or the front did not wait for the end.
            queue.observe(passed.0.saturating_sub(worked.0));
            Outcome::Joined
        } else {
            Outcome::Untimed
        };
        lines.end(outcome);
        self.fronts[front].0.end(outcome);
    }

    /// Counts the outcome of an entry whose wait is over.
    pub(super) fn expire(&mut self, state: State) {
        self.leave(state);
        match state {
            State::Passed { front, fate, .. } => self.unreached(front, fate),
            _ => self.end(state, Outcome::Unfronted),
        }
    }

    /// Counts the outcome of an entry that is dropped before its wait is over.
    pub(super) fn evict(&mut self, state: State) {
        self.leave(state);
        self.end(state, Outcome::Evicted);
    }

    /// Returns the number of lines of all sources with an outcome.
    pub(super) fn total(&self, outcome: Outcome) -> u64 {
        self.all()
            .map(|lines| lines.outcomes[outcome as usize])
            .sum()
    }

    /// Returns the families of the product.
    pub(super) fn families(&self) -> Vec<Family> {
        let [queue, unreached] = FAMILIES;
        let queues = self.backs.iter().map(|(lines, queue)| Series {
            labels: lines.labels(None),
            value: Value::Histogram(queue.histogram()),
            created: None,
        });
        let unreached_requests = self.fronts.iter().flat_map(|(lines, unreached)| {
            Reason::ALL.map(|reason| {
                let labels = lines.labels(Some(("reason", reason.name())));
                (labels, unreached[reason as usize])
            })
        });
        vec![
            Family {
                name: queue.into(),
                help:
                    "Time between the front server passing a request on and work on it, by its id."
                        .into(),
                kind: Kind::Histogram,
                series: queues.collect(),
            },
            Family::from_counts(
                unreached,
                "Requests of the front server that no server behind it has logged, by reason.",
                Kind::Counter,
                unreached_requests,
            ),
        ]
    }

    /// Returns the outcomes of all lines, and the number of those that wait.
    pub(super) fn outcomes(&self) -> Vec<Family> {
        let outcomes = self.all().flat_map(|lines| {
            Outcome::ALL.map(|outcome| {
                let labels = lines.labels(Some(("outcome", outcome.name())));
                (labels, lines.outcomes[outcome as usize])
            })
        });
        vec![
            Family::from_counts(
                "httplog_exporter_join_lines_total",
                "Lines of linked sources, by what became of them.",
                Kind::Counter,
                outcomes,
            ),
            Family::from_counts(
                "httplog_exporter_join_pending_lines",
                "Lines that wait for the other line of their request.",
                Kind::Gauge,
                self.all().map(|lines| (lines.labels(None), lines.waiting)),
            ),
        ]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Lines> {
        let fronts = self.fronts.iter().map(|(lines, _)| lines);
        fronts.chain(self.backs.iter().map(|(lines, _)| lines))
    }

    /// Returns the counts of the source whose line is waiting; `None` if the lines are joined.
    fn lines_of(&mut self, state: State) -> Option<&mut Lines> {
        match state {
            State::Passed { front, .. } => self.fronts.get_mut(front).map(|(lines, _)| lines),
            State::Worked { back, .. } => self.backs.get_mut(back).map(|(lines, _)| lines),
            State::Joined => None,
        }
    }
}

impl Lines {
    fn new(source: Arc<str>) -> Self {
        Self {
            source,
            outcomes: [0; Outcome::ALL.len()],
            waiting: 0,
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    /// Returns the labels of a series, of which `other` sorts before `source`.
    fn labels(&self, other: Option<(&str, &str)>) -> Labels {
        let other = other.map(|(name, value)| (name.into(), value.into()));
        let source = ("source".into(), Arc::clone(&self.source));
        other.into_iter().chain([source]).collect()
    }
}

impl Queue {
    fn observe(&mut self, micros: u64) {
        self.counts[QUEUE_BOUNDS.partition_point(|bound| *bound < micros)] += 1;
        self.sum = self.sum.wrapping_add(micros);
    }

    fn histogram(&self) -> Histogram {
        Histogram {
            bounds: QUEUE_BOUNDS.as_slice().into(),
            counts: self.counts.to_vec(),
            sum: self.sum,
            unit: Unit::Micros,
            has_short_bounds: false,
            native: None,
            exemplars: Vec::new(),
        }
    }
}
