//! Limits the rate of requests.
//!
//! Invariant: in any period, at most `burst` and one request for each `interval` of it are admitted.

use std::time::Duration;

use crate::http::Rate;

/// A token bucket, which is full at first.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: u32,
    /// Time at which the last token was added, of the monotonic clock.
    added: Duration,
}

impl Bucket {
    pub(super) fn new(rate: Rate, now: Duration) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            added: now,
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let interval = self.rate.interval.as_nanos().max(1);
        let added = now.saturating_sub(self.added).as_nanos() / interval;
        let room = u128::from(self.rate.burst - self.tokens);
        if added >= room {
            self.tokens = self.rate.burst;
            self.added = now;
        } else if let Ok(added) = u32::try_from(added) {
            self.tokens += added;
            self.added += self.rate.interval * added;
        }
        let is_left = self.tokens > 0;
        self.tokens -= u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_one_request_for_each_interval_are_admitted() {
        let second = Duration::from_secs(1);
        let rate = Rate {
            interval: second,
            burst: 3,
        };
        let mut bucket = Bucket::new(rate, second);
        let mut admitted = |millis: u64| {
            let now = second + Duration::from_millis(millis);
            (0..10).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(admitted(0), 3);
        assert_eq!(admitted(900), 0);
        assert_eq!(admitted(1_100), 1);
        assert_eq!(admitted(1_900), 0);
        assert_eq!(admitted(2_000), 1);
        assert_eq!(admitted(3_600_000), 3);
    }

    #[test]
    fn without_a_burst_nothing_is_admitted() {
        let rate = Rate {
            interval: Duration::from_nanos(1),
            burst: 0,
        };
        let mut bucket = Bucket::new(rate, Duration::ZERO);
        assert!(!bucket.take(Duration::from_secs(1)));
    }
}
