//! State that a thread of sources shares with those who ask something of it.
//!
//! Invariant: who asks waits for a limited time only; a request ends at the latest when the thread does.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::snapshot::{Logs, SnapshotRequest, SourceSnapshot, Taken};
use super::watchdog::{Heartbeat, Supervised};
use crate::clock::{Clock, Waker};

/// State shared by a thread and its handles.
pub(super) struct Control {
    pub(super) number: u64,
    /// Ends the thread's wait.
    pub(super) waker: Waker,
    /// Requests a stop before the next batch.
    pub(super) stop: AtomicBool,
    /// Requests that streams are counted to their end at the stop.
    pub(super) finish: AtomicBool,
    /// Time at which the next heartbeat is due, in microseconds of the monotonic clock: that of the last one while the thread
    /// works, the end of the wait while it waits.
    due_micros: AtomicU64,
    /// Index of the source of the latest round.
    current: AtomicUsize,
    /// Requests that wait for a poll of all sources; `None` once the thread has ended.
    asked: Mutex<Option<Vec<Arc<Ask>>>>,
    /// Requests for snapshots; `None` once the thread has ended.
    snapshots: Mutex<Option<Vec<Arc<SnapshotRequest>>>>,
}

/// A request to poll all sources. It has been granted, or never will be, when it is dropped by all threads.
#[derive(Debug)]
pub(super) struct Ask(Waker);

impl Ask {
    /// Makes a request that wakes this waker.
    pub(super) fn new(waker: Waker) -> Self {
        Self(waker)
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Makes these threads poll all their sources, and waits until they have read what there was, at most `limit`.
pub(super) fn poll_now(threads: &[Arc<Control>], limit: Duration) {
    let polled = Waker::default();
    let ask = Arc::new(Ask::new(polled.clone()));
    for control in threads {
        if let Some(asked) = &mut *control.asked() {
            asked.push(Arc::clone(&ask));
        }
        control.waker.wake();
    }
    drop(ask);
    polled.wait(limit);
}

/// Takes the snapshots of all sources of these threads between two batches. `None` if they have not answered within
/// `limit`, or end.
pub(super) fn take_snapshots(
    threads: &[Arc<Control>],
    logs: Logs,
    limit: Duration,
) -> Option<Vec<SourceSnapshot>> {
    let (taken, done) = (Taken::default(), Waker::default());
    let request = SnapshotRequest::new(Arc::clone(&taken), done.clone(), logs);
    let request = Arc::new(request);
    for control in threads {
        control.request_snapshots(&request);
    }
    drop(request);
    done.wait(limit);
    let taken = std::mem::take(&mut *lock(&taken));
    (taken.len() == threads.len()).then(|| taken.into_iter().flatten().collect())
}

/// Number of the next thread.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Control {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            waker: Waker::default(),
            stop: AtomicBool::new(false),
            finish: AtomicBool::new(false),
            due_micros: AtomicU64::new(micros(now)),
            current: AtomicUsize::new(0),
            asked: Mutex::new(Some(Vec::new())),
            snapshots: Mutex::new(Some(Vec::new())),
        }
    }

    fn asked(&self) -> MutexGuard<'_, Option<Vec<Arc<Ask>>>> {
        lock(&self.asked)
    }

    /// Requests the snapshots of all sources of the thread.
    pub(super) fn request_snapshots(&self, request: &Arc<SnapshotRequest>) {
        if let Some(requests) = &mut *lock(&self.snapshots) {
            requests.push(Arc::clone(request));
        }
        self.waker.wake();
    }

    /// Takes the requests for snapshots that came since the last call.
    pub(super) fn take_snapshot_requests(&self) -> Vec<Arc<SnapshotRequest>> {
        let mut requests = lock(&self.snapshots);
        requests.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes the requests to poll that came since the last call.
    pub(super) fn take_asked(&self) -> Vec<Arc<Ask>> {
        self.asked()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Notes that a round of the source of this index begins.
    pub(super) fn note(&self, source: usize, now: Duration) {
        self.beat(now);
        self.current.store(source, Ordering::Relaxed);
    }

    /// Waits until this time or a wake-up. No heartbeat is due before.
    pub(super) fn wait_until(&self, time: Duration, clock: &dyn Clock) {
        self.beat(time);
        self.waker.wait(time.saturating_sub(clock.monotonic()));
        self.beat(clock.monotonic());
    }

    /// Returns the index of the source of the latest round.
    pub(super) fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// Returns the latest heartbeat.
    pub(super) fn latest_heartbeat(&self) -> Heartbeat {
        Heartbeat {
            thread: Supervised::Worker(self.number),
            due: Duration::from_micros(self.due_micros.load(Ordering::Relaxed)),
        }
    }

    /// Publishes a heartbeat after which the next one is due at this time.
    fn beat(&self, due: Duration) {
        self.due_micros.store(micros(due), Ordering::Relaxed);
    }

    /// Grants the requests that are left, and refuses those that come.
    pub(super) fn close(&self) {
        self.asked().take();
        lock(&self.snapshots).take();
    }

    /// Returns whether the thread is to stop before the next batch.
    pub(super) fn must_stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Returns a calendar time in milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a time in microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Locks what threads share. A panic ends the process, so the lock is never poisoned.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
