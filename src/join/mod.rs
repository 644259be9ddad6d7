//! Two lines of one request: the front server's and that of the server behind it, told by its id.
//!
//! Invariant: every line of a linked source has exactly one outcome, or still waits for the other
//! one. An id is hashed with a secret of the process and forgotten; it is in no result.

mod account;
mod links;
mod pending;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Family, Field, FieldSet, Micros, Record, UpstreamList};

pub use account::{FAMILIES, Outcome, QUEUE_BOUNDS, Reason};
pub use links::Links;

use account::Account;
use pending::{Entry, Pending, State};

/// What bounds the lines that wait for the other one of their request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests remembered, at least 1; those that met are among them until the wait is over.
    pub pending: usize,
    /// For how long, counted from the first line of the two, is waited for the second.
    pub wait: Micros,
}

/// Which of the linked sources a line is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server that clients talk to.
    Front,
    /// One that it passes requests on to, by its place among them.
    Back(usize),
}

/// Joins the lines of a front source and of those behind it. Shared by the threads of all of them;
/// locked once for each batch of lines, and for a copy.
#[derive(Debug)]
pub struct Link {
    front: Arc<str>,
    backs: Vec<Arc<str>>,
    hasher: RandomState,
    inner: Mutex<Inner>,
}

/// One source's side of a link.
#[derive(Clone, Debug)]
pub struct End {
    link: Arc<Link>,
    side: Side,
}

/// Takes note of a source's lines until the batch is over, so that no line locks anything.
#[derive(Debug)]
pub struct Tap {
    end: End,
    arrivals: Vec<Arrival>,
}

/// What a line tells of its request.
#[derive(Clone, Copy, Debug)]
enum Arrival {
    /// The front answered by itself.
    Answered(Reason),
    /// The front passed it on; `fate` is what became of it if nothing behind wrote a line.
    Passed {
        id: Option<u64>,
        fate: Reason,
        time: Option<Micros>,
    },
    /// It was worked on behind the front.
    Worked {
        id: Option<u64>,
        back: usize,
        time: Option<Micros>,
    },
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    pending: Pending,
    account: Account,
    /// For the front and each source behind it, until when all that it had written was read.
    read_until: Vec<Micros>,
    /// When the last line came; several threads tell the time, and it must not go back.
    latest: Micros,
}

impl Link {
    /// Between a front source and those behind it.
    pub fn new(front: &str, backs: &[&str], limits: Limits) -> Self {
        let front: Arc<str> = front.into();
        let backs: Vec<Arc<str>> = backs.iter().map(|back| (*back).into()).collect();
        let account = Account::new(Arc::clone(&front), backs.clone());
        Self {
            inner: Mutex::new(Inner {
                limits,
                pending: Pending::default(),
                account,
                read_until: vec![Micros(0); backs.len() + 1],
                latest: Micros(0),
            }),
            hasher: RandomState::new(),
            front,
            backs,
        }
    }

    /// Whether it is between these sources.
    pub fn is_between(&self, front: &str, backs: &[&str]) -> bool {
        *self.front == *front
            && self
                .backs
                .iter()
                .map(|back| &**back)
                .eq(backs.iter().copied())
    }

    /// Sets other limits; what is over them is given up now.
    pub fn set_limits(&self, limits: Limits) {
        let mut inner = self.lock();
        inner.limits = limits;
        inner.make_room(0);
    }

    /// The side of a source, if the link has it.
    pub fn end(self: &Arc<Self>, source: &str) -> Option<End> {
        let side = if *self.front == *source {
            Side::Front
        } else {
            Side::Back(self.backs.iter().position(|back| **back == *source)?)
        };
        Some(End {
            link: Arc::clone(self),
            side,
        })
    }

    /// Gives up waiting: no more lines will come.
    pub fn finish(&self) {
        let mut inner = self.lock();
        while let Some(entry) = inner.pending.pop_oldest() {
            inner.account.expire(entry.state);
        }
    }

    /// Lines given up before their wait was over, because the table was full.
    pub fn evicted(&self) -> u64 {
        self.lock().account.total(Outcome::Evicted)
    }

    /// The families of the product.
    pub fn families(&self) -> Vec<Family> {
        self.lock().account.families()
    }

    /// What became of every line, as metrics of the exporter itself.
    pub fn outcomes(&self) -> Vec<Family> {
        self.lock().account.outcomes()
    }

    /// A panic while it was locked ends the process, so a poisoned account is only ever read.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Side {
    /// The fields that lines of this side must bring.
    pub const fn fields(self) -> [Field; 2] {
        match self {
            Self::Front => [Field::RequestId, Field::UpstreamDurations],
            Self::Back(_) => [Field::RequestId, Field::Duration],
        }
    }

    /// Its place among all sources of a link.
    const fn place(self) -> usize {
        match self {
            Self::Front => 0,
            Self::Back(back) => back + 1,
        }
    }
}

