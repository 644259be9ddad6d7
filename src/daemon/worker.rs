//! One thread for each source: wait, look, read, count.
//!
//! Invariant: it stops between two batches, and gives back all that the next one needs to go on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::Notice;
use super::input::Input;
use super::lane::Lane;
use super::views::{Reread, Views};
use crate::clock::{Clock, Waker};
use crate::model::{Batch, Bytes, Micros, Position};
use crate::pipeline::Pipeline;
use crate::source::{FileEvent, Progress, StreamEvent, Watch};
use crate::telemetry::SourceTelemetry;

/// How often is looked without a wake-up where something happens now and then: together with what the daemon
/// does for itself, less than once a second. Four times as seldom where nothing does.
pub(super) const SLOW_POLL: Duration = Duration::from_millis(1_500);
/// The same, where nothing ever wakes us.
pub(super) const LONE_POLL: Duration = Duration::from_millis(250);

/// All that a source is made of; outlives the thread that works on it.
pub(super) struct Work {
    pub(super) name: String,
    pub(super) input: Input,
    /// Ends the thread's wait; the input has a copy.
    pub(super) waker: Waker,
    pub(super) pipeline: Pipeline,
    /// The file that names its views, if there is one.
    pub(super) views: Option<Views>,
    pub(super) lane: Arc<Lane>,
    pub(super) telemetry: SourceTelemetry,
}

/// A running thread.
pub(super) struct Worker {
    name: String,
    waker: Waker,
    stop: Arc<AtomicBool>,
    beat: Arc<AtomicU64>,
    thread: JoinHandle<Work>,
}

/// What the thread knows of its owner.
struct Ties {
    waker: Waker,
    stop: Arc<AtomicBool>,
    beat: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
    notices: UnboundedSender<Notice>,
}

/// Says that the thread ended, whatever ended it.
struct LastWord {
    source: String,
    notices: UnboundedSender<Notice>,
}

impl Worker {
    /// Starts a thread.
    pub(super) fn spawn(
        work: Work,
        clock: &Arc<dyn Clock>,
        notices: &UnboundedSender<Notice>,
    ) -> io::Result<Self> {
        let ties = Ties {
            waker: work.waker.clone(),
            stop: Arc::default(),
            beat: Arc::new(AtomicU64::new(millis(clock.monotonic()))),
            clock: Arc::clone(clock),
            notices: notices.clone(),
        };
        let name = work.name.clone();
        let (waker, stop, beat) = (
            ties.waker.clone(),
            Arc::clone(&ties.stop),
            Arc::clone(&ties.beat),
        );
        // The kernel keeps 15 bytes of a thread's name.
        let thread = thread::Builder::new()
            .name(name.chars().take(15).collect())
            .spawn(move || run(work, &ties))?;
        Ok(Self {
            name,
            waker,
            stop,
            beat,
            thread,
        })
    }

    /// The source's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Tells it to stop at the next batch.
    pub(super) fn tell_to_stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Waits for its end; the name of a source that panicked instead.
    pub(super) fn join(self) -> Result<Work, String> {
        self.thread.join().map_err(|_| self.name)
    }

