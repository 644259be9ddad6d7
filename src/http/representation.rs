//! The page that a request asks for.

use std::time::Duration;

use hyper::header::HeaderMap;

use super::accept::negotiate;
use super::coding::Coding;
use super::language;
use super::names::Names;
use crate::expose::Format;
use crate::model::Language;

/// Header in which Prometheus says how many seconds it waits for a page.
const TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// Longest time that a request may ask to wait, in seconds.
const LONGEST: f64 = 3600.0;
/// Age up to which a page for people is shared: however many are open, one a second is made.
const SHARED: Duration = Duration::from_secs(1);

/// Form of a page: requests for equal ones can share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Representation {
    pub(super) content: Content,
    pub(super) coding: Coding,
}

/// Content of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Metrics, for Prometheus.
    Metrics {
        format: Format,
        /// Families that are wanted; `None` for all.
        names: Option<Names>,
    },
    /// The status as HTML.
    Page(Language),
    /// The status as JSON.
    Status,
}

/// A request for a page.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) representation: Representation,
    pub(super) content_type: &'static str,
    /// The request headers that decide the form of the page.
    pub(super) varies: &'static str,
    /// Time that the client waits, if it says so.
    pub(super) within: Option<Duration>,
}

impl Representation {
    /// Returns the age up to which a page is shared with requests that came after it was begun.
    pub(super) fn shared(&self) -> Duration {
        match self.content {
            Content::Metrics { .. } => Duration::ZERO,
            Content::Page(_) | Content::Status => SHARED,
        }
    }
}

impl Wanted {
    /// Returns which metrics a request with these headers and this query asks for.
    pub(super) fn metrics(headers: &HeaderMap, query: &str) -> Self {
        let answer = negotiate(headers);
        let content = Content::Metrics {
            format: answer.format,
            names: Names::in_query(query),
        };
        let varies = "Accept, Accept-Encoding";
        Self::new(headers, content, answer.content_type, varies)
    }

    /// Returns which page for people a request with these headers asks for.
    pub(super) fn page(headers: &HeaderMap) -> Self {
        let content = Content::Page(language::negotiate(headers));
        let varies = "Accept-Language, Accept-Encoding";
        Self::new(headers, content, "text/html; charset=utf-8", varies)
    }

    /// Returns the status as JSON, as a request with these headers asks for it.
    pub(super) fn status(headers: &HeaderMap) -> Self {
        Self::new(
            headers,
            Content::Status,
            "application/json",
            "Accept-Encoding",
        )
    }

    fn new(
        headers: &HeaderMap,
        content: Content,
        content_type: &'static str,
        varies: &'static str,
    ) -> Self {
        Self {
            representation: Representation {
                content,
                coding: Coding::negotiate(headers),
            },
            content_type,
            varies,
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
            Wanted::metrics(&headers, "").within
        };
        assert_eq!(within("10"), Some(Duration::from_secs(10)));
        assert_eq!(within("0.5"), Some(Duration::from_millis(500)));
        for text in ["", "0", "-1", "NaN", "inf", "1e9", "ten"] {
            assert_eq!(within(text), None, "{text}");
        }
        assert_eq!(Wanted::status(&HeaderMap::new()).within, None);
    }
}
