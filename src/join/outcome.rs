//! The outcomes of lines of linked sources, and the reasons for unreached requests.

/// Reason why no server behind the front logged a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The front responded successfully by itself: with a file, or from its cache.
    Static,
    /// The front responded by itself in another way: with a redirect or a refusal.
    Local,
    /// A limit of the front refused it.
    Limited,
    /// The client closed the connection.
    ClientClosed,
    /// The server behind could not be reached, or broke off, such as a killed worker.
    BadGateway,
    /// The server behind did not respond in time.
    Timeout,
    /// A server behind responded, yet logged no line.
    Missing,
}

/// Outcome of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Joined with the other line of its request; the time between them was observed.
    Joined,
    /// Joined, but one of the two lines has no time.
    Untimed,
    /// A line of the front without one from behind.
    Unreached,
    /// A line from behind without one of the front.
    Unfronted,
    /// A further line of the same side for the same request.
    Duplicate,
    /// Dropped before its wait was over, because the table was full.
    Evicted,
    /// The line has no id.
    NoId,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Static,
        Self::Local,
        Self::Limited,
        Self::ClientClosed,
        Self::BadGateway,
        Self::Timeout,
        Self::Missing,
    ];

    /// Returns the value of the label `reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Local => "local",
            Self::Limited => "limited",
            Self::ClientClosed => "client_closed",
            Self::BadGateway => "bad_gateway",
            Self::Timeout => "timeout",
            Self::Missing => "missing",
        }
    }

    /// Returns the reason for a request that the front did not pass on, by the status of its response.
    pub(super) const fn from_local_status(status: Option<u16>) -> Self {
        match status {
            Some(200..=299 | 304) => Self::Static,
            // The default status of `limit_req` and `limit_conn`, and the one most often configured.
            Some(429 | 503) => Self::Limited,
            Some(499) => Self::ClientClosed,
            Some(502) => Self::BadGateway,
            Some(504) => Self::Timeout,
            _ => Self::Local,
        }
    }

    /// Returns the reason for a request that was passed on and logged nowhere else, by the status of its response.
    pub(super) const fn from_passed_status(status: Option<u16>) -> Self {
        match status {
            Some(499) => Self::ClientClosed,
            Some(502) => Self::BadGateway,
            Some(504) => Self::Timeout,
            _ => Self::Missing,
        }
    }
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Joined,
        Self::Untimed,
        Self::Unreached,
        Self::Unfronted,
        Self::Duplicate,
        Self::Evicted,
        Self::NoId,
    ];

    /// Returns the value of the label `outcome`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Untimed => "untimed",
            Self::Unreached => "unreached",
            Self::Unfronted => "unfronted",
            Self::Duplicate => "duplicate",
            Self::Evicted => "evicted",
            Self::NoId => "no_id",
        }
    }
}
