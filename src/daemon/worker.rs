//! The threads that work on the sources: they wait, discover, read and count.
//!
//! Invariant: there are at most as many as processors, however many sources there are. A worker stops between two batches
//! and returns everything its successor needs to continue.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::control::Control;
use super::notice::Notice;
use super::snapshot::{Logs, SourceSnapshot};
use super::watchdog::Heartbeat;
use super::work::{Work, finish};
use crate::clock::Clock;
use crate::source::{Fs, Progress, ReadBuffer};

/// Handle to a running thread.
pub(super) struct Worker {
    names: Vec<String>,
    control: Arc<Control>,
    thread: JoinHandle<Option<Vec<Work>>>,
}

/// A thread that waits for sources. It ends when this is dropped.
pub(super) struct WorkerThread {
    assign: SyncSender<Assignment>,
    thread: JoinHandle<Option<Vec<Work>>>,
}

/// The sources of a thread, with the handles it needs for them.
struct Assignment {
    works: Vec<Work>,
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    notices: UnboundedSender<Notice>,
}

/// Sends [`Notice::Ended`] when dropped.
struct EndNotice {
    control: Arc<Control>,
    notices: UnboundedSender<Notice>,
}

/// Turn of one source.
#[derive(Clone, Copy)]
struct Turn {
    progress: Progress,
    /// Time of the next round without a wake-up.
    due: Duration,
}

impl WorkerThread {
    /// Starts a thread. Only this can fail: with it, the work of a reload is begun before anything is changed.
    pub(super) fn prepare() -> io::Result<Self> {
        let (assign, assigned) = sync_channel::<Assignment>(1);
        let thread = thread::Builder::new()
            .name("sources".to_owned())
            .spawn(move || {
                let Assignment {
                    works,
                    control,
                    clock,
                    notices,
                } = assigned.recv().ok()?;
                Some(run(works, &control, clock.as_ref(), notices))
            })?;
        Ok(Self { assign, thread })
    }

    /// Lets the thread work on these sources.
    pub(super) fn start(
        self,
        works: Vec<Work>,
        clock: &Arc<dyn Clock>,
        notices: &UnboundedSender<Notice>,
    ) -> Worker {
        let control = Arc::new(Control::new(clock.monotonic()));
        let names = works.iter().map(|work| work.name.clone()).collect();
        let assignment = Assignment {
            works,
            control: Arc::clone(&control),
            clock: Arc::clone(clock),
            notices: notices.clone(),
        };
        // The channel holds one, and the thread ends only after it.
        let _ = self.assign.try_send(assignment);
        Worker {
            names,
            control,
            thread: self.thread,
        }
    }
}

impl Worker {
    /// Returns the number of the thread.
    pub(super) fn number(&self) -> u64 {
        self.control.number
    }

    /// Returns the names of its sources.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Returns the name of the source that it works on, or did last.
    pub(super) fn current(&self) -> &str {
        let name = self.names.get(self.control.current());
        name.map_or("", String::as_str)
    }

    /// Returns the part that its thread shares.
    pub(super) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Requests a stop before the next batch, after which a successor can continue.
    pub(super) fn request_pause(&self) {
        self.control.stop.store(true, Ordering::Release);
        self.control.waker.wake();
    }

    /// Withdraws the request to pause. A thread that has obeyed it already ends nevertheless.
    pub(super) fn withdraw_pause(&self) {
        self.control.stop.store(false, Ordering::Release);
    }

    /// Requests a stop before the next batch; what streams have received until then is counted first.
    pub(super) fn request_finish(&self) {
        self.control.finish.store(true, Ordering::Release);
        self.request_pause();
    }

    /// Waits for the thread to end, and returns its sources.
    pub(super) fn join(self) -> Vec<Work> {
        // A panic would have ended the process, and a thread that was started has sources.
        self.thread.join().ok().flatten().unwrap_or_default()
    }

    /// Returns the latest heartbeat of the thread.
    pub(super) fn latest_heartbeat(&self) -> Heartbeat {
        self.control.latest_heartbeat()
    }
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        self.control.close();
        // Fails only once the daemon is gone.
        let _ = self.notices.send(Notice::Ended(self.control.number));
    }
}

/// Returns the snapshots of all sources.
pub(super) fn snapshots<F: Fs>(
    works: &mut [Work<F>],
    clock: &dyn Clock,
    logs: Logs,
) -> Vec<SourceSnapshot> {
    let works = works.iter_mut();
    works.map(|work| work.snapshot(clock, logs)).collect()
}

fn run(
    mut works: Vec<Work>,
    control: &Arc<Control>,
    clock: &dyn Clock,
    notices: UnboundedSender<Notice>,
) -> Vec<Work> {
    let end_notice = EndNotice {
        control: Arc::clone(control),
        notices,
    };
    for work in &works {
        work.waker.forward_to(&control.waker);
    }
    let first = Turn {
        progress: Progress::More,
        due: Duration::ZERO,
    };
    let mut turns = vec![first; works.len()];
    let mut asked = Vec::new();
    let mut buffer = ReadBuffer::default();
    while !control.must_stop() {
        for request in control.take_snapshot_requests() {
            request.grant(snapshots(&mut works, clock, request.logs));
        }
        let newly_asked = control.take_asked();
        let is_asked = !newly_asked.is_empty();
        asked.extend(newly_asked);
        for (at, (work, turn)) in works.iter_mut().zip(&mut turns).enumerate() {
            let now = clock.monotonic();
            let is_woken = work.waker.take();
            if !is_woken && !is_asked && turn.progress == Progress::Idle && now < turn.due {
                continue;
            }
            control.note(at, now);
            turn.progress = work.round(clock, &mut buffer, &end_notice.notices);
            turn.due = now.saturating_add(work.until_due(now));
            if control.must_stop() {
                break;
            }
        }
        if turns.iter().any(|turn| turn.progress == Progress::More) {
            continue;
        }
        asked.clear();
        let due = turns.iter().map(|turn| turn.due).min();
        control.wait_until(due.unwrap_or(Duration::MAX), clock);
    }
    if control.finish.load(Ordering::Acquire) {
        let note = |at| control.note(at, clock.monotonic());
        // The daemon names what has not ended at its own deadline.
        while !finish(&mut works, clock, &control.waker, note) {}
    }
    works
}
