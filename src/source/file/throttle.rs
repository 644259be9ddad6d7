//! Slows the delivery of notifications that come faster than they are of use.
//!
//! Invariant: pure but for the times it is given.
//!
//! A log that is written often costs a wake-up a line, many times what counting the line costs. While the thread that
//! receives notifications pauses, the kernel merges equal ones into one (`fs/notify/inotify/inotify_fsnotify.c`,
//! `inotify_merge`) and keeps the others, and what was written is read in one piece.

use std::time::Duration;

/// Notifications that are delivered at once after a quiet time.
const BURST: u32 = 8;
/// Time in which one more may be delivered at once.
const REFILL: Duration = Duration::from_millis(250);
/// First pause; the next ones are twice as long each.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause when a log was written: long, as a wake-up costs far more than the lines that one reads.
pub(super) const LONGEST_AT_TEXT: Duration = REFILL;
/// Longest pause at any other change. A rotation is to be seen before the next one.
pub(super) const LONGEST_AT_OTHERS: Duration = Duration::from_millis(100);
/// Notifications between which the thread did not sleep this long were waiting together, and are delivered together.
const TOGETHER: Duration = Duration::from_micros(20);

/// State of the delivery.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Notifications that may be delivered without a pause.
    left: u32,
    /// Time up to which `left` was refilled.
    refilled: Duration,
    /// Time of the last notification, or of the end of the pause after it.
    last: Duration,
    /// Time, and processor time of the thread, as of the end of its last sleep.
    awake: (Duration, Duration),
    pause: Duration,
}

