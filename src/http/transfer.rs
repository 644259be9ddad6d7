//! The progress of a response that is being sent.

use std::time::Duration;

use super::limits::Limits;
use super::memory::PageNumber;

/// A response that is being sent. Times are of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    /// Start of the response.
    pub(super) began: Duration,
    /// Length of the body, in bytes.
    length: u64,
    /// Bytes handed to the system, the head included.
    pub(super) written: u64,
    /// The page that is sent; `None` for a response that holds no such memory.
    pub(super) page: Option<PageNumber>,
    /// Time since which the client has read nothing.
    pub(super) stalled: Option<Duration>,
}

impl Transfer {
    pub(super) fn new(began: Duration, length: u64, page: Option<PageNumber>) -> Self {
        Self {
            began,
            length,
            written: 0,
            page,
            stalled: None,
        }
    }

    /// Returns whether the client will not have read the response within [`Limits::pace`] if it goes on like this.
    /// For the first [`Limits::stall`] of a response, no client is behind.
    pub(super) fn is_behind(&self, now: Duration, limits: &Limits) -> bool {
        let elapsed = now.saturating_sub(self.began);
        let done = u128::from(self.written) * limits.pace.as_millis();
        elapsed >= limits.stall && done < u128::from(self.length) * elapsed.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_keeps_up_if_it_would_end_in_time() {
        let limits = Limits {
            stall: Duration::from_secs(1),
            pace: Duration::from_secs(10),
            ..Limits::default()
        };
        let began = Duration::from_secs(5);
        let mut transfer = Transfer::new(began, 1000, None);
        let is_behind = |transfer: Transfer, seconds: f64| {
            transfer.is_behind(began + Duration::from_secs_f64(seconds), &limits)
        };
        assert!(!is_behind(transfer, 0.9));
        assert!(is_behind(transfer, 1.0));
        transfer.written = 300;
        assert!(!is_behind(transfer, 3.0));
        assert!(is_behind(transfer, 3.1));
    }
}
