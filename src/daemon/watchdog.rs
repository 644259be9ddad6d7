//! Finds stuck threads: each publishes a heartbeat with the time at which the next one is due.
//!
//! Invariant: a thread that waits is not stuck before the end of its wait; one that gives no heartbeat from its due time on is
//! found within the timeout. Time in which the whole process was stopped, or by which its clock has jumped, does not count.
//! Nor does a suspend, during which the monotonic clock stands still.

use std::time::Duration;

/// Timeout unless systemd sets one. A check then only serves the log, which does not justify frequent wake-ups.
const UNSUPERVISED: Duration = Duration::from_mins(1);

/// Least interval between two checks.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// Least time that an overdue thread is given to go on, on slow disks and busy machines.
const LEAST_GRACE: Duration = Duration::from_secs(1);

/// A sign that a thread makes progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heartbeat {
    pub(super) thread: Supervised,
    /// Monotonic time of the next heartbeat, at the latest.
    pub(super) due: Duration,
}

/// A thread under supervision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supervised {
    /// The worker of this number.
    Worker(u64),
    /// The thread that applies a configuration.
    Reload,
}

/// Compares the heartbeats of all threads at regular checks.
#[derive(Debug)]
pub(super) struct Watchdog {
    timeout: Duration,
    /// Time of the last check.
    last: Option<Duration>,
    /// Threads that were overdue then.
    overdue: Vec<Overdue>,
}

/// A heartbeat after its due time.
#[derive(Clone, Copy, Debug)]
struct Overdue {
    beat: Heartbeat,
    /// Time of the check that has seen it first.
    since: Duration,
}

