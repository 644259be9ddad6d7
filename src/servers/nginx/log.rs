//! The access logs that nginx is configured to write.

use super::format::Format;
use super::path_change::PathChange;
use crate::diag::Place;

/// The access logs of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Nginx {
    /// Each pair of target and format once, sorted as in the configuration.
    pub logs: Vec<Log>,
    /// Blocks whose requests are not logged: their opening words and place.
    pub unlogged: Vec<(String, Place)>,
    /// Every `log_format` of the configuration, and the built-in one.
    pub formats: Vec<Format>,
    /// A location of stub status.
    pub stub: Option<StubLocation>,
}

/// A location of stub status.
#[derive(Clone, Debug)]
pub struct StubLocation {
    /// Address of the page on this machine, as `[[nginx_status]]` has it.
    pub url: String,
    /// Place of the location.
    pub place: Place,
}

/// An access log.
#[derive(Clone, Debug)]
pub struct Log {
    /// Destination of the lines.
    pub target: Target,
    /// Format of the lines.
    pub format: Format,
    /// Names of the servers that write to the log.
    pub servers: Vec<String>,
    /// Conditions given by `if=`.
    pub conditions: Vec<String>,
    /// Other files to which the same requests are written.
    pub also_in: Vec<String>,
    /// Changes that nginx makes to paths of the log's requests when it passes them on; each once.
    pub path_changes: Vec<PathChange>,
    /// True if all requests that `proxy_pass` passes on have `$request_id` as `X-Request-ID`, false if not all do; `None` if it
    /// passes none on.
    pub proxies: Option<bool>,
    /// True if `buffer=` or `flush=` may delay lines.
    pub is_buffered: bool,
    /// Place of the `access_log`; `None` for the log that nginx writes by default.
    pub place: Option<Place>,
    /// Places of other directives for the same log.
    pub other_places: Vec<Place>,
}

/// Destination of an access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path, perhaps with variables.
    File(String),
    /// `gzip=`: a path to a compressed file.
    Compressed(String),
    /// The parameters after `syslog:`.
    Syslog(String),
}
