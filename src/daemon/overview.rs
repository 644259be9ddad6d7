//! Serves metrics, and makes the status for people of them.
//!
//! Invariant: a sample of the history is taken on a thread that may block, one at a time; nothing is done for it while lines are
//! counted.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::MissedTickBehavior;

use super::access::Access;
use super::control::{lock, micros};
use super::setup::setup;
use super::shared_shard::{ServedRevision, Shards};
use crate::clock::Clock;
use crate::config::Config;
use crate::expose::Options;
use crate::http::Scrape;
use crate::model::{Families, Language, Micros};
use crate::status::{Circumstances, History, INTERVAL, InputState, Setup, SourceState, Status};

/// State of the daemon, for people.
pub(super) struct Overview {
    shards: Arc<Shards>,
    clock: Arc<dyn Clock>,
    started: Duration,
    /// Path of the configuration file; `None` if there is none.
    file: Option<String>,
    setup: Mutex<Arc<Setup>>,
    history: Mutex<Sampled>,
    /// Reason why the last reload was refused.
    refusal: Mutex<Option<String>>,
}

/// The history, and the counts that it has sampled last.
#[derive(Default)]
struct Sampled {
    history: History,
    revision: Option<ServedRevision>,
}

impl Overview {
    pub(super) fn new(shards: Arc<Shards>, clock: Arc<dyn Clock>, file: Option<String>) -> Self {
        Self {
            started: clock.monotonic(),
            shards,
            clock,
            file,
            setup: Mutex::default(),
            history: Mutex::default(),
            refusal: Mutex::default(),
        }
    }

    /// Notes that a configuration is in force. What is counted from then on is part of the history.
    pub(super) fn configure(&self, config: &Config) {
        *lock(&self.setup) = Arc::new(setup(config, self.file.clone()));
        *lock(&self.refusal) = None;
        self.sample();
    }

    /// Notes that a reload was refused.
    pub(super) fn refuse(&self, reason: &str) {
        *lock(&self.refusal) = Some(reason.to_owned());
    }

    /// Takes a sample of the history, if a point is due. May wait for a batch that is being counted.
    pub(super) fn sample(&self) {
        let mut sampled = lock(&self.history);
        let now = Micros(micros(self.clock.monotonic()));
        if !sampled.history.is_due(now) {
            return;
        }
        let revision = self.shards.served_revision();
        let is_same = sampled.revision.replace(revision) == Some(revision);
        let families = (!is_same).then(|| self.shards.served());
        let setup = Arc::clone(&lock(&self.setup));
        let behind = setup
            .sources
            .iter()
            .filter(|source| !source.behind.is_empty());
        let behind: BTreeSet<&str> = behind.map(|source| &*source.name).collect();
        let time = seconds(self.clock.wall());
        (sampled.history).sample(families.as_ref(), &behind, now, time);
    }

    /// Takes a sample whenever a point is due, without an end.
    pub(super) async fn keep_history(self: Arc<Self>) -> Infallible {
        let mut tick = tokio::time::interval(Duration::from_micros(INTERVAL.0));
        // After a pause of the whole process, one tick is enough.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let overview = Arc::clone(&self);
            // A panic would have ended the process.
            let _ = tokio::task::spawn_blocking(move || overview.sample()).await;
        }
    }

    fn circumstances(&self, setup: &Setup) -> Circumstances {
        let states = self.shards.access().states();
        let input = |name: &str| {
            let access = states.get(name);
            InputState {
                state: access.map_or(SourceState::Untried, Access::state),
                reason: access.and_then(Access::reason).map(str::to_owned),
            }
        };
        Circumstances {
            time: seconds(self.clock.wall()),
            uptime: self
                .clock
                .monotonic()
                .saturating_sub(self.started)
                .as_secs_f64(),
            inputs: setup
                .sources
                .iter()
                .map(|source| input(&source.name))
                .collect(),
            reload_refusal: lock(&self.refusal).clone(),
            commit_failure: self.shards.commit_failure(),
            nginx_down: self
                .shards
                .nginx()
                .down()
                .into_iter()
                .map(|down| (down.address, down.reason))
                .collect(),
        }
    }
}

impl Scrape for Overview {
    fn families(&self) -> Families {
        self.shards.families()
    }

    fn options(&self) -> Options {
        self.shards.options()
    }

    fn status(&self, families: &Families, language: Language) -> Status {
        self.sample();
        let setup = Arc::clone(&lock(&self.setup));
        let circumstances = self.circumstances(&setup);
        let sampled = lock(&self.history);
        Status::new(families, &sampled.history, &setup, &circumstances, language)
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::daemon::commits::Commits;
    use crate::daemon::shared_shard::tests::counted;
    use crate::state::Durability;
    use crate::telemetry::Telemetry;

    #[test]
    fn counts_that_were_sampled_before_their_commit_are_in_a_later_point() {
        let clock = Arc::<ManualClock>::default();
        let shards = Arc::new(counted(&clock));
        let telemetry = Telemetry::new("1", clock.wall()).unwrap();
        let state = telemetry.state().unwrap();
        shards.commit_with(Arc::new(Commits::new(state, Durability::Power, false)));
        let overview = Overview::new(Arc::clone(&shards), clock.clone(), None);
        overview.sample();
        clock.advance(Duration::from_secs(10));
        overview.sample();
        // Nothing more is counted until the commit.
        shards.serve_recovered();
        clock.advance(Duration::from_secs(10));
        let status = overview.status(&shards.served(), Language::English);
        assert_eq!(status.traffic.classes[1].requests, [0, 1]);
    }
}
