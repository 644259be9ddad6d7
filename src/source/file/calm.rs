//! Whether something has not changed, as far as its date tells.
//!
//! Invariant: a change after a look is never taken for none, though kernels count dates in ticks, so that
//! two changes may have one date.

use std::time::Duration;

/// More than a tick of any kernel; two changes this far apart have different dates.
const TICK: Duration = Duration::from_secs(1);

/// The date something was seen to have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Calm {
    modified: u64,
    since: Duration,
    is_sure: bool,
}

impl Calm {
    /// Takes note of a look, at `now`, at what was last modified at `modified`; says whether it is sure
    /// that nothing changed since the last one. It takes two looks, more than a tick apart.
    pub(super) fn look(&mut self, modified: u64, now: Duration) -> bool {
        if self.modified != modified || modified == 0 {
            *self = Self {
                modified,
                since: now,
                is_sure: false,
            };
        }
        let was_sure = self.is_sure;
        self.is_sure = now.saturating_sub(self.since) > TICK;
        was_sure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_two_looks_a_tick_apart() {
        let mut calm = Calm::default();
        let mut check = |modified, millis, expected| {
            assert_eq!(calm.look(modified, Duration::from_millis(millis)), expected);
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
