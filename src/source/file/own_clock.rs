//! The clock of a source, which goes on over restarts.
//!
//! Invariant: it never decreases; while no process runs, it stands still.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;

/// Monotonic time of a source.
pub(super) struct OwnClock {
    clock: Arc<dyn Clock>,
    /// Time of the process's clock at which this one began.
    began: Duration,
    /// Own time then.
    at: Duration,
}

impl OwnClock {
    /// Makes a clock that shows the time of the process.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            began: Duration::ZERO,
            at: Duration::ZERO,
        }
    }

    /// Makes a clock that shows this time now.
    pub(super) fn going_on_at(now: Duration, clock: Arc<dyn Clock>) -> Self {
        let began = clock.monotonic();
        Self {
            clock,
            began,
            at: now,
        }
    }

    /// Returns the time.
    pub(super) fn now(&self) -> Duration {
        self.at + self.clock.monotonic().saturating_sub(self.began)
    }
}

impl fmt::Debug for OwnClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnClock")
            .field("now", &self.now())
            .finish()
    }
}
