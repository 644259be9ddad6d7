//! A link between front sources and the sources behind them.
//!
//! Invariant: a request that is waiting or was joined within the wait has one entry in the table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::account::Account;
use super::linked::Linked;
use super::outcome::{Outcome, Reason};
use super::pending::{Entry, Pending, State};
use crate::model::{
    Family, Field, FieldSet, Micros, Record, SavedLink, SecretKey, Status, UpstreamList,
};

/// The status of a response that turns a request into a connection, such as a WebSocket (RFC 9110, 15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// Bounds of the table of waiting lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest number of requests in the table, at least 1. Joined requests stay in it until their wait is over.
    pub pending: usize,
    /// Time to wait for the second line of a request, from the arrival of the first.
    pub wait: Micros,
}

/// One of the linked sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A server that clients connect to, by its index among them.
    Front(usize),
    /// A server that the fronts pass requests on to, by its index among them.
    Back(usize),
}

/// Joins the lines of front sources with those of the sources behind them. The threads of all of them share it; each
/// locks it once for a batch of lines, and a scrape while it copies the counts.
#[derive(Debug)]
pub struct Link {
    fronts: Vec<Arc<str>>,
    backs: Vec<Arc<str>>,
    key: SecretKey,
    inner: Mutex<Inner>,
}

/// The end of a link at one source.
#[derive(Clone, Debug)]
pub struct End {
    link: Arc<Link>,
    side: Side,
}

/// Buffer for the lines of one source until its batch is over, so that a line takes no lock.
#[derive(Debug)]
pub struct Tap {
    end: End,
    arrivals: Vec<Arrival>,
}

/// A line, reduced to what joining needs.
#[derive(Clone, Copy, Debug)]
enum Arrival {
    /// A front responded by itself.
    Local { front: usize, reason: Reason },
    /// A line that another one may belong to.
    Linked { id: Option<u64>, state: State },
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    pending: Pending,
    account: Account,
    /// For each front and then each source behind: the time up to which all lines have been read.
    read_until: Vec<Micros>,
    /// Time at which every side was first read to its end.
    caught_up: Option<Micros>,
    /// Arrival of the latest line. Threads read the clock on their own, and the time here must not go back.
    latest: Micros,
}

