//! The path of the metrics.

use std::fmt;
use std::str::FromStr;

/// The path at which the metrics are served, `/metrics` by default.
///
/// ```
/// use httplog_exporter::http::MetricsPath;
/// let path: MetricsPath = "/prometheus".parse()?;
/// assert_eq!(path.to_string(), "/prometheus");
/// assert!("metrics".parse::<MetricsPath>().is_err());
/// # Ok::<(), httplog_exporter::http::MetricsPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsPath(Box<str>);

/// The reason for which a text is not a path for the metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsPathError {
    /// The text does not start with a slash.
    #[error("a path starts with `/`, for example `/metrics`")]
    Relative,
    /// The text has characters that are not those of a path.
    #[error("a path has letters, digits, and `-._~/` only, for example `/metrics`")]
    Characters,
    /// The path belongs to another page.
    #[error(
        "paths below `/-/` and `/api/` are those of other pages; choose for example `/metrics`"
    )]
    Taken,
}

impl MetricsPath {
    /// Returns the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for MetricsPath {
    fn default() -> Self {
        Self("/metrics".into())
    }
}

impl fmt::Display for MetricsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MetricsPath {
    type Err = MetricsPathError;

    fn from_str(text: &str) -> Result<Self, MetricsPathError> {
        let is_plain = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/')
        };
        if !text.starts_with('/') {
            Err(MetricsPathError::Relative)
        } else if !text.bytes().all(is_plain) {
            Err(MetricsPathError::Characters)
        } else if text.starts_with("/-/") || text.starts_with("/api/") {
            Err(MetricsPathError::Taken)
        } else {
            Ok(Self(text.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_plain_and_not_that_of_another_page() {
        let check = |text: &str| text.parse::<MetricsPath>().map(|path| path.to_string());
        for path in ["/", "/metrics", "/a/b.c-d_e~", "/api"] {
            assert_eq!(check(path), Ok(path.to_owned()));
        }
        assert_eq!(check(""), Err(MetricsPathError::Relative));
        assert_eq!(check("metrics"), Err(MetricsPathError::Relative));
        for path in ["/a b", "/a?b", "/\u{e9}", "/a%20", "/\0"] {
            assert_eq!(check(path), Err(MetricsPathError::Characters), "{path}");
        }
        for path in ["/-/healthy", "/-/x", "/api/v1/status"] {
            assert_eq!(check(path), Err(MetricsPathError::Taken));
        }
    }
}
