//! Conversion of a link's counts and waiting requests to and from their saved form.
//!
//! Invariant: what is saved and resumed counts as if it had never been saved; what a saved form cannot contain is left out.

use super::account::{Account, Lines, Unreached};
use super::outcome::{Outcome, Reason};
use super::pending::{Entry, Pending, State};
use crate::model::{
    Micros, SavedFront, SavedFronts, SavedLines, SavedLink, SavedRequest, SavedSide,
};

impl Account {
    /// Returns the counts and the names of fronts; other names, key and requests are left empty.
    pub(super) fn save(&self) -> SavedLink {
        let mut fronts = self.fronts.iter().map(|(lines, unreached)| SavedFront {
            name: lines.source.to_string(),
            lines: lines.save(),
            unreached: Reason::ALL
                .map(|reason| (reason.name().to_owned(), unreached[reason as usize]))
                .into(),
        });
        let first = fronts.next().unwrap_or_default();
        let backs = self.backs.iter().map(|(lines, _)| lines.save());
        let queues = self.backs.iter().map(|(_, queue)| {
            let counts = queue.counts.iter().copied();
            counts.chain([queue.sum]).collect()
        });
        SavedLink {
            front: first.name,
            lines: std::iter::once(first.lines).chain(backs).collect(),
            unreached: first.unreached,
            queues: queues.collect(),
            others: SavedFronts {
                fronts: fronts.collect(),
                requests: Vec::new(),
            },
            ..SavedLink::default()
        }
    }

    /// Sets the counts of a new account.
    pub(super) fn resume(&mut self, saved: &SavedLink) {
        let mut saved_lines = saved.lines.iter();
        let mut fronts = self.fronts.iter_mut();
        if let (Some((lines, unreached)), Some(saved_lines)) = (fronts.next(), saved_lines.next()) {
            lines.resume(saved_lines);
            *unreached = resume_unreached(&saved.unreached);
        }
        for ((lines, unreached), saved) in fronts.zip(&saved.others.fronts) {
            lines.resume(&saved.lines);
            *unreached = resume_unreached(&saved.unreached);
        }
        for ((lines, _), saved) in self.backs.iter_mut().zip(saved_lines) {
            lines.resume(saved);
        }
        for ((_, queue), saved) in self.backs.iter_mut().zip(&saved.queues) {
            // Other buckets would need another family.
            if let [counts @ .., sum] = &**saved
                && let Ok(counts) = counts.try_into()
            {
                (queue.counts, queue.sum) = (counts, *sum);
            }
        }
    }
}

impl Lines {
    fn save(&self) -> SavedLines {
        let outcomes = Outcome::ALL
            .map(|outcome| (outcome.name().to_owned(), self.outcomes[outcome as usize]));
        SavedLines {
            outcomes: outcomes.into(),
        }
    }

    fn resume(&mut self, saved: &SavedLines) {
        self.outcomes = Outcome::ALL.map(|outcome| count_of(&saved.outcomes, outcome.name()));
    }
}

fn resume_unreached(saved: &[(String, u64)]) -> Unreached {
    Reason::ALL.map(|reason| count_of(saved, reason.name()))
}

/// Returns the count of a name, 0 if there is none.
fn count_of(counts: &[(String, u64)], name: &str) -> u64 {
    let known = counts.iter().find(|(known, _)| known == name);
    known.map_or(0, |(_, count)| *count)
}

impl Pending {
    /// Returns all entries, in order of arrival.
    pub(super) fn save(&self, now: Micros) -> Vec<SavedRequest> {
        self.entries().map(|entry| entry.save(now)).collect()
    }

    /// Returns the index of the front of each entry, 0 for those without one.
    pub(super) fn save_fronts(&self) -> Vec<u32> {
        let front = |entry: &Entry| match entry.state {
            State::Passed { front, .. } => u32::try_from(front).unwrap_or(u32::MAX),
            State::Worked { .. } | State::Joined => 0,
        };
        self.entries().map(front).collect()
    }
}

impl Entry {
    fn save(&self, now: Micros) -> SavedRequest {
        let micros = |time: Option<Micros>| time.map(|time| time.0);
        SavedRequest {
            id: self.id,
            age: now.0.saturating_sub(self.since.0),
            side: match self.state {
                State::Passed { fate, time, .. } => SavedSide::Passed {
                    reason: fate as u8,
                    time: micros(time),
                },
                State::Worked { back, time } => SavedSide::Worked {
                    back: u32::try_from(back).unwrap_or(u32::MAX),
                    time: micros(time),
                },
                State::Joined => SavedSide::Joined,
            },
        }
    }

    /// Makes an entry of a saved request, by its index. If the clock began after the arrival, it waits from the beginning of the
    /// clock. `None` for a request of an unknown source.
    pub(super) fn resume(link: &SavedLink, at: usize, now: Micros) -> Option<Self> {
        let request: &SavedRequest = link.requests.get(at)?;
        let front = link.others.requests.get(at).copied().unwrap_or(0);
        let state = match request.side {
            SavedSide::Passed { reason, time } => {
                let front = usize::try_from(front).ok()?;
                let unreached = match front.checked_sub(1) {
                    None => &link.unreached,
                    Some(other) => &link.others.fronts.get(other)?.unreached,
                };
                let name = unreached.get(usize::from(reason));
                let is_named =
                    |reason: &Reason| name.is_some_and(|(name, _)| name == reason.name());
                State::Passed {
                    front,
                    fate: Reason::ALL
                        .into_iter()
                        .find(is_named)
                        .unwrap_or(Reason::Missing),
                    time: time.map(Micros),
                }
            }
            SavedSide::Worked { back, time } => State::Worked {
                back: usize::try_from(back)
                    .ok()
                    .filter(|back| *back < link.backs.len())?,
                time: time.map(Micros),
            },
            SavedSide::Joined => State::Joined,
        };
        Some(Self {
            id: request.id,
            since: Micros(now.0.saturating_sub(request.age)),
            state,
        })
    }
}
