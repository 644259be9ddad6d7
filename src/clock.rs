//! Time and interruptible waits, both of which tests control.
//!
//! Invariant: no other module reads the system's clock or sleeps.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A source of time.
pub trait Clock: Send + Sync {
    /// Returns the time since an arbitrary origin; it never decreases.
    fn monotonic(&self) -> Duration;
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
    signal: Arc<(Mutex<bool>, Condvar)>,
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
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.monotonic()
    }
}

impl Waker {
    /// Wakes the waiting thread, or the next thread that waits.
    pub fn wake(&self) {
        let (woken, condvar) = &*self.signal;
        *woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condvar.notify_all();
    }

    /// Waits for a wake-up, at most `timeout`; returns whether one came.
    pub fn wait(&self, timeout: Duration) -> bool {
        let (woken, condvar) = &*self.signal;
        let guard = woken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut guard, _) = condvar
            .wait_timeout_while(guard, timeout, |woken| !*woken)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *guard)
    }
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
