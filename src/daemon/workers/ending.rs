//! Supervision of the workers, and their end.

use std::time::Duration;

use super::Workers;
use super::WorkersEvent;
use crate::daemon::error::RunError;
use crate::daemon::notice::Notice;
use crate::daemon::reload::Reload;
use crate::daemon::worker::{Worker, snapshots};

impl Workers {
    /// Logs which thread has made no progress for longer than `limit`, and returns whether one has not.
    pub(in crate::daemon) fn are_stuck(&self, limit: Duration) -> bool {
        let now = self.assembly.clock.monotonic();
        let mut are_stuck = false;
        for worker in &self.running {
            let silence = worker.silence(now);
            if silence > limit {
                are_stuck = true;
                let source = worker.current();
                tracing::error!(source, "no progress for {silence:?}");
            }
        }
        if let Some(Reload::Applying { since, .. }) = &self.reload
            && since.elapsed() > limit
        {
            are_stuck = true;
            tracing::error!("the reload has made no progress for {:?}", since.elapsed());
        }
        are_stuck
    }

    /// Stops every worker, counts what streams had received until then, and waits for their ends. Who is left when the wait
    /// is cancelled has a name in [`Self::unfinished`].
    pub(in crate::daemon) async fn finish(&mut self) -> Result<(), RunError> {
        match self.reload.take() {
            Some(Reload::Pausing { works, .. }) => self.resume(works),
            Some(applying @ Reload::Applying { .. }) => {
                self.is_requested = false;
                let applying = self.reload.insert(applying);
                let step = applying.step().await;
                self.handle(WorkersEvent::Reload(step))?;
            }
            Some(Reload::Loading { .. } | Reload::Late { .. }) | None => {}
        }
        let parked = std::mem::take(&mut self.parked);
        self.resume(parked);
        self.running.iter().for_each(Worker::request_finish);
        let mut ended = Vec::new();
        let mut outcome = Ok(());
        while !self.running.is_empty() {
            if let Some(Notice::Ended(number)) = self.notices.recv().await {
                match self.join(number) {
                    Ok(works) => ended.extend(works.into_iter().flatten()),
                    Err(error) => outcome = outcome.and(Err(error)),
                }
            }
        }
        // Without the sources of a thread that panicked, their counts would be forgotten.
        if let (Some(kept), Ok(())) = (self.kept.take(), &outcome) {
            let clock = self.assembly.clock.as_ref();
            let snapshots = snapshots(&mut ended, clock, kept.wanted_logs());
            kept.finish(snapshots).await;
        }
        outcome
    }
}
