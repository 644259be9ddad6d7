//! One round for one source: discover, read, count, report.
//!
//! Invariant: nothing here waits for the input; between two rounds, another thread can take the work over.

use std::borrow::BorrowMut;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tracing::Level;

use super::access::{Access, AccessRecord};
use super::control::{micros, millis};
use super::event_sink::EventSink;
use super::input::{OpenInput, SLOW_POLL};
use super::log_limiter::MessageKind;
use super::notice::Notice;
use super::reject_watch::RejectWatch;
use super::shared_shard::SharedShard;
use super::snapshot::{Logs, SourceSnapshot};
use super::source_log::SourceLog;
use super::views::{Reread, Views};
use crate::aggregate::Accounts;
use crate::clock::{Clock, Waker};
use crate::join::Link;
use crate::model::{Batch, Bytes, Micros, SavedSource, counted, plural};
use crate::pipeline::Pipeline;
use crate::source::{Fs, Progress, ReadBuffer, RealFs};
use crate::telemetry::SourceTelemetry;

/// Time for counting what streams have received, once they were stopped.
const FINISH_LIMIT: Duration = Duration::from_secs(1);
/// Time for receiving what has arrived until then, which comes first.
const DRAIN_LIMIT: Duration = Duration::from_millis(500);

/// State of a source; outlives the thread that works on it.
pub(super) struct Work<F: Fs = RealFs> {
    pub(super) name: String,
    pub(super) input: OpenInput<F>,
    /// Woken when there may be something to count; the input holds a clone.
    pub(super) waker: Waker,
    pub(super) pipeline: Pipeline,
    /// The URLconf dump that names the views, if the source has one.
    pub(super) views: Option<Views>,
    pub(super) shard: Arc<SharedShard>,
    pub(super) telemetry: SourceTelemetry,
    pub(super) log: Arc<SourceLog>,
    pub(super) rejects: RejectWatch,
    /// The command that shows why a line is rejected.
    pub(super) explain: String,
    pub(super) access: Arc<AccessRecord>,
    /// State of the input that was reported last.
    pub(super) reported: Option<Access>,
    /// True once everything was read that there was.
    pub(super) was_read: bool,
    /// Time since which bytes are known that were not read.
    pub(super) behind_since: Option<Duration>,
}

impl<F: Fs> Work<F> {
    /// Discovers files if that is due, and counts what can be read now: at most one buffer of each file.
    pub(super) fn round(
        &mut self,
        clock: &dyn Clock,
        buffer: &mut ReadBuffer,
        notices: &UnboundedSender<Notice>,
    ) -> Progress {
        let events = self.events();
        let now = clock.monotonic();
        if self.input.until_due(now).is_zero() {
            self.input.discover(clock, &events);
            self.shard.revise();
            self.telemetry.set_files_open(self.input.open_count());
        }
        if let Some(reread) = self.views.as_mut().and_then(|views| views.poll(now)) {
            self.rename_views(reread, clock);
        }
        let progress = self.count(&events, clock, buffer);
        self.report_rejects(now);
        self.log.flush();
        if self.input.open_was_tried() {
            self.report_access(notices);
        }
        let lag = Bytes(self.input.lag_bytes());
        self.telemetry.set_lag_bytes(lag);
        let is_behind = lag != Bytes(0);
        self.behind_since = is_behind.then(|| self.behind_since.unwrap_or(now));
        let behind = self
            .behind_since
            .map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.telemetry.set_lag(behind);
        progress
    }

    /// Returns the time until the next round that needs no wake-up.
    pub(super) fn until_due(&self, now: Duration) -> Duration {
        // No notification tells of a new URLconf dump.
        let longest = if self.views.is_some() {
            SLOW_POLL
        } else {
            Duration::MAX
        };
        self.input.until_due(now).min(longest)
    }

