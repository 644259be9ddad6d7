//! `[limits]`: bounds on input and memory.

use std::fmt::Debug;
use std::time::Duration;

use crate::diag::{Report, Section, Spot};
use crate::join;
use crate::model::Micros;

/// Longest name of a source, of routes and of a pattern, in bytes.
pub const NAME_BYTES: usize = 64;

/// Bounds on input and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest line, in bytes.
    pub line_bytes: usize,
    /// Most series of all sources together.
    pub series: usize,
    /// Most requests that wait to be joined, for each front source; `None` for the default of the command.
    pub pending_requests: Option<usize>,
    /// Longest wait for the other line of a request; whole seconds.
    pub pending_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: 65_536,
            series: 10_000,
            pending_requests: None,
            pending_wait: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// Upper bound of `series`.
    pub const MAX_SERIES: usize = 1_000_000;
    /// Default of `pending_requests` where logs are followed.
    pub const PENDING_REQUESTS: usize = 65_536;
    /// Default of `pending_requests` where whole logs are read one after the other.
    pub const PENDING_REQUESTS_IN_REPLAY: usize = 1_048_576;

    /// Returns the limits of joining; `default_pending` applies where `pending_requests` is absent.
    pub fn join(&self, default_pending: usize) -> join::Limits {
        join::Limits {
            pending: self.pending_requests.unwrap_or(default_pending),
            wait: Micros(u64::try_from(self.pending_wait.as_micros()).unwrap_or(u64::MAX)),
        }
    }

    /// Reads the section.
    pub(super) fn read(mut section: Section<'_>, report: &mut Report) -> Self {
        let default = Self::default();
        let pending = section.integer("pending_requests", 1_000..=16 << 20, report);
        let line_bytes = section.integer("line_bytes", 256..=16 << 20, report);
        let series = section.integer("series", 100..=Self::MAX_SERIES as u64, report);
        let wait = section.integer("pending_seconds", 1..=3_600, report);
        section.finish(report);
        Self {
            line_bytes: line_bytes.as_ref().map_or(default.line_bytes, bounded),
            series: series.as_ref().map_or(default.series, bounded),
            pending_requests: pending.as_ref().map(bounded),
            pending_wait: wait.map_or(default.pending_wait, |wait| Duration::from_secs(wait.value)),
        }
    }
}

/// Returns an integer of a section.
#[expect(
    clippy::expect_used,
    reason = "every bound given to `Section::integer` is below 2^32"
)]
pub(super) fn bounded<N: TryFrom<u64, Error: Debug>>(spot: &Spot<u64>) -> N {
    N::try_from(spot.value).expect("an integer below 2^32")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn waiting_requests_are_bounded_by_the_configuration() {
        let content = "[[source]]\nname = 'nginx'\npaths = ['a.log']\npattern = 'nginx-django'\n\
                       [limits]\npending_requests = 1000\npending_seconds = 7\n";
        let checked = Config::parse("c", content, Path::new("/etc"));
        let limits = checked.config.unwrap().limits.join(5);
        assert_eq!((limits.pending, limits.wait), (1_000, Micros(7_000_000)));
        let limits = Limits::default().join(5);
        assert_eq!((limits.pending, limits.wait), (5, Micros(30_000_000)));
    }
}