impl Watchdog {
    /// Makes a watchdog with the timeout that systemd sets, if it does.
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout: timeout.unwrap_or(UNSUPERVISED),
            last: None,
            overdue: Vec::new(),
        }
    }

    /// Returns the interval between two checks.
    pub(super) fn interval(&self) -> Duration {
        (self.timeout / 2).max(LEAST_INTERVAL)
    }

    /// Returns the last heartbeats of the threads that are stuck: overdue at an earlier check, and without a heartbeat since.
    pub(super) fn check(&mut self, now: Duration, beats: &[Heartbeat]) -> Vec<Heartbeat> {
        let interval = self.interval();
        let last = self.last.replace(now).unwrap_or(now);
        let mut before = std::mem::take(&mut self.overdue);
        if now.saturating_sub(last) > interval + interval / 2 {
            // The process was stopped, or its clock has jumped: no thread had the time to go on.
            before.clear();
        }
        let overdue = beats.iter().filter(|beat| beat.due < now).map(|beat| {
            let seen = before.iter().find(|overdue| overdue.beat == *beat);
            seen.copied().unwrap_or(Overdue {
                beat: *beat,
                since: now,
            })
        });
        self.overdue = overdue.collect();
        // Less than the interval, as checks are not on time to the microsecond.
        let grace = (interval / 4 * 3).max(LEAST_GRACE);
        let is_stuck = |overdue: &&Overdue| now.saturating_sub(overdue.since) >= grace;
        let stuck = self.overdue.iter().filter(is_stuck);
        stuck.map(|overdue| overdue.beat).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: [u64; 3] = [2, 30, 600];
    /// Longest wait of a thread of an idle exporter.
    const WAIT: Duration = Duration::from_mins(1);

    /// A worker whose heartbeats the test gives, and the checks of a watchdog.
    struct Bench {
        watchdog: Watchdog,
        now: Duration,
        due: Duration,
    }

    impl Bench {
        /// Makes a bench with a timeout in seconds.
        fn new(timeout: u64) -> Self {
            Self {
                watchdog: Watchdog::new(Some(Duration::from_secs(timeout))),
                now: Duration::ZERO,
                due: Duration::ZERO,
            }
        }

        /// Lets the worker wait for this long from now on.
        fn wait(&mut self, time: Duration) {
            self.due = self.now + time;
        }

        /// Lets this much time pass until the next check; returns whether the worker is found to be stuck.
        fn check_after(&mut self, pause: Duration) -> bool {
            self.now += pause;
            let beat = Heartbeat {
                thread: Supervised::Worker(1),
                due: self.due,
            };
            let stuck = self.watchdog.check(self.now, &[beat]);
            assert!(stuck.iter().all(|it| *it == beat));
            !stuck.is_empty()
        }

        /// Lets the interval pass until the next check.
        fn check(&mut self) -> bool {
            self.check_after(self.watchdog.interval())
        }
    }

    #[test]
    fn a_thread_that_waits_is_not_stuck() {
        for timeout in TIMEOUTS {
            let mut bench = Bench::new(timeout);
            while bench.now < Duration::from_hours(2) {
                if bench.due <= bench.now {
                    bench.wait(WAIT);
                }
                assert!(!bench.check(), "{timeout} s: {:?}", bench.now);
            }
        }
    }

    #[test]
    fn a_thread_that_goes_on_a_little_late_is_not_stuck() {
        for timeout in TIMEOUTS {
            let mut bench = Bench::new(timeout);
            for _ in 0..100 {
                bench.wait(WAIT);
                while bench.now <= bench.due {
                    assert!(!bench.check(), "{timeout} s: {:?}", bench.now);
                }
            }
        }
    }

    #[test]
    fn a_stuck_thread_is_found_within_the_timeout_of_its_due_time() {
        for timeout in TIMEOUTS {
            for part in 0..20 {
                let mut bench = Bench::new(timeout);
                let timeout = Duration::from_secs(timeout);
                bench.wait(WAIT + timeout * part / 20);
                while !bench.check() {}
                let late = bench.now.saturating_sub(bench.due);
                assert!(late <= timeout, "{timeout:?}: {late:?}");
                assert!(late > timeout / 2, "{timeout:?}: {late:?}");
                assert!(bench.check(), "it stays stuck");
                bench.wait(WAIT);
                assert!(!bench.check(), "it has gone on");
            }
        }
    }

    #[test]
    fn a_thread_that_is_woken_and_gets_stuck_is_found() {
        let mut bench = Bench::new(30);
        bench.wait(WAIT);
        assert!(!bench.check());
        // Woken before the end of its wait, it is due at once.
        bench.wait(Duration::ZERO);
        assert!(!bench.check());
        assert!(bench.check());
    }

    #[test]
    fn a_wait_without_an_end_is_never_overdue() {
        let mut bench = Bench::new(2);
        bench.due = Duration::MAX;
        assert!((0..1_000).all(|_| !bench.check()));
    }

    #[test]
    fn a_pause_of_the_process_or_a_jump_of_its_clock_is_not_a_stuck_thread() {
        for timeout in TIMEOUTS {
            for pause in [timeout, 2 * timeout, 3_600, 30 * 24 * 3_600] {
                let mut bench = Bench::new(timeout);
                let pause = Duration::from_secs(pause);
                bench.wait(Duration::from_millis(1));
                // The thread is about to go on when the process is stopped.
                assert!(!bench.check());
                for _ in 0..3 {
                    assert!(!bench.check_after(pause), "{timeout} s: {pause:?}");
                }
                bench.wait(WAIT);
                assert!(!bench.check());
                // A thread that does not go on after the pause is stuck.
                bench.due = bench.now;
                assert!(!bench.check());
                assert!(bench.check(), "{timeout} s: {pause:?}");
            }
        }
    }

    #[test]
    fn a_busy_machine_has_a_second_whatever_the_timeout() {
        let mut bench = Bench::new(2);
        bench.watchdog = Watchdog::new(Some(Duration::from_micros(1)));
        assert_eq!(bench.watchdog.interval(), LEAST_INTERVAL);
        assert_eq!((0..1_000).position(|_| bench.check()), Some(100));
    }

    #[test]
    fn two_threads_with_the_same_due_time_are_two() {
        let mut watchdog = Watchdog::new(Some(Duration::from_secs(2)));
        let beat = |number, due| Heartbeat {
            thread: Supervised::Worker(number),
            due: Duration::from_secs(due),
        };
        let at = Duration::from_secs;
        assert_eq!(watchdog.check(at(1), &[beat(1, 0), beat(2, 1)]), []);
        assert_eq!(
            watchdog.check(at(2), &[beat(1, 0), beat(2, 0)]),
            [beat(1, 0)]
        );
    }
}
