//! Supervision of the workers, and their end.

use super::Workers;
use super::WorkersEvent;
use crate::daemon::notice::Notice;
use crate::daemon::reload::Reload;
use crate::daemon::watchdog::{Heartbeat, Supervised};
use crate::daemon::worker::{Worker, snapshots};

impl Workers {
    /// Returns the latest heartbeats of the workers, and of the thread that applies a configuration.
    pub(in crate::daemon) fn latest_heartbeats(&self) -> Vec<Heartbeat> {
        let workers = self.running.iter().map(Worker::latest_heartbeat);
        let reload = match self.reload {
            Some(Reload::Applying { due, .. }) => Some(Heartbeat {
                thread: Supervised::Reload,
                due,
            }),
            _ => None,
        };
        workers.chain(reload).collect()
    }

    /// Logs that a thread is stuck.
    pub(in crate::daemon) fn report_stuck(&self, beat: Heartbeat) {
        let late = self.assembly.clock.monotonic().saturating_sub(beat.due);
        let late = late.as_secs();
        match beat.thread {
            Supervised::Worker(number) => {
                let mut running = self.running.iter();
                let worker = running.find(|worker| worker.number() == number);
                let source = worker.map_or("", Worker::current);
                tracing::error!(source, "no progress for {late} s");
            }
            Supervised::Reload => {
                tracing::error!("the reload has made no progress for {late} s");
            }
        }
    }

    /// Stops every worker, counts what streams had received until then, and waits for their ends. Who is left when the wait
    /// is cancelled has a name in [`Self::unfinished`].
    pub(in crate::daemon) async fn finish(&mut self) {
        match self.reload.take() {
            Some(Reload::Pausing { works, .. }) => self.resume(works),
            Some(applying @ Reload::Applying { .. }) => {
                self.is_requested = false;
                let applying = self.reload.insert(applying);
                let step = applying.step().await;
                self.handle(WorkersEvent::Reload(step));
            }
            Some(Reload::Loading { .. } | Reload::Late { .. }) | None => {}
        }
        let parked = std::mem::take(&mut self.parked);
        self.resume(parked);
        self.running.iter().for_each(Worker::request_finish);
        let mut ended = Vec::new();
        while !self.running.is_empty() {
            if let Some(Notice::Ended(number)) = self.notices.recv().await {
                ended.extend(self.join(number).into_iter().flatten());
            }
        }
        if let Some(kept) = self.kept.take() {
            let clock = self.assembly.clock.as_ref();
            let snapshots = snapshots(&mut ended, clock, kept.wanted_logs());
            kept.finish(snapshots).await;
        }
    }
}
