//! What became of the lines of linked sources, as families.
//!
//! Invariant: for each source, lines = the sum of its outcomes + those that wait; the observations
//! of the histogram are the lines joined.

use std::sync::Arc;

use super::pending::State;
use crate::model::{Family, Histogram, Kind, Labels, Micros, Number, Series, Unit, Value};

/// The names of the product's families.
pub const FAMILIES: [&str; 2] = [
    "httplog_queue_duration_seconds",
    "httplog_unreached_requests_total",
];

/// Upper bounds of `httplog_queue_duration_seconds`, in microseconds. nginx writes milliseconds.
pub const QUEUE_BOUNDS: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// Why a request was not seen behind the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The front answered it well by itself: a file, or its cache.
    Static,
    /// The front answered it by itself in another way: a redirect, a refusal.
    Local,
    /// Refused by a limit of the front.
    Limited,
    /// The client left.
    ClientClosed,
    /// What is behind could not be reached, or broke off: a killed worker.
    BadGateway,
    /// What is behind did not answer in time.
    Timeout,
    /// It was answered from behind, and yet no line was written there.
    Missing,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its other line came, and the time between them was observed.
    Joined,
    /// Its other line came; one of them does not say its time.
    Untimed,
    /// Of the front, and there is none from behind.
    Unreached,
    /// From behind, and there is none of the front.
    Unfronted,
    /// One more line of the same side, for the same request.
    Duplicate,
    /// Given up before the wait was over, for want of room.
    Evicted,
    /// It has no id.
    NoId,
}

/// The counts of one source.
#[derive(Debug)]
struct Lines {
    source: Arc<str>,
    outcomes: [u64; Outcome::ALL.len()],
    waiting: u64,
}

/// The counts of a link.
#[derive(Debug)]
pub(super) struct Account {
    front: Lines,
    unreached: [u64; Reason::ALL.len()],
    backs: Vec<(Lines, Queue)>,
}

/// Times between the two lines of a request.
#[derive(Clone, Debug)]
struct Queue {
    counts: [u64; QUEUE_BOUNDS.len() + 1],
    sum: u64,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Static,
        Self::Local,
        Self::Limited,
        Self::ClientClosed,
        Self::BadGateway,
        Self::Timeout,
        Self::Missing,
    ];

    /// As the label `reason` shows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Local => "local",
            Self::Limited => "limited",
            Self::ClientClosed => "client_closed",
            Self::BadGateway => "bad_gateway",
            Self::Timeout => "timeout",
            Self::Missing => "missing",
        }
    }

    /// Of a request that the front answered with this status without passing it on.
    pub(super) const fn of_answered(status: Option<u16>) -> Self {
        match status {
            Some(200..=299 | 304) => Self::Static,
            // What `limit_req` and `limit_conn` answer, and what they are often told to.
            Some(429 | 503) => Self::Limited,
            Some(499) => Self::ClientClosed,
            Some(502) => Self::BadGateway,
            Some(504) => Self::Timeout,
            _ => Self::Local,
        }
    }

    /// Of a request that was passed on, answered with this status, and left no line behind.
    pub(super) const fn of_passed(status: Option<u16>) -> Self {
        match status {
            Some(499) => Self::ClientClosed,
            Some(502) => Self::BadGateway,
            Some(504) => Self::Timeout,
            _ => Self::Missing,
        }
    }
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Joined,
        Self::Untimed,
        Self::Unreached,
        Self::Unfronted,
        Self::Duplicate,
        Self::Evicted,
        Self::NoId,
    ];

    /// As the label `outcome` shows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Untimed => "untimed",
            Self::Unreached => "unreached",
            Self::Unfronted => "unfronted",
            Self::Duplicate => "duplicate",
            Self::Evicted => "evicted",
            Self::NoId => "no_id",
        }
    }
}

impl Account {
    pub(super) fn new(front: Arc<str>, backs: Vec<Arc<str>>) -> Self {
        Self {
            front: Lines::new(front),
            unreached: [0; Reason::ALL.len()],
            backs: backs
                .into_iter()
                .map(|source| (Lines::new(source), Queue::new()))
                .collect(),
        }
    }

    /// A line of the front ends so.
    pub(super) fn front(&mut self, outcome: Outcome) {
        self.front.end(outcome);
    }

    /// A line from behind ends so.
    pub(super) fn back(&mut self, back: usize, outcome: Outcome) {
        self.backs[back].0.end(outcome);
    }