    /// Returns a receiver for the events of this source.
    pub(super) fn events(&self) -> EventSink {
        EventSink {
            telemetry: self.telemetry.clone(),
            log: Arc::clone(&self.log),
            access: Arc::clone(&self.access),
            shard: Arc::clone(&self.shard),
        }
    }

    /// Warns if most lines are rejected, once an hour.
    fn report_rejects(&mut self, now: Duration) {
        let ledger = || self.shard.lock().ledger().clone();
        if let Some(unmatched) = self.rejects.check(now, ledger) {
            let text = format!("{unmatched}; to see why: {}", self.explain);
            self.log
                .text(MessageKind::new("rejected"), Level::WARN, &text);
        }
    }

    /// Creates the series that are known in advance, at 0; logs the families that exceed the budget.
    pub(super) fn initialise(&self, clock: &dyn Clock) {
        let mut shard = self.shard.lock();
        shard.set_now(millis(clock.wall()));
        let known = self.pipeline.initialise(&mut shard);
        drop(shard);
        for family in known.iter().filter(|family| !family.is_there) {
            let kind = MessageKind::new("not_initialised");
            self.log.text(kind, Level::WARN, family);
        }
    }

    /// Counts a part of what a stream had received and what had arrived for it, `took` after the stop. Files stay as they
    /// are.
    fn finish_step(&mut self, clock: &dyn Clock, took: Duration) -> Finish {
        if let OpenInput::Files(_) = self.input {
            return Finish::Done;
        }
        // What the receiver hands over last is counted after it has ended.
        let had_ended = self.input.has_ended();
        let progress = self.count(&self.events(), clock, &mut ReadBuffer::default());
        if took >= DRAIN_LIMIT {
            self.input.close();
        }
        match progress {
            Progress::Idle if had_ended => Finish::Done,
            _ if took >= FINISH_LIMIT => {
                self.report_unfinished();
                Finish::Done
            }
            Progress::Idle if !self.input.has_ended() => Finish::Waits,
            Progress::Idle | Progress::More => Finish::HasMore,
        }
    }

    /// Logs what was not counted in time.
    fn report_unfinished(&self) {
        let left = self.input.lag_bytes();
        let text = if self.input.has_ended() {
            format!(
                "stopped before {} of received lines {} counted: more came than is counted in {FINISH_LIMIT:?}",
                counted(left, "byte"),
                plural(left, "was", "were")
            )
        } else {
            format!("its stream has not ended within {FINISH_LIMIT:?}")
        };
        (self.log).text(MessageKind::new("unfinished"), Level::WARN, &text);
    }

