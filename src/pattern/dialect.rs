//! The notations of patterns, and the ways lines are read.

/// A notation that a pattern may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// nginx's `log_format`.
    Nginx,
    /// gunicorn's `access_log_format`.
    Gunicorn,
    /// Apache's `LogFormat`.
    Apache,
    /// A regular expression with named groups.
    Regex,
    /// The keys of JSON objects; dots separate the keys of nested objects.
    Json,
    /// The labels of labelled tab-separated values.
    Ltsv,
}

/// Method by which a pattern reads lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A plan that finds delimiters; the regex decides on lines that the plan leaves undecided.
    Plan,
    /// The tables of the regex's walk, or the regex itself if the tables would be too large.
    Regex,
    /// Lookup of JSON or LTSV keys.
    Scanner,
    /// All readings of a line at once: the format does not say where each value ends.
    Readings,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::Nginx,
        Self::Gunicorn,
        Self::Apache,
        Self::Regex,
        Self::Json,
        Self::Ltsv,
    ];

    /// Returns the configuration key that introduces a pattern of this dialect.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Gunicorn => "gunicorn",
            Self::Apache => "apache",
            Self::Regex => "regex",
            Self::Json => "json",
            Self::Ltsv => "ltsv",
        }
    }

    /// Returns the name of a value as a format writes it.
    pub(super) fn written(self, name: &str) -> String {
        match self {
            Self::Nginx => format!("${name}"),
            Self::Gunicorn => format!("%({name})s"),
            Self::Apache if name.starts_with('%') => name.to_owned(),
            Self::Apache => format!("%{name}"),
            Self::Json | Self::Ltsv | Self::Regex => name.to_owned(),
        }
    }

    /// Returns whether a pattern is a table from fields to [`Keys`](super::Keys) instead of a format string.
    pub const fn takes_keys(self) -> bool {
        matches!(self, Self::Json | Self::Ltsv)
    }
}

impl Engine {
    /// Returns the name that `patterns` prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Regex => "regex",
            Self::Scanner => "scanner",
            Self::Readings => "readings",
        }
    }
}
