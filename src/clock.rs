//! Time and waiting, so that tests can drive both.
//!
//! Invariant: no other module asks the operating system for the time or sleeps.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A source of time.
pub trait Clock: Send + Sync {
    /// Time since an arbitrary origin; never goes back.
    fn monotonic(&self) -> Duration;
    /// Calendar time.
    fn wall(&self) -> SystemTime;
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

/// A clock that moves only when told to.
#[derive(Debug, Default)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
}

/// Lets a thread wait until another one wakes it. Clones share one signal; a wake-up that comes
/// while nobody waits is kept, several are one.
#[derive(Clone, Debug, Default)]
pub struct Waker {
    signal: Arc<(Mutex<bool>, Condvar)>,
}

impl SystemClock {
    /// Starts its monotonic time at zero.
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
    /// Moves time on.
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
    /// Wakes the waiting thread, or the next one to wait.
    pub fn wake(&self) {
        let (woken, condvar) = &*self.signal;
        *woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condvar.notify_all();
    }

    /// Waits for a wake-up, at most `timeout`; says whether one came.
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
    fn manual_time_moves_only_when_told() {
        let clock = ManualClock::default();
        clock.advance(Duration::from_secs(7));
        assert_eq!(clock.monotonic(), Duration::from_secs(7));
        assert_eq!(
            clock.wall(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(7)
        );
    }
}