impl Link {
    /// Creates a link between front sources and the sources behind them.
    pub fn new(between: &Linked<'_>, limits: Limits) -> Self {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| Arc::from(*name))
                .collect::<Vec<_>>()
        };
        let (fronts, backs) = (names(&between.fronts), names(&between.backs));
        let account = Account::new(fronts.clone(), backs.clone());
        Self {
            inner: Mutex::new(Inner {
                limits,
                pending: Pending::default(),
                account,
                read_until: vec![Micros(0); fronts.len() + backs.len()],
                caught_up: None,
                latest: Micros(0),
            }),
            key: SecretKey::random(),
            fronts,
            backs,
        }
    }

    /// Creates a link that continues a saved one. How far the sources were read is not saved: requests wait until each has
    /// reported that again.
    pub fn resume(saved: &SavedLink, limits: Limits, now: Micros) -> Self {
        let between = Linked {
            fronts: saved.fronts().collect(),
            backs: saved.backs.iter().map(String::as_str).collect(),
        };
        let mut link = Self::new(&between, limits);
        link.key = SecretKey(saved.key);
        let mut inner = link.lock();
        inner.account.resume(saved);
        for entry in (0..saved.requests.len()).filter_map(|at| Entry::resume(saved, at, now)) {
            if inner.pending.find(entry.id).is_none() {
                inner.account.wait(entry.state);
                inner.pending.push(entry);
            }
        }
        inner.latest = now;
        inner.make_room(0);
        drop(inner);
        link
    }

    /// Returns what another process needs to continue. `now` is the time of the clock of [`Tap::flush`].
    pub fn save(&self, now: Micros) -> SavedLink {
        let inner = self.lock();
        let mut saved = SavedLink {
            backs: self.backs.iter().map(ToString::to_string).collect(),
            key: self.key.0,
            requests: inner.pending.save(now),
            ..inner.account.save()
        };
        if !saved.others.fronts.is_empty() {
            saved.others.requests = inner.pending.save_fronts();
        }
        saved
    }

    /// Returns whether the link is between these sources.
    pub fn is_between(&self, between: &Linked<'_>) -> bool {
        let are = |own: &[Arc<str>], names: &[&str]| {
            own.iter().map(|own| &**own).eq(names.iter().copied())
        };
        are(&self.fronts, &between.fronts) && are(&self.backs, &between.backs)
    }

    /// Returns whether a front source and one behind satisfy `is_read`.
    pub(super) fn has_both_sides(&self, is_read: impl Fn(&str) -> bool) -> bool {
        let any = |names: &[Arc<str>]| names.iter().any(|name| is_read(name));
        any(&self.fronts) && any(&self.backs)
    }

    /// Replaces the limits; evicts what exceeds them.
    pub fn set_limits(&self, limits: Limits) {
        let mut inner = self.lock();
        inner.limits = limits;
        inner.make_room(0);
    }

    /// Returns the end at a source, if the link contains the source.
    pub fn end(self: &Arc<Self>, source: &str) -> Option<End> {
        let place = |names: &[Arc<str>]| names.iter().position(|name| **name == *source);
        let side = match place(&self.fronts) {
            Some(front) => Side::Front(front),
            None => Side::Back(place(&self.backs)?),
        };
        Some(End {
            link: Arc::clone(self),
            side,
        })
    }

    /// Returns whether lines wait that arrived before every side was first read to its end. Another process that read them earlier
    /// may have ended their wait already.
    pub fn is_behind(&self) -> bool {
        let inner = self.lock();
        let is_early = |entry: &&Entry| inner.caught_up.is_none_or(|time| entry.since <= time);
        let mut early = inner.pending.entries().take_while(is_early);
        inner.caught_up.is_none() || early.any(|entry| !matches!(entry.state, State::Joined))
    }

    /// Ends the wait of all lines: no more will come.
    pub fn finish(&self) {
        let mut inner = self.lock();
        while let Some(entry) = inner.pending.pop_oldest() {
            inner.account.expire(entry.state);
        }
    }

    /// Returns the number of lines dropped before their wait was over, because the table was full.
    pub fn evicted(&self) -> u64 {
        self.lock().account.total(Outcome::Evicted)
    }

    /// Returns the families of the product.
    pub fn families(&self) -> Vec<Family> {
        self.lock().account.families()
    }

    /// Returns the outcomes of all lines, as metrics of the exporter itself.
    pub fn outcomes(&self) -> Vec<Family> {
        self.lock().account.outcomes()
    }

    /// Locks the link. A panic ends the process, so it is never poisoned.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Side {
    /// Fields that lines of this side must contain.
    pub const fn fields(self) -> [Field; 2] {
        match self {
            Self::Front(_) => [Field::RequestId, Field::UpstreamDurations],
            Self::Back(_) => [Field::RequestId, Field::Duration],
        }
    }
}

impl End {
    /// Creates a buffer for the lines of the source.
    pub fn tap(&self) -> Tap {
        Tap {
            end: self.clone(),
            arrivals: Vec::new(),
        }
    }

    /// Fields of a line that joining reads.
    pub fn fields(&self) -> FieldSet {
        let fields: FieldSet = self.side.fields().into_iter().collect();
        fields.with(Field::Status)
    }

    /// Index among all sources of the link.
    fn index(&self) -> usize {
        match self.side {
            Side::Front(front) => front,
            Side::Back(back) => self.link.fronts.len() + back,
        }
    }
}

impl Tap {
    /// Returns the link if this is the end at its first front.
    pub fn led_link(&self) -> Option<&Link> {
        (self.end.side == Side::Front(0)).then_some(&*self.end.link)
    }

