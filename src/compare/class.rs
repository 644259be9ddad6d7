//! Classes of differences.
//!
//! Invariant: each class has a name, a meaning and, where something can be done, a remedy.

/// The cause of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Requests that Django has not seen.
    Unreached,
    /// Requests that a middleware has answered before the last one of django-prometheus.
    Middleware,
    /// Requests that a middleware has refused before their view was called.
    BeforeView,
    /// Responses that were changed after django-prometheus had counted them.
    Rewritten,
    /// Exceptions of views, which django-prometheus observes twice.
    Raised,
    /// Methods that django-prometheus exports as they are.
    Method,
    /// Responses that django-prometheus does not measure.
    Streamed,
    /// Another scheme.
    Transport,
    /// Another name of the view.
    View,
    /// Requests for the page of django-prometheus itself.
    Scrape,
    /// Requests between the reading of the two pages.
    InFlight,
    /// Requests that did not pass the server whose log is read.
    OtherWay,
    /// Lines that were not read or were rejected.
    Unread,
    /// Requests that the server has passed on several times.
    Retried,
    /// Requests that other processes of the site have counted.
    Workers,
    /// Counts that began again.
    Reset,
    /// Counts of the two sides that began at different times.
    Beginning,
    /// Times that were measured elsewhere.
    Clock,
    /// Bytes that were measured elsewhere.
    Bytes,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 19] = [
        Self::Unreached,
        Self::Middleware,
        Self::BeforeView,
        Self::Rewritten,
        Self::Raised,
        Self::Method,
        Self::Streamed,
        Self::Transport,
        Self::View,
        Self::Scrape,
        Self::InFlight,
        Self::OtherWay,
        Self::Unread,
        Self::Retried,
        Self::Workers,
        Self::Reset,
        Self::Beginning,
        Self::Clock,
        Self::Bytes,
    ];

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreached => "unreached",
            Self::Middleware => "middleware",
            Self::BeforeView => "before_view",
            Self::Rewritten => "rewritten",
            Self::Raised => "raised",
            Self::Method => "method",
            Self::Streamed => "streamed",
            Self::Transport => "transport",
            Self::View => "view",
            Self::Scrape => "scrape",
            Self::InFlight => "in_flight",
            Self::OtherWay => "other_way",
            Self::Unread => "unread",
            Self::Retried => "retried",
            Self::Workers => "workers",
            Self::Reset => "reset",
            Self::Beginning => "beginning",
            Self::Clock => "clock",
            Self::Bytes => "bytes",
        }
    }

    /// Returns what the difference is.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Unreached => {
                "the server answered by itself or gave up: files, refusals, 499, 502, 504; Django never saw the request"
            }
            Self::Middleware => {
                "a middleware answered between PrometheusBeforeMiddleware and PrometheusAfterMiddleware"
            }
            Self::BeforeView => {
                "a middleware refused the request before its view was called, as CSRF protection does"
            }
            Self::Rewritten => {
                "a middleware or the server changed the response afterwards: 404 to 301 (APPEND_SLASH), 200 to 304, or to 499 and 502"
            }
            Self::Raised => "the view raised an exception, which django-prometheus observes twice",
            Self::Method => {
                "django-prometheus exports an unknown method as it is; here it is <invalid method>"
            }
            Self::Streamed => "django-prometheus does not measure streamed responses",
            Self::Transport => "the server and Django disagree on http or https",
            Self::View => {
                "the view has another name here, or none: the URLconf is missing or old, or the server changes the path"
            }
            Self::Scrape => "requests for the page of django-prometheus itself",
            Self::InFlight => "served between the reading of the two pages",
            Self::OtherWay => "reached Django without passing the server whose log is read",
            Self::Unread => "lines of the log that were rejected or are not read yet",
            Self::Retried => {
                "passed on again after a failed attempt: Django saw the request more than once"
            }
            Self::Workers => {
                "counted by other processes of the site: the page of django-prometheus has one of them"
            }
            Self::Reset => {
                "counted before the counters began again, or by a process that has ended"
            }
            Self::Beginning => "the two sides did not begin to count at the same time",
            Self::Clock => {
                "measured by the server, with all middleware and the wait for a worker, and not inside Django"
            }
            Self::Bytes => {
                "bytes as they were sent or announced: compressed, none for HEAD and 304, unknown for chunked bodies"
            }
        }
    }

    /// Returns what can be done.
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::View => Some(
                "dump the URLconf again and name it in routes.NAME.urlconf: see docs/django.md",
            ),
            Self::Transport => Some(
                "set SECURE_PROXY_SSL_HEADER in Django's settings, and pass X-Forwarded-Proto on",
            ),
            Self::OtherWay => Some(
                "follow the log of the application server instead, or leave these requests out of account",
            ),
            Self::Unread => Some("see why with `httplog-exporter status`"),
            Self::Workers => {
                Some("set PROMETHEUS_MULTIPROC_DIR for the comparison, or run one worker")
            }
            Self::Reset => Some("take both pages again, without a restart between them"),
            Self::Beginning => Some(
                "save both pages, wait, and name the saved ones with --django-before and --ours-before",
            ),
            Self::InFlight => Some("take the pages while the site is quiet"),
            _ => None,
        }
    }
}
