//! nginx's lists of one value for each upstream attempt.
//!
//! Invariant: the last entry is that of the attempt whose response the client received.

use std::fmt;

use super::Micros;

/// nginx's list of one value for each upstream attempt: `-`, `N`, `N, N` (retries) and
/// `N, N : N` (internal redirects), where an entry may be `-`
/// (`src/http/ngx_http_upstream.c`, `ngx_http_upstream_response_time_variable`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpstreamList<'l>(pub &'l [u8]);

impl<'l> UpstreamList<'l> {
    /// The entries in order, blanks and separators removed.
    pub fn entries(self) -> impl DoubleEndedIterator<Item = &'l [u8]> {
        // An internal redirect that reached no upstream leaves a separator.
        let entries = self.0.strip_suffix(b" : ").unwrap_or(self.0);
        entries
            .split(|byte| matches!(byte, b',' | b':'))
            .map(<[u8]>::trim_ascii)
    }

    /// Returns the time of the last attempt, whose response the client received (`None` for `-`), and
    /// the number of attempts beyond the first.
    #[inline]
    pub fn last_and_retries(self) -> (Option<Micros>, u64) {
        // Nearly every list has one entry.
        match Micros::from_seconds(self.0) {
            Some(only) => (Some(only), 0),
            None => (self.last_duration(), self.retries()),
        }
    }

    fn last_duration(self) -> Option<Micros> {
        self.entries().next_back().and_then(Micros::from_seconds)
    }

    fn retries(self) -> u64 {
        self.0.iter().map(|byte| u64::from(*byte == b',')).sum()
    }
}

impl fmt::Debug for UpstreamList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamList({:?})", String::from_utf8_lossy(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_counts() {
        let check = |text: &str, last: Option<u64>, retries: u64| {
            let list = UpstreamList(text.as_bytes());
            assert_eq!(
                list.last_and_retries(),
                (last.map(Micros), retries),
                "{text}"
            );
        };
        check("-", None, 0);
        check("", None, 0);
        check("0.012", Some(12_000), 0);
        check("0.001, 0.004", Some(4_000), 1);
        check("0.000, 0.005 : 0.003", Some(3_000), 1);
        check("0.001, -", None, 1);
        check("- : 0.002", Some(2_000), 0);
        check("0.003 : ", Some(3_000), 0);
        check("0.001, 0.003 : ", Some(3_000), 1);
    }
}
