//! Values that may become labels, and the series budget.
//!
//! Invariant: a label's value comes from a fixed table, a number in a fixed range, the name of a learned
//! route (see `route`) or the configuration; never from other bytes of a line.

pub mod client;
mod condition;
mod file;
mod host;
mod list;
mod memo;
mod name;
mod network;
mod own;
mod vocabulary;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::model::Status;

pub use condition::Condition;
pub use file::FileField;
pub use host::{HostId, Hosts};
pub use list::{Charset, HttpVersion, Scheme};
pub use memo::Memo;
pub use name::Label;
pub use network::Network;
pub use own::{Origin, OwnLabel};
pub use vocabulary::{Notation, Refusal, Vocabulary};

/// The label value for a text that is absent, outside its list or over the cap.
pub const OTHER: &str = "<other>";

/// The label value of OpenTelemetry for a method outside the list.
const OTHER_METHOD: &str = "_OTHER";

/// A standard request method (RFC 9110, 9; RFC 5789), or [`Method::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Method {
    /// Another method, or none.
    Other,
    /// CONNECT.
    Connect,
    /// DELETE.
    Delete,
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
    /// PATCH.
    Patch,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// TRACE.
    Trace,
}

/// The number of series that may still be created. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 10] = [
        Self::Other,
        Self::Connect,
        Self::Delete,
        Self::Get,
        Self::Head,
        Self::Options,
        Self::Patch,
        Self::Post,
        Self::Put,
        Self::Trace,
    ];

    /// Returns the method of a logged text. Names are case-sensitive (RFC 9110, 9.1).
    #[inline]
    pub fn from_bytes(method: Option<&[u8]>) -> Self {
        match method {
            Some(b"GET") => Self::Get,
            Some(b"POST") => Self::Post,
            Some(method) => Self::from_rarer(method),
            None => Self::Other,
        }
    }

    #[inline(never)]
    fn from_rarer(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// Returns the label's value as a text that all series share.
    pub fn text(self) -> Arc<str> {
        static TEXTS: [OnceLock<Arc<str>>; Method::ALL.len()] =
            [const { OnceLock::new() }; Method::ALL.len()];
        let text = TEXTS[self as usize].get_or_init(|| self.name().into());
        Arc::clone(text)
    }

    /// Returns the label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => OTHER,
            Self::Connect => "CONNECT",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Trace => "TRACE",
        }
    }
}

/// Returns whether a status means that the server failed: OpenTelemetry's `error.type` is set on such responses.
pub fn is_server_error(status: u16) -> bool {
    (500..=599).contains(&status)
}

/// Returns the status code if it may become a label: 100 to 599 (RFC 9110, 15).
pub fn status(status: Option<Status>) -> Option<u16> {
    status
        .map(Status::code)
        .filter(|code| (100..=599).contains(code))
}

/// Returns the label's value of a status code, as a text that all series share.
pub fn status_text(status: u16) -> Arc<str> {
    static TEXTS: [OnceLock<Arc<str>>; 600] = [const { OnceLock::new() }; 600];
    let text = || status.to_string().into();
    match TEXTS.get(usize::from(status)) {
        Some(shared) => Arc::clone(shared.get_or_init(text)),
        None => text(),
    }
}

impl Budget {
    /// Creates a budget of `limit` series.
    pub fn new(limit: usize) -> Self {
        Self {
            used: Arc::default(),
            limit,
        }
    }

    /// Takes `series` from the budget. Takes none and returns false if fewer are left.
    pub fn take(&self, series: usize) -> bool {
        self.take_within(series, self.limit)
    }

    /// Takes series that exist already, even beyond the limit.
    pub fn add_existing(&self, series: usize) {
        self.used.fetch_add(series, Ordering::Relaxed);
    }

    /// Takes `series` like [`Self::take`], but only from the first half of the budget. For series that
    /// start at 0 without a line: the other half stays free for series of lines.
    pub fn reserve(&self, series: usize) -> bool {
        series == 0 || self.take_within(series, self.limit / 2)
    }

    /// Returns the most series that may exist.
    pub fn limit(&self) -> usize {
        self.limit
    }

    fn take_within(&self, series: usize, limit: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(series).filter(|used| *used <= limit)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_methods_have_a_name() {
        assert_eq!(Method::from_bytes(Some(b"GET")).name(), "GET");
        for other in [&b"get"[..], b"PROPFIND", b"", b"GET "] {
            assert_eq!(Method::from_bytes(Some(other)).name(), "<other>");
        }
        assert_eq!(Method::from_bytes(None), Method::Other);
    }

    #[test]
    fn only_codes_of_http_become_labels() {
        let check = |text: &[u8], expected| assert_eq!(status(Status::from_digits(text)), expected);
        check(b"200", Some(200));
        check(b"499", Some(499));
        check(b"599", Some(599));
        check(b"600", None);
        check(b"009", None);
        assert_eq!(status(None), None);
    }

    #[test]
    fn reserved_series_take_at_most_half_of_a_budget() {
        let budget = Budget::new(7);
        assert!(budget.reserve(2));
        assert!(!budget.reserve(2));
        assert!(budget.reserve(1));
        assert!(budget.take(3));
        assert!(budget.reserve(0));
        assert!(!budget.reserve(1));
        assert!(budget.take(1));
    }

    #[test]
    fn existing_series_beyond_the_limit_use_up_a_budget() {
        let budget = Budget::new(3);
        budget.add_existing(4);
        assert!(!budget.take(1));
        assert!(!budget.reserve(1));
    }

    #[test]
    fn clones_share_one_budget() {
        let budget = Budget::new(3);
        assert!(budget.take(2));
        assert!(!budget.clone().take(2));
        assert!(budget.take(1));
        assert!(!budget.take(1));
    }
}