    /// Adds a line.
    pub fn note(&mut self, record: &Record<'_>) {
        let status = record.status.map(Status::code);
        // The time of an upgraded connection is its life, and no time in a queue follows from it.
        let is_timed = status != Some(SWITCHING_PROTOCOLS);
        let state = match (self.end.side, record.upstream_durations) {
            (Side::Front(front), None) => {
                let reason = Reason::from_local_status(status);
                return self.arrivals.push(Arrival::Local { front, reason });
            }
            (Side::Front(front), Some(times)) => State::Passed {
                front,
                fate: Reason::from_passed_status(status),
                time: last_time(times).filter(|_| is_timed),
            },
            (Side::Back(back), _) => State::Worked {
                back,
                time: record.duration.filter(|_| is_timed),
            },
        };
        let id = self.id(record);
        self.arrivals.push(Arrival::Linked { id, state });
    }

    /// Joins the buffered lines. `now` is the time of any clock that all sides share.
    pub fn flush(&mut self, now: Micros) {
        if self.arrivals.is_empty() {
            return;
        }
        self.end.link.lock().arrive(now, &self.arrivals);
        self.arrivals.clear();
    }

    /// Declares that all lines the source had written until `now` were flushed. Ends the wait of lines for which that
    /// is true of every side.
    pub fn mark_read_until(&mut self, now: Micros) {
        let mut inner = self.end.link.lock();
        let until = &mut inner.read_until[self.end.index()];
        *until = now.max(*until);
        if inner.caught_up.is_none() && inner.all_read_until() > Micros(0) {
            inner.caught_up = Some(now);
        }
        inner.expire();
    }

    fn id(&self, record: &Record<'_>) -> Option<u64> {
        let id = record.request_id.filter(|id| !matches!(*id, b"" | b"-"))?;
        Some(self.end.link.key.hash(id))
    }
}

/// Returns the time of the attempt that responded: the last one with a time.
fn last_time(times: UpstreamList<'_>) -> Option<Micros> {
    match times.last_and_retries() {
        (Some(last), _) => Some(last),
        (None, _) => times.entries().rev().find_map(Micros::from_seconds),
    }
}

impl Inner {
    fn arrive(&mut self, now: Micros, arrivals: &[Arrival]) {
        self.latest = self.latest.max(now);
        for arrival in arrivals {
            match *arrival {
                Arrival::Local { front, reason } => self.account.unreached(front, reason),
                Arrival::Linked { id: None, state } => self.account.end(state, Outcome::NoId),
                Arrival::Linked {
                    id: Some(id),
                    state,
                } => self.join(id, state),
            }
        }
        self.expire();
    }

    /// Joins a line with the other line of its request, or keeps it until that comes.
    fn join(&mut self, id: u64, new: State) {
        let Some(state) = self.pending.find(id) else {
            return self.wait(id, new);
        };
        let lines = match new {
            State::Passed { .. } => (new, *state),
            _ => (*state, new),
        };
        match lines {
            (State::Passed { front, time, .. }, State::Worked { back, time: worked }) => {
                self.account.leave(*state);
                *state = State::Joined;
                self.account.join((front, time), (back, worked));
            }
            // The front logs the time of the last attempt.
            (State::Worked { .. }, State::Worked { .. }) => {
                self.account.leave(*state);
                self.account.wait(new);
                self.account.end(*state, Outcome::Duplicate);
                *state = new;
            }
            _ => self.account.end(new, Outcome::Duplicate),
        }
    }

    /// Keeps a line until the other line of its request comes.
    fn wait(&mut self, id: u64, state: State) {
        self.make_room(1);
        self.account.wait(state);
        self.pending.push(Entry {
            id,
            since: self.latest,
            state,
        });
    }

    /// Evicts the oldest entries until so many more have room.
    fn make_room(&mut self, more: usize) {
        while self.pending.len() + more > self.limits.pending {
            match self.pending.pop_oldest() {
                Some(entry) => self.account.evict(entry.state),
                None => return,
            }
        }
    }

    /// Returns the time up to which every side was read.
    fn all_read_until(&self) -> Micros {
        self.read_until.iter().min().copied().unwrap_or_default()
    }

    /// Ends the wait of entries for which every side was read up to the end of the wait.
    fn expire(&mut self) {
        let Some(limit) = self.all_read_until().0.checked_sub(self.limits.wait.0) else {
            return;
        };
        while self.pending.oldest().is_some_and(|since| since.0 <= limit) {
            if let Some(entry) = self.pending.pop_oldest() {
                self.account.expire(entry.state);
            }
        }
    }
}
