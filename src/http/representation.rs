//! The page that a request asks for.

use std::time::Duration;

use hyper::header::HeaderMap;

use super::accept::negotiate;
use super::coding::Coding;
use super::names::Names;
use crate::expose::Format;

/// Header in which Prometheus says how many seconds it waits for a page.
const TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// Longest time that a request may ask to wait, in seconds.
const LONGEST: f64 = 3600.0;

/// Content of a page: requests for equal ones can share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Representation {
    pub(super) format: Format,
    pub(super) coding: Coding,
    /// Families that are wanted; `None` for all.
    pub(super) names: Option<Names>,
}

/// A request for metrics.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) representation: Representation,
    pub(super) content_type: &'static str,
    /// Time that the client waits, if it says so.
    pub(super) within: Option<Duration>,
}

impl Wanted {
    /// Returns what a request with these headers and this query asks for.
    pub(super) fn by(headers: &HeaderMap, query: &str) -> Self {
        let answer = negotiate(headers);
        Self {
            representation: Representation {
                format: answer.format,
                coding: Coding::negotiate(headers),
                names: Names::in_query(query),
            },
            content_type: answer.content_type,
            within: timeout(headers),
        }
    }
}

fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(TIMEOUT)?.to_str().ok()?.parse().ok()?;
    let is_valid = seconds > 0.0 && seconds <= LONGEST;
    is_valid.then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sensible_timeout_is_kept() {
        let within = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT, text.parse().unwrap());
            Wanted::by(&headers, "").within
        };
        assert_eq!(within("10"), Some(Duration::from_secs(10)));
        assert_eq!(within("0.5"), Some(Duration::from_millis(500)));
        for text in ["", "0", "-1", "NaN", "inf", "1e9", "ten"] {
            assert_eq!(within(text), None, "{text}");
        }
        assert_eq!(Wanted::by(&HeaderMap::new(), "").within, None);
    }
}
