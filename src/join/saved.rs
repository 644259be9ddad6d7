//! Conversion of a link's counts and waiting requests to and from their saved form.
//!
//! Invariant: what is saved and resumed counts as if it had never been saved; what a saved form cannot contain is left out.

use super::account::Account;
use super::outcome::{Outcome, Reason};
use super::pending::{Entry, Pending, State};
use crate::model::{Micros, SavedLines, SavedLink, SavedRequest, SavedSide};

impl Account {
    /// Returns the counts; names, key and requests are left empty.
    pub(super) fn save(&self) -> SavedLink {
        let named = |outcome: Outcome, lines: u64| (outcome.name().to_owned(), lines);
        let lines = self.all().map(|lines| SavedLines {
            outcomes: Outcome::ALL
                .map(|outcome| named(outcome, lines.outcomes[outcome as usize]))
                .into(),
        });
        let unreached = Reason::ALL.map(|reason| {
            let count = self.unreached[reason as usize];
            (reason.name().to_owned(), count)
        });
        let queues = self.backs.iter().map(|(_, queue)| {
            let counts = queue.counts.iter().copied();
            counts.chain([queue.sum]).collect()
        });
        SavedLink {
            lines: lines.collect(),
            unreached: unreached.into(),
            queues: queues.collect(),
            ..SavedLink::default()
        }
    }

    /// Sets the counts of a new account.
    pub(super) fn resume(&mut self, saved: &SavedLink) {
        let lines = std::iter::once(&mut self.front).chain(self.backs.iter_mut().map(|(it, _)| it));
        for (lines, saved) in lines.zip(&saved.lines) {
            for outcome in Outcome::ALL {
                let known = saved
                    .outcomes
                    .iter()
                    .find(|(name, _)| name == outcome.name());
                lines.outcomes[outcome as usize] = known.map_or(0, |(_, count)| *count);
            }
        }
        for reason in Reason::ALL {
            let known = saved
                .unreached
                .iter()
                .find(|(name, _)| name == reason.name());
            self.unreached[reason as usize] = known.map_or(0, |(_, count)| *count);
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

impl Pending {
    /// Returns all entries, in order of arrival.
    pub(super) fn save(&self, now: Micros) -> Vec<SavedRequest> {
        self.entries().map(|entry| entry.save(now)).collect()
    }
}

impl Entry {
    fn save(&self, now: Micros) -> SavedRequest {
        let micros = |time: Option<Micros>| time.map(|time| time.0);
        SavedRequest {
            id: self.id,
            age: now.0.saturating_sub(self.since.0),
            side: match self.state {
                State::Passed { fate, time } => SavedSide::Passed {
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

    /// Makes an entry of a saved request. If the clock began after the arrival, it waits from the beginning of the clock.
    /// `None` for a request of an unknown source.
    pub(super) fn resume(request: &SavedRequest, link: &SavedLink, now: Micros) -> Option<Self> {
        let state = match request.side {
            SavedSide::Passed { reason, time } => {
                let name = link.unreached.get(usize::from(reason));
                let is_named =
                    |reason: &Reason| name.is_some_and(|(name, _)| name == reason.name());
                State::Passed {
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
