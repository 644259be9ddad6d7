//! One thread per source: it waits, discovers, reads and counts.
//!
//! Invariant: a worker stops between two batches and returns everything its successor needs to continue.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::event_sink::EventSink;
use super::input::{OpenInput, SLOW_POLL};
use super::shared_shard::SharedShard;
use super::views::{Reread, Views};
use crate::clock::{Clock, Waker};
use crate::model::{Batch, Bytes, Micros};
use crate::pipeline::Pipeline;
use crate::source::{Progress, Watch};
use crate::telemetry::SourceTelemetry;

/// Message from a worker to the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Every input that exists was discovered and opened.
    Opened(String),
    /// The thread ended.
    Ended { source: String, panicked: bool },
}

/// State of a source; outlives the thread that works on it.
pub(super) struct Work {
    pub(super) name: String,
    pub(super) input: OpenInput,
    /// Ends the thread's wait; the input holds a clone.
    pub(super) waker: Waker,
    pub(super) pipeline: Pipeline,
    /// The URLconf dump that names the views, if the source has one.
    pub(super) views: Option<Views>,
    pub(super) shard: Arc<SharedShard>,
    pub(super) telemetry: SourceTelemetry,
}

/// Handle to a running thread.
pub(super) struct Worker {
    name: String,
    waker: Waker,
    control: Arc<Control>,
    thread: JoinHandle<Work>,
}

/// State shared by a thread and its handle.
struct Control {
    stop: AtomicBool,
    /// Start of the latest pass of the main loop, in microseconds of the monotonic clock.
    beat_micros: AtomicU64,
}

/// Sends [`Notice::Ended`] when dropped, also by a panic.
struct EndNotice {
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
        let control = Arc::new(Control {
            stop: AtomicBool::new(false),
            beat_micros: AtomicU64::new(micros(clock.monotonic())),
        });
        let (name, waker) = (work.name.clone(), work.waker.clone());
        let (shared, clock, notices) = (Arc::clone(&control), Arc::clone(clock), notices.clone());
        // The kernel keeps 15 bytes of a thread's name.
        let thread = thread::Builder::new()
            .name(name.chars().take(15).collect())
            .spawn(move || run(work, &shared, clock.as_ref(), notices))?;
        Ok(Self {
            name,
            waker,
            control,
            thread,
        })
    }

    /// Returns the name of the source.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Requests a stop before the next batch.
    pub(super) fn request_stop(&self) {
        self.control.stop.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Waits for the thread to end. The error is the name of a source whose thread panicked.
    pub(super) fn join(self) -> Result<Work, String> {
        self.thread.join().map_err(|_| self.name)
    }

    /// Returns the time since the latest pass of the thread's main loop.
    pub(super) fn silence(&self, now: Duration) -> Duration {
        let beat = self.control.beat_micros.load(Ordering::Relaxed);
        now.saturating_sub(Duration::from_micros(beat))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        let ended = Notice::Ended {
            source: std::mem::take(&mut self.source),
            panicked: thread::panicking(),
        };
        // Fails only once the daemon is gone.
        let _ = self.notices.send(ended);
    }
}

fn run(
    mut work: Work,
    control: &Control,
    clock: &dyn Clock,
    notices: UnboundedSender<Notice>,
) -> Work {
    let end_notice = EndNotice {
        source: work.name.clone(),
        notices,
    };
    let events = work.events();
    let mut watch = work
        .input
        .is_watched()
        .then(|| Watch::new(work.waker.clone(), &mut |event| events.file_event(&event)));
    let mut opened = false;
    let mut behind_since = None;
    while !control.stop.load(Ordering::Acquire) {
        let now = clock.monotonic();
        (control.beat_micros).store(micros(now), Ordering::Relaxed);
        let is_due = work.input.until_due(now).is_zero();
        if is_due || watch.as_ref().is_some_and(Watch::take_names_changed) {
            work.input.discover(now, watch.as_mut(), &events);
            work.telemetry.set_files_open(work.input.open_count());
        }
        if !opened && work.input.open_was_tried() {
            opened = true;
            work.telemetry.set_files_open(work.input.open_count());
            let _ = end_notice.notices.send(Notice::Opened(work.name.clone()));
        }
        if let Some(reread) = work.views.as_mut().and_then(|views| views.poll(now)) {
            work.rename_views(reread);
        }
        let progress = work.count(&events, clock);
        let lag = Bytes(work.input.lag_bytes());
        work.telemetry.set_lag_bytes(lag);
        behind_since = (lag != Bytes(0)).then(|| behind_since.unwrap_or(now));
        work.telemetry
            .set_lag(behind_since.map_or(Duration::ZERO, |since| now.saturating_sub(since)));
        if progress == Progress::Idle {
            // inotify does not cover the URLconf dump.
            let longest = if work.views.is_some() {
                SLOW_POLL
            } else {
                Duration::MAX
            };
            work.waker.wait(work.input.until_due(now).min(longest));
        }
    }
    work
}

impl Work {
    /// Returns a receiver for the events of this source.
    pub(super) fn events(&self) -> EventSink {
        EventSink {
            telemetry: self.telemetry.clone(),
        }
    }

    /// Creates the series that are known in advance, at 0; logs the families that exceed the budget.
    pub(super) fn initialise(&self) {
        let known = self.pipeline.initialise(&mut self.shard.lock());
        for family in known.iter().filter(|family| !family.is_there) {
            tracing::warn!(source = self.name, "{family}");
        }
    }

    /// Closes a stream and counts what it had received. Files stay as they are.
    pub(super) fn finish(&mut self, clock: &dyn Clock) {
        if let OpenInput::Files { .. } = self.input {
            return;
        }
        let events = self.events();
        self.input.stop();
        while self.count(&events, clock) == Progress::More {}
    }

    /// Counts what can be read now.
    fn count(&mut self, events: &EventSink, clock: &dyn Clock) -> Progress {
        let (pipeline, shard) = (&mut self.pipeline, &self.shard);
        let now = Micros(micros(clock.monotonic()));
        let mut was_read = false;
        let mut sink = |batch: &Batch<'_>| {
            was_read = true;
            pipeline.feed(&mut shard.lock(), batch);
            pipeline.flush_joins(now);
        };
        let progress = self.input.poll(&mut sink, events);
        if progress == Progress::Idle {
            self.pipeline.mark_read_until(now);
        }
        if was_read {
            self.telemetry.set_last_line(clock.wall());
        }
        progress
    }

    /// Applies a URLconf dump from the next line on; counts stay.
    fn rename_views(&mut self, reread: Reread) {
        let source = self.name.as_str();
        self.telemetry.set_urlconf(Some(reread.resolver.is_some()));
        let Some(resolver) = reread.resolver else {
            let report = reread.report;
            let message = "URLconf not reloaded, the previous one stays in force";
            tracing::warn!(source, "{message}: {report}");
            return;
        };
        for fault in reread.report.faults() {
            tracing::warn!(source, "{fault}");
        }
        let routes = resolver.urlconf().routes.len();
        self.pipeline.set_views(resolver);
        self.initialise();
        tracing::info!(source, "URLconf reloaded: {routes} routes");
    }
}