    /// A request of the front was not seen behind it.
    pub(super) fn unreached(&mut self, reason: Reason) {
        self.unreached[reason as usize] += 1;
        self.front.end(Outcome::Unreached);
    }

    /// A line waits for its other one.
    pub(super) fn wait(&mut self, state: State) {
        if let Some(lines) = self.lines_of(state) {
            lines.waiting += 1;
        }
    }

    /// It waits no longer; its outcome is yet to be told.
    pub(super) fn leave(&mut self, state: State) {
        if let Some(lines) = self.lines_of(state) {
            lines.waiting -= 1;
        }
    }

    /// A request has both lines.
    pub(super) fn meet(&mut self, back: usize, passed: Option<Micros>, worked: Option<Micros>) {
        let (lines, queue) = &mut self.backs[back];
        let outcome = if let (Some(passed), Some(worked)) = (passed, worked) {
            // Below 0 where the front's time is coarser, or the front did not wait for the end.
            queue.observe(passed.0.saturating_sub(worked.0));
            Outcome::Joined
        } else {
            Outcome::Untimed
        };
        self.front.end(outcome);
        lines.end(outcome);
    }

    /// An entry's wait is over.
    pub(super) fn expire(&mut self, state: State) {
        self.leave(state);
        match state {
            State::Passed { fate, .. } => self.unreached(fate),
            State::Worked { back, .. } => self.back(back, Outcome::Unfronted),
            State::Met => {}
        }
    }

    /// An entry has to go before that.
    pub(super) fn evict(&mut self, state: State) {
        self.leave(state);
        if let Some(lines) = self.lines_of(state) {
            lines.end(Outcome::Evicted);
        }
    }

    /// Lines of all sources that ended so.
    pub(super) fn total(&self, outcome: Outcome) -> u64 {
        self.all()
            .map(|lines| lines.outcomes[outcome as usize])
            .sum()
    }

    /// The families of the product.
    pub(super) fn families(&self) -> Vec<Family> {
        let [queue, unreached_requests] = FAMILIES;
        let queues = self.backs.iter().map(|(lines, queue)| Series {
            labels: lines.labels(None),
            value: Value::Histogram(queue.histogram()),
        });
        let unreached = Reason::ALL.map(|reason| Series {
            labels: self.front.labels(Some(("reason", reason.name()))),
            value: count(self.unreached[reason as usize]),
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
            Family {
                name: unreached_requests.into(),
                help:
                    "Requests of the front server that no server behind it has logged, by reason."
                        .into(),
                kind: Kind::Counter,
                series: unreached.into(),
            },
        ]
    }

    /// What became of every line.
    pub(super) fn outcomes(&self) -> Vec<Family> {
        let outcomes = self.all().flat_map(|lines| {
            Outcome::ALL.map(|outcome| Series {
                labels: lines.labels(Some(("outcome", outcome.name()))),
                value: count(lines.outcomes[outcome as usize]),
            })
        });
        let waiting = self.all().map(|lines| Series {
            labels: lines.labels(None),
            value: count(lines.waiting),
        });
        vec![
            Family {
                name: "httplog_exporter_join_lines_total".into(),
                help: "Lines of linked sources, by what became of them.".into(),
                kind: Kind::Counter,
                series: outcomes.collect(),
            },
            Family {
                name: "httplog_exporter_join_pending_lines".into(),
                help: "Lines that wait for the other line of their request.".into(),
                kind: Kind::Gauge,
                series: waiting.collect(),
            },
        ]
    }

    fn all(&self) -> impl Iterator<Item = &Lines> {
        std::iter::once(&self.front).chain(self.backs.iter().map(|(lines, _)| lines))
    }

    /// The source whose line waits in this state.
    fn lines_of(&mut self, state: State) -> Option<&mut Lines> {
        match state {
            State::Passed { .. } => Some(&mut self.front),
            State::Worked { back, .. } => self.backs.get_mut(back).map(|(lines, _)| lines),
            State::Met => None,
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

    fn labels(&self, other: Option<(&str, &str)>) -> Labels {
        let mut labels: Labels = vec![("source".into(), Arc::clone(&self.source))];
        labels.extend(other.map(|(name, value)| (name.into(), value.into())));
        labels.sort();
        labels
    }
}

impl Queue {
    fn new() -> Self {
        Self {
            counts: [0; QUEUE_BOUNDS.len() + 1],
            sum: 0,
        }
    }

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
        }
    }
}

fn count(value: u64) -> Value {
    Value::Number(Number::Exact(value, Unit::One))
}