    /// How long ago it last came round.
    pub(super) fn silence(&self, now: Duration) -> Duration {
        Duration::from_millis(millis(now).saturating_sub(self.beat.load(Ordering::Relaxed)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> Micros {
    Micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

impl Drop for LastWord {
    fn drop(&mut self) {
        let ended = Notice::Ended {
            source: std::mem::take(&mut self.source),
            panicked: thread::panicking(),
        };
        // A daemon that is gone does not want to know.
        let _ = self.notices.send(ended);
    }
}

fn run(mut work: Work, ties: &Ties) -> Work {
    let _last_word = LastWord {
        source: work.name.clone(),
        notices: ties.notices.clone(),
    };
    let mut events = Listener {
        lane: Arc::clone(&work.lane),
        telemetry: work.telemetry.clone(),
    };
    let mut watch = work
        .input
        .is_watched()
        .then(|| Watch::new(ties.waker.clone(), &mut |event| events.hear(&event)));
    let mut opened = false;
    let mut behind_since = None;
    while !ties.stop.load(Ordering::Acquire) {
        let now = ties.clock.monotonic();
        ties.beat.store(millis(now), Ordering::Relaxed);
        let is_due = work.input.until_due(now).is_zero();
        if is_due || watch.as_ref().is_some_and(Watch::take_names_changed) {
            work.input.discover(now, watch.as_mut(), &mut events);
            work.telemetry.set_files_open(work.input.open_count());
        }
        if !opened && work.input.has_looked() {
            opened = true;
            work.telemetry.set_files_open(work.input.open_count());
            let _ = ties.notices.send(Notice::Opened(work.name.clone()));
        }
        if let Some(reread) = work.views.as_mut().and_then(|views| views.look(now)) {
            rename_views(&mut work, reread);
        }
        let progress = count(&mut work, &mut events, ties.clock.as_ref());
        let lag = Bytes(work.input.lag_bytes());
        work.telemetry.set_lag_bytes(lag);
        behind_since = (lag != Bytes(0)).then(|| behind_since.unwrap_or(now));
        work.telemetry
            .set_lag(behind_since.map_or(Duration::ZERO, |since| now.saturating_sub(since)));
        if progress == Progress::Idle {
            // The file of the views' names is not watched.
            let longest = if work.views.is_some() {
                SLOW_POLL
            } else {
                Duration::MAX
            };
            ties.waker.wait(work.input.until_due(now).min(longest));
        }
    }
    work
}

/// Counts what there is to read.
fn count(work: &mut Work, events: &mut Listener, clock: &dyn Clock) -> Progress {
    let (pipeline, lane) = (&mut work.pipeline, &work.lane);
    let now = micros(clock.monotonic());
    let mut was_read = false;
    let mut sink = |batch: &Batch<'_>| {
        was_read = true;
        pipeline.feed(&mut lane.lock(), batch);
        pipeline.flush_joins(now);
    };
    let progress = work.input.poll(&mut sink, events);
    if progress == Progress::Idle {
        work.pipeline.mark_read_until(now);
    }
    if was_read {
        work.telemetry.set_last_line(clock.wall());
    }
    progress
}

impl Work {
    /// Makes the series that are known, at 0; what there is no room for is told.
    pub(super) fn initialise(&self) {
        let known = self.pipeline.initialise(&mut self.lane.lock());
        for family in known.iter().filter(|family| !family.is_there) {
            tracing::warn!(source = self.name, "{family}");
        }
    }

    /// Closes a stream, and counts what it had received until then. Files are left where they
    /// are.
    pub(super) fn finish(&mut self, clock: &dyn Clock) {
        if let Input::Files { .. } = self.input {
            return;
        }
        let mut events = Listener {
            lane: Arc::clone(&self.lane),
            telemetry: self.telemetry.clone(),
        };
        self.input.stop();
        while count(self, &mut events, clock) == Progress::More {}
    }
}

/// Puts a file of views' names in force, from the next line on; what was counted stays.
fn rename_views(work: &mut Work, reread: Reread) {
    let source = work.name.as_str();
    work.telemetry.set_urlconf(Some(reread.resolver.is_some()));
    let Some(resolver) = reread.resolver else {
        let report = reread.report;
        tracing::warn!(
            source,
            "URLconf not read again, the one before stays in force: {report}"
        );
        return;
    };
    for fault in reread.report.faults() {
        tracing::warn!(source, "{fault}");
    }
    let routes = resolver.urlconf().routes.len();
    work.pipeline.set_views(resolver);
    work.initialise();
    tracing::info!(source, "URLconf read again: {routes} routes");
}

/// Brings what a source tells into its position, its metrics and the log.
pub(super) struct Listener {
    lane: Arc<Lane>,
    telemetry: SourceTelemetry,
}

impl Listener {
    pub(super) fn hear(&mut self, event: &FileEvent) {
        if let Some(reason) = event.gap_reason() {
            self.telemetry.gaps(reason, 1);
        }
        let name = self.telemetry.name();
        match event {
            FileEvent::Opened {
                generation, offset, ..
            }
            | FileEvent::Truncated {
                generation,
                resume: offset,
                ..
            } => {
                self.lane.lock().advance(
                    0,
                    Position {
                        generation: *generation,
                        offset: *offset,
                    },
                );
            }
            FileEvent::Finished { generation, .. }
            | FileEvent::Damaged { generation, .. }
            | FileEvent::Dropped { generation, .. } => {
                self.lane.lock().forget(*generation);
            }
            _ => {}
        }
        match event {
            FileEvent::Truncated { copy: None, .. }
            | FileEvent::Damaged { .. }
            | FileEvent::Unreadable { .. }
            | FileEvent::Unwatched { .. } => {
                tracing::warn!(source = name, "{event}");
            }
            FileEvent::Finished { .. } => tracing::debug!(source = name, "{event}"),
            FileEvent::Opened { .. }
            | FileEvent::Truncated { .. }
            | FileEvent::Rotated { .. }
            | FileEvent::Missing { .. }
            | FileEvent::Readable { .. }
            | FileEvent::Dropped { .. } => tracing::info!(source = name, "{event}"),
        }
    }

    pub(super) fn hear_of_stream(&self, event: &StreamEvent) {
        if let Some((reason, times)) = event.gap() {
            self.telemetry.gaps(reason, times);
        }
        let name = self.telemetry.name();
        if event.is_trouble() {
            tracing::warn!(source = name, "{event}");
        } else {
            tracing::info!(source = name, "{event}");
        }
    }
}
