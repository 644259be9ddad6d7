//! The families that django-prometheus and the set `django` have in common.
//!
//! Invariant: a family has its labels in one sequence, in which the values of a series stand.

/// A family of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Requests,
    Responses,
    Latency,
    LatencyByView,
    ByMethod,
    ByTransport,
    ByView,
    RequestBytes,
    ByStatus,
    ByStatusView,
    ResponseBytes,
    ByCharset,
}

/// Every compared family: its name and its labels.
pub const FAMILIES: [(&str, &[&str]); 12] = [
    ("django_http_requests_before_middlewares_total", &[]),
    ("django_http_responses_before_middlewares_total", &[]),
    (
        "django_http_requests_latency_including_middlewares_seconds",
        &[],
    ),
    (
        "django_http_requests_latency_seconds_by_view_method",
        &["method", "view"],
    ),
    ("django_http_requests_total_by_method_total", &["method"]),
    (
        "django_http_requests_total_by_transport_total",
        &["transport"],
    ),
    (
        "django_http_requests_total_by_view_transport_method_total",
        &["method", "transport", "view"],
    ),
    ("django_http_requests_body_total_bytes", &[]),
    ("django_http_responses_total_by_status_total", &["status"]),
    (
        "django_http_responses_total_by_status_view_method_total",
        &["method", "status", "view"],
    ),
    ("django_http_responses_body_total_bytes", &[]),
    ("django_http_responses_total_by_charset_total", &["charset"]),
];

impl Family {
    /// Every family.
    pub(super) const ALL: [Self; 12] = [
        Self::Requests,
        Self::Responses,
        Self::Latency,
        Self::LatencyByView,
        Self::ByMethod,
        Self::ByTransport,
        Self::ByView,
        Self::RequestBytes,
        Self::ByStatus,
        Self::ByStatusView,
        Self::ResponseBytes,
        Self::ByCharset,
    ];

    pub(super) const fn name(self) -> &'static str {
        FAMILIES[self as usize].0
    }

    pub(super) const fn labels(self) -> &'static [&'static str] {
        FAMILIES[self as usize].1
    }

    /// Returns whether the family is a histogram.
    pub(super) const fn is_histogram(self) -> bool {
        matches!(
            self,
            Self::Latency | Self::LatencyByView | Self::RequestBytes | Self::ResponseBytes
        )
    }

    /// Returns whether the family is a histogram of times.
    pub(super) const fn is_timed(self) -> bool {
        matches!(self, Self::Latency | Self::LatencyByView)
    }

    /// Returns whether requests are counted before any middleware has seen them, or their responses after all have.
    pub(super) const fn is_outermost(self) -> bool {
        matches!(self, Self::Requests | Self::Responses | Self::Latency)
    }

    /// Returns whether a request is counted when it begins.
    pub(super) const fn is_of_requests(self) -> bool {
        matches!(
            self,
            Self::Requests | Self::ByMethod | Self::ByTransport | Self::ByView | Self::RequestBytes
        )
    }
}
