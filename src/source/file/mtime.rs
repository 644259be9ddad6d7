//! Detects by modification time that a file or directory did not change.
//!
//! Invariant: a change between two checks is always noticed. Kernels count modification times in ticks, so two
//! changes within a tick carry the same time.

use std::time::Duration;

/// Longer than a tick of any kernel: changes this far apart carry different times.
const TICK: Duration = Duration::from_secs(1);

/// Modification time seen at the last check.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mtime {
    modified: u64,
    since: Duration,
    is_conclusive: bool,
}

impl Mtime {
    /// Makes the result of a check that was long ago: the next one is inconclusive.
    pub(super) fn seen(modified: u64) -> Self {
        Self {
            modified,
            ..Self::default()
        }
    }

    /// Returns the time read at the last check, in nanoseconds since 1970; 0 before the first.
    pub(super) fn modified(&self) -> u64 {
        self.modified
    }

    /// Makes the next check inconclusive: a change before the last one was not dealt with.
    pub(super) fn invalidate(&mut self) {
        self.is_conclusive = false;
    }

    /// Returns true if nothing changed since the previous check. `modified` is the time read at `now`, in nanoseconds
    /// since 1970, 0 if unknown. The first true takes two checks more than a tick apart.
    pub(super) fn is_unchanged(&mut self, modified: u64, now: Duration) -> bool {
        if self.modified != modified || modified == 0 {
            *self = Self {
                modified,
                since: now,
                is_conclusive: false,
            };
        }
        let was_conclusive = self.is_conclusive;
        self.is_conclusive = now.saturating_sub(self.since) > TICK;
        was_conclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_two_checks_a_tick_apart() {
        let mut mtime = Mtime::default();
        let mut check = |modified, millis, expected| {
            let now = Duration::from_millis(millis);
            assert_eq!(mtime.is_unchanged(modified, now), expected);
        };
        check(7, 0, false);
        check(7, 900, false);
        check(7, 1_100, false);
        check(7, 1_100, true);
        check(8, 9_000, false);
        check(8, 9_500, false);
        check(8, 20_000, false);
        check(8, 20_001, true);
        check(0, 30_000, false);
        check(0, 40_000, false);
        check(0, 50_000, false);
    }
}