impl End {
    /// A tap on the source's lines.
    pub fn tap(&self) -> Tap {
        Tap {
            end: self.clone(),
            arrivals: Vec::new(),
        }
    }

    /// The fields of a line that are looked at.
    pub fn fields(&self) -> FieldSet {
        let fields: FieldSet = self.side.fields().into_iter().collect();
        match self.side {
            Side::Front => fields.with(Field::Status),
            Side::Back(_) => fields,
        }
    }
}

impl Tap {
    /// Takes note of a line.
    pub fn note(&mut self, record: &Record<'_>) {
        let status = record.status.map(crate::model::Status::code);
        let arrival = match (self.end.side, record.upstream_durations) {
            (Side::Front, None) => Arrival::Answered(Reason::of_answered(status)),
            (Side::Front, Some(times)) => Arrival::Passed {
                id: self.id(record),
                fate: Reason::of_passed(status),
                time: last_time(times),
            },
            (Side::Back(back), _) => Arrival::Worked {
                id: self.id(record),
                back,
                time: record.duration,
            },
        };
        self.arrivals.push(arrival);
    }

    /// Hands over what was noted. `now` is any clock's time, the same for all sides.
    pub fn flush(&mut self, now: Micros) {
        if self.arrivals.is_empty() {
            return;
        }
        self.end.link.lock().arrive(now, &self.arrivals);
        self.arrivals.clear();
    }

    /// Says that all the source had written until `now` was read: what waited long enough for one
    /// of its lines waits in vain.
    pub fn mark_read_until(&mut self, now: Micros) {
        let mut inner = self.end.link.lock();
        let until = &mut inner.read_until[self.end.side.place()];
        *until = now.max(*until);
        inner.expire();
    }

    fn id(&self, record: &Record<'_>) -> Option<u64> {
        let id = record.request_id.filter(|id| !matches!(*id, b"" | b"-"))?;
        Some(self.end.link.hasher.hash_one(id))
    }
}

/// The time of the attempt that was answered: the last one that has a time.
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
                Arrival::Answered(reason) => self.account.unreached(reason),
                Arrival::Passed { id: None, .. } => self.account.front(Outcome::NoId),
                Arrival::Worked { id: None, back, .. } => self.account.back(back, Outcome::NoId),
                Arrival::Passed {
                    id: Some(id),
                    fate,
                    time,
                } => self.passed(id, fate, time),
                Arrival::Worked {
                    id: Some(id),
                    back,
                    time,
                } => self.worked(id, back, time),
            }
        }
        self.expire();
    }

    /// The front's line of a request that it passed on.
    fn passed(&mut self, id: u64, fate: Reason, time: Option<Micros>) {
        match self.pending.find(id) {
            None => self.wait(id, State::Passed { fate, time }),
            Some(state) => match *state {
                State::Worked { back, time: worked } => {
                    self.account.leave(*state);
                    *state = State::Met;
                    self.account.meet(back, time, worked);
                }
                State::Passed { .. } | State::Met => self.account.front(Outcome::Duplicate),
            },
        }
    }

    /// The line of a request from behind the front.
    fn worked(&mut self, id: u64, back: usize, time: Option<Micros>) {
        match self.pending.find(id) {
            None => self.wait(id, State::Worked { back, time }),
            Some(state) => match *state {
                State::Passed { time: passed, .. } => {
                    self.account.leave(*state);
                    *state = State::Met;
                    self.account.meet(back, passed, time);
                }
                // Of several attempts, the time that the front tells is that of the last one.
                State::Worked { back: earlier, .. } => {
                    self.account.leave(*state);
                    *state = State::Worked { back, time };
                    self.account.wait(*state);
                    self.account.back(earlier, Outcome::Duplicate);
                }
                State::Met => self.account.back(back, Outcome::Duplicate),
            },
        }
    }

    /// Keeps a line until the other one comes.
    fn wait(&mut self, id: u64, state: State) {
        self.make_room(1);
        self.account.wait(state);
        self.pending.push(Entry {
            id,
            since: self.latest,
            state,
        });
    }

    /// Gives up the oldest until so many more have room.
    fn make_room(&mut self, more: usize) {
        while self.pending.len() + more > self.limits.pending {
            match self.pending.pop_oldest() {
                Some(entry) => self.account.evict(entry.state),
                None => return,
            }
        }
    }

    /// Gives up what has waited long enough: everything that any side had written within the wait
    /// was read.
    fn expire(&mut self) {
        let read = self.read_until.iter().min().copied().unwrap_or_default();
        let Some(limit) = read.0.checked_sub(self.limits.wait.0) else {
            return;
        };
        while self.pending.oldest().is_some_and(|since| since.0 <= limit) {
            if let Some(entry) = self.pending.pop_oldest() {
                self.account.expire(entry.state);
            }
        }
    }
}