impl Throttle {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            left: BURST,
            refilled: now,
            last: now,
            awake: (now, Duration::ZERO),
            pause: FIRST_PAUSE,
        }
    }

    /// Notes a notification that came at `now`; returns how long to pause at it, `longest` at most. `processor` returns the
    /// processor time of the thread.
    pub(super) fn pause_at(
        &mut self,
        now: Duration,
        longest: Duration,
        processor: impl FnOnce() -> Duration,
    ) -> Duration {
        if !self.has_slept(now, processor) {
            return Duration::ZERO;
        }
        self.refill(now);
        if self.left > 0 {
            self.left -= 1;
            return Duration::ZERO;
        }
        let pause = self.pause.min(longest);
        self.pause = (pause * 2).min(longest);
        self.last = now + pause;
        // The time of a pause earns no notification that is delivered at once.
        self.refilled = self.last;
        pause
    }

    /// Returns whether the thread slept before this notification: then no other is waiting behind it.
    fn has_slept(&mut self, now: Duration, processor: impl FnOnce() -> Duration) -> bool {
        let gap = now.saturating_sub(std::mem::replace(&mut self.last, now));
        if gap < TOGETHER {
            return false;
        }
        // On a slow machine, handling the one before may have taken that long.
        let (awake, used_then) = self.awake;
        let used = processor();
        let slept = now
            .saturating_sub(awake)
            .saturating_sub(used.saturating_sub(used_then));
        self.awake = (now, used);
        slept >= TOGETHER
    }

    fn refill(&mut self, now: Duration) {
        while self.left < BURST && now.saturating_sub(self.refilled) >= REFILL {
            self.left += 1;
            self.refilled += REFILL;
        }
        if self.left == BURST {
            self.refilled = now;
            self.pause = FIRST_PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processor time of a thread that uses hardly any.
    fn idle() -> Duration {
        Duration::ZERO
    }

    /// Delivers a notification of text every `every` for `time`; a pause merges those of its time. Returns the number of wake-ups
    /// and the longest pause.
    fn deliver(
        throttle: &mut Throttle,
        from: Duration,
        every: Duration,
        time: Duration,
    ) -> (u32, Duration) {
        let (mut now, mut wakes, mut longest) = (from, 0, Duration::ZERO);
        while now < from + time {
            wakes += 1;
            let pause = throttle.pause_at(now, LONGEST_AT_TEXT, idle);
            longest = longest.max(pause);
            now += pause.max(every);
        }
        (wakes, longest)
    }

    #[test]
    fn a_log_that_is_written_seldom_is_never_delayed() {
        let mut throttle = Throttle::new(Duration::ZERO);
        let every = Duration::from_millis(300);
        let (wakes, longest) = deliver(&mut throttle, every, every, Duration::from_mins(1));
        assert_eq!((wakes, longest), (200, Duration::ZERO));
    }

    #[test]
    fn a_busy_log_costs_a_few_wake_ups_a_second() {
        let mut throttle = Throttle::new(Duration::ZERO);
        let start = Duration::from_secs(1);
        let (every, time) = (Duration::from_micros(100), Duration::from_mins(1));
        let (wakes, longest) = deliver(&mut throttle, start, every, time);
        // One before each pause, and one that waited meanwhile; the first pauses are shorter.
        let paused = time.as_millis() / LONGEST_AT_TEXT.as_millis();
        let expected = paused..=2 * (paused + 8) + u128::from(BURST);
        assert!(expected.contains(&u128::from(wakes)), "{wakes}");
        assert_eq!(longest, LONGEST_AT_TEXT);
    }

    #[test]
    fn other_changes_are_seen_sooner_than_text() {
        let mut throttle = Throttle::new(Duration::ZERO);
        let mut now = Duration::ZERO;
        let longest = (0..100).map(|_| {
            now += Duration::from_millis(1);
            let pause = throttle.pause_at(now, LONGEST_AT_OTHERS, idle);
            now += pause;
            pause
        });
        assert_eq!(longest.max(), Some(LONGEST_AT_OTHERS));
    }

    #[test]
    fn the_first_pauses_are_short_and_a_quiet_time_restores_the_burst() {
        let mut throttle = Throttle::new(Duration::ZERO);
        let mut now = Duration::from_secs(1);
        for round in 0..3 {
            let every = Duration::from_millis(1);
            for nth in 0..BURST {
                now += every;
                assert_eq!(
                    throttle.pause_at(now, LONGEST_AT_TEXT, idle),
                    Duration::ZERO,
                    "{round} {nth}"
                );
            }
            for factor in [1, 2, 4] {
                now += every;
                let pause = throttle.pause_at(now, LONGEST_AT_TEXT, idle);
                assert_eq!(pause, FIRST_PAUSE * factor, "{round}");
                now += pause;
            }
            now += REFILL * BURST;
        }
    }

    #[test]
    fn notifications_that_waited_together_are_delivered_together() {
        let mut throttle = Throttle::new(Duration::ZERO);
        let mut now = Duration::from_secs(1);
        while throttle.pause_at(now, LONGEST_AT_TEXT, idle).is_zero() {
            now += Duration::from_millis(1);
        }
        now = throttle.last;
        for _ in 0..100_000 {
            now += Duration::from_micros(1);
            assert_eq!(
                throttle.pause_at(now, LONGEST_AT_TEXT, idle),
                Duration::ZERO
            );
        }
        assert!(throttle.pause_at(now + TOGETHER, LONGEST_AT_TEXT, idle) > Duration::ZERO);
    }

    #[test]
    fn on_a_slow_machine_notifications_that_waited_together_are_delivered_together() {
        let mut throttle = Throttle::new(Duration::ZERO);
        let mut now = Duration::from_secs(1);
        let mut used = Duration::ZERO;
        let mut pauses = 0;
        for nth in 0..10_000 {
            // The thread sleeps before the first one only.
            let took = Duration::from_micros(500);
            now += took;
            used += if nth == 0 { Duration::ZERO } else { took };
            let pause = throttle.pause_at(now, LONGEST_AT_TEXT, || used);
            pauses += u32::from(!pause.is_zero());
            now += pause;
        }
        assert_eq!(pauses, 0);
    }
}