    /// Counts what can be read now.
    fn count(
        &mut self,
        events: &EventSink,
        clock: &dyn Clock,
        buffer: &mut ReadBuffer,
    ) -> Progress {
        let (pipeline, shard) = (&mut self.pipeline, &self.shard);
        let now = Micros(micros(clock.monotonic()));
        let mut was_read = false;
        let wall = millis(clock.wall());
        let mut sink = |batch: &Batch<'_>| {
            was_read = true;
            let mut shard = shard.lock();
            shard.set_now(wall);
            pipeline.feed(&mut shard, batch);
            drop(shard);
            pipeline.flush_joins(now);
        };
        let progress = self.input.poll(buffer, &mut sink, events);
        if progress == Progress::Idle {
            self.was_read = true;
            self.pipeline.mark_read_until(now);
        }
        if was_read {
            shard.revise();
            self.telemetry.set_last_line(clock.wall());
        }
        progress
    }

    /// Returns what was counted, and up to which position, with these logs.
    pub(super) fn snapshot(&mut self, clock: &dyn Clock, logs: Logs) -> SourceSnapshot {
        let now = Micros(micros(clock.monotonic()));
        let logs = match logs {
            Logs::None => Vec::new(),
            Logs::Advanced => self.input.take_logs(false),
            Logs::All => self.input.take_logs(true),
        };
        let link = self.pipeline.led_link();
        let mut shard = self.shard.lock();
        // Exemplars are shown for a limited time.
        shard.set_now(millis(clock.wall()));
        let mut accounts = Accounts::default();
        shard.account(&mut accounts);
        let frames = shard.frames();
        let saved = SavedSource {
            name: self.name.clone(),
            input: self.input.save(),
            ledger: shard.ledger().save(),
            families: shard.save(),
            routes: self.pipeline.save_routes(),
            gaps: self.telemetry.save_gaps(),
        };
        drop(shard);
        let joined = link.map(|link| [link.families(), link.outcomes()].concat());
        SourceSnapshot {
            saved,
            link: link.map(|link| link.save(now)),
            frames,
            joined: joined.unwrap_or_default(),
            accounts,
            logs,
            is_behind: !self.was_read
                || self.input.is_behind()
                || link.is_some_and(Link::is_behind),
        }
    }

    /// Reports the state of the input if it is another one than before.
    fn report_access(&mut self, notices: &UnboundedSender<Notice>) {
        let access = match self.input {
            OpenInput::Files(_) => self.access.of_files(self.input.open_count()),
            OpenInput::Stream { .. } => self.access.of_stream(),
        };
        if self.reported.as_ref() == Some(&access) {
            return;
        }
        self.reported = Some(access.clone());
        self.telemetry.set_files_open(self.input.open_count());
        let source = self.name.clone();
        // Fails only once the daemon is gone.
        let _ = notices.send(Notice::Access { source, access });
    }

    /// Applies a URLconf dump from the next line on; counts stay.
    fn rename_views(&mut self, reread: Reread, clock: &dyn Clock) {
        let log = &self.log;
        self.telemetry.set_urlconf(Some(reread.resolver.is_some()));
        let Some(resolver) = reread.resolver else {
            let report = reread.report;
            let message = "URLconf not reloaded, the previous one stays in force";
            let text = format!("{message}: {report}");
            log.text(MessageKind::new("urlconf_refused"), Level::WARN, &text);
            return;
        };
        for fault in reread.report.faults() {
            log.text(MessageKind::new("urlconf_fault"), Level::WARN, fault);
        }
        let routes = resolver.urlconf().routes.len();
        self.pipeline.set_views(resolver);
        self.initialise(clock);
        let text = format!("URLconf reloaded: {}", counted(routes, "route"));
        let kind = MessageKind::new("urlconf_reloaded");
        self.log.text(kind, Level::INFO, &text);
    }
}

/// Result of one attempt to finish a work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    Done,
    HasMore,
    /// Its stream has not ended.
    Waits,
}

/// Closes all streams among these, and counts what they had received and what had arrived for them, as far as
/// [`FINISH_LIMIT`] allows. Logs what the log has not named yet. Returns false if one still has not ended. `waker` is woken
/// by all of them; `note` is called with the index of the one that comes next.
pub(super) fn finish<F: Fs, W: BorrowMut<Work<F>>>(
    works: &mut [W],
    clock: &dyn Clock,
    waker: &Waker,
    note: impl Fn(usize),
) -> bool {
    let since = clock.monotonic();
    for work in &mut *works {
        work.borrow_mut().input.stop();
    }
    let mut left: Vec<usize> = (0..works.len()).collect();
    while !left.is_empty() {
        let took = clock.monotonic().saturating_sub(since);
        let mut has_more = false;
        left.retain(|at| {
            note(*at);
            let step = works[*at].borrow_mut().finish_step(clock, took);
            has_more |= step == Finish::HasMore;
            step != Finish::Done
        });
        if let (Some(at), false) = (left.first(), has_more) {
            note(*at);
            waker.wait(FINISH_LIMIT.saturating_sub(took).min(DRAIN_LIMIT));
        }
    }
    for work in &*works {
        work.borrow().log.finish();
    }
    let unended = (works.iter()).position(|work| !work.borrow().input.has_ended());
    unended.map(note).is_none()
}
