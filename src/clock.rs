//! Time and interruptible waits, both of which tests control.
//!
//! Invariant: no other module reads the system's clock or sleeps.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// A source of time.
pub trait Clock: Send + Sync {
    /// Returns the time since an arbitrary origin; it never decreases.
    fn monotonic(&self) -> Duration;
    /// Returns the processor time of the calling thread; a clock that tests drive has none of its own.
    fn processor(&self) -> Duration {
        self.monotonic()
    }
    /// Returns the calendar time.
    fn wall(&self) -> SystemTime;
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

/// A clock for tests that moves only by [`ManualClock::advance`].
#[derive(Debug, Default)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
}

/// A signal that wakes a waiting thread. Clones share it. A wake-up without a waiting thread is kept
/// for the next wait; several kept wake-ups count as one.
#[derive(Clone, Debug, Default)]
pub struct Waker {
    signal: Arc<Signal>,
}

#[derive(Debug, Default)]
struct Signal {
    is_woken: Mutex<bool>,
    condvar: Condvar,
    /// Woken too, if this waker is one of several for which a thread waits.
    thread: Mutex<Option<Waker>>,
}

impl SystemClock {
    /// Creates a clock whose monotonic time starts at zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn processor(&self) -> Duration {
        let used = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(used).unwrap_or_default()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl ManualClock {
    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        *lock(&self.elapsed) += by;
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        *lock(&self.elapsed)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.monotonic()
    }
}

impl Waker {
    /// Wakes the waiting thread, or the next thread that waits.
    pub fn wake(&self) {
        let was_woken = std::mem::replace(&mut *lock(&self.signal.is_woken), true);
        if was_woken {
            return;
        }
        self.signal.condvar.notify_all();
        let thread = lock(&self.signal.thread).clone();
        if let Some(thread) = thread {
            thread.wake();
        }
    }

    /// Wakes `thread` too from now on, which then asks each of its wakers with [`Self::take`]. A wake-up that was kept is
    /// passed on.
    pub fn forward_to(&self, thread: &Self) {
        *lock(&self.signal.thread) = Some(thread.clone());
        if *lock(&self.signal.is_woken) {
            thread.wake();
        }
    }

    /// Returns whether it was woken since the last wait or call.
    pub fn take(&self) -> bool {
        std::mem::take(&mut *lock(&self.signal.is_woken))
    }

    /// Waits for a wake-up, at most `timeout`; returns whether one came.
    pub fn wait(&self, timeout: Duration) -> bool {
        let guard = lock(&self.signal.is_woken);
        let (mut guard, _) = (self.signal.condvar)
            .wait_timeout_while(guard, timeout, |is_woken| !*is_woken)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *guard)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_is_kept_and_taken_once() {
        let waker = Waker::default();
        waker.clone().wake();
        waker.wake();
        assert!(waker.wait(Duration::ZERO));
        assert!(!waker.wait(Duration::ZERO));
    }

    #[test]
    fn a_waiting_thread_is_woken() {
        let waker = Waker::default();
        let other = waker.clone();
        let waiting = std::thread::spawn(move || other.wait(Duration::from_mins(1)));
        waker.wake();
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn a_thread_waits_for_several_wakers() {
        let (thread, first, second) = (Waker::default(), Waker::default(), Waker::default());
        first.wake();
        first.forward_to(&thread);
        second.forward_to(&thread);
        assert!(thread.wait(Duration::ZERO), "a kept wake-up");
        assert!(first.take() && !second.take());
        second.wake();
        second.wake();
        assert!(thread.wait(Duration::ZERO));
        assert!(!first.take() && second.take() && !second.take());
    }

    #[test]
    fn manual_time_moves_only_when_advanced() {
        let clock = ManualClock::default();
        clock.advance(Duration::from_secs(7));
        assert_eq!(clock.monotonic(), Duration::from_secs(7));
        assert_eq!(
            clock.wall(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(7)
        );
    }
}
