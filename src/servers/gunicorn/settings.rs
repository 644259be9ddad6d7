//! The settings of gunicorn, or of another of Python's servers, that concern its access log.
//!
//! Invariant: a setting is unset only as far as what was read shows; `open` says what else may set it.

use crate::diag::Place;

pub use super::python::Assumed;

/// Classes of workers that handle one request for each thread.
const SYNCHRONOUS: [&str; 2] = ["sync", "gthread"];

/// A server of Python's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// gunicorn.
    #[default]
    Gunicorn,
    /// uvicorn.
    Uvicorn,
    /// Granian.
    Granian,
    /// Daphne.
    Daphne,
    /// Hypercorn.
    Hypercorn,
}

/// The value of a setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T = String> {
    /// The server's default applies.
    #[default]
    Unset,
    /// A known value.
    Literal(T, Place),
    /// A value that is only known at run time, with the reason.
    Dynamic(String, Place),
}

/// Something that a setting depends on, and that the configuration does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// Name of the setting.
    pub setting: String,
    /// Dependency of its value.
    pub assumed: Assumed,
    /// Place of the setting.
    pub place: Place,
}

/// The settings for an access log.
#[derive(Clone, Debug, Default)]
pub struct Gunicorn {
    /// The server that the settings are for.
    pub program: Program,
    /// Path of the access log; `-` is standard output.
    pub access_log: Setting,
    /// Value of `access_log_format`.
    pub format: Setting,
    /// Place of the setting that sends the access log to syslog.
    pub syslog: Option<Place>,
    /// Setting that configures logging elsewhere, and may override the others.
    pub logging_config: Option<(String, Place)>,
    /// Directory to which relative paths refer, if known.
    pub directory: Option<String>,
    /// `SCRIPT_NAME` of the environment: the prefix of the site, which its URLconf does not see.
    pub script_name: Option<(String, Place)>,
    /// Number of workers.
    pub workers: Setting<u64>,
    /// Number of threads of each worker.
    pub threads: Setting<u64>,
    /// Class of the workers.
    pub class: Setting,
    /// File name of the systemd unit that runs the server.
    pub unit: Option<String>,
    /// File to which the output of the server is appended.
    pub output: Option<String>,
    /// True if another program reads the output.
    pub is_piped: bool,
    /// Settings that depend on what the configuration does not show.
    pub assumptions: Vec<Assumption>,
    /// Name of a place that may set what is unset here; `None` if nothing does.
    pub open: Option<String>,
}

impl Program {
    /// All servers.
    pub(super) const ALL: [Self; 5] = [
        Self::Gunicorn,
        Self::Uvicorn,
        Self::Granian,
        Self::Daphne,
        Self::Hypercorn,
    ];

    /// Returns the name of the program, which is also that of the preset for its default format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gunicorn => "gunicorn",
            Self::Uvicorn => "uvicorn",
            Self::Granian => "granian",
            Self::Daphne => "daphne",
            Self::Hypercorn => "hypercorn",
        }
    }
}

impl Gunicorn {
    /// Returns the server whose own format the lines have: uvicorn's workers ignore gunicorn's.
    pub(in crate::servers) fn format_of(&self) -> Program {
        match &self.class {
            Setting::Literal(class, _) if class.contains("uvicorn") => Program::Uvicorn,
            _ => self.program,
        }
    }

    /// Returns the workers and the threads of each, if both are known.
    pub(in crate::servers) fn capacity(&self) -> Option<(u64, u64)> {
        let Setting::Literal(workers, _) = self.workers else {
            return None;
        };
        let threads = match self.threads {
            Setting::Unset => 1,
            Setting::Literal(threads, _) => threads,
            Setting::Dynamic(..) => return None,
        };
        let is_synchronous = match &self.class {
            Setting::Unset => true,
            Setting::Literal(class, _) => SYNCHRONOUS.contains(&&**class),
            Setting::Dynamic(..) => false,
        };
        let is_usual = |number: u64| (1..=10_000).contains(&number);
        (is_synchronous && is_usual(workers) && is_usual(threads)).then_some((workers, threads))
    }

    /// Returns a path, in the directory of the server if that is known.
    pub(in crate::servers) fn absolute(&self, path: &str) -> String {
        match &self.directory {
            Some(directory) if !path.starts_with('/') => format!("{directory}/{path}"),
            _ => path.to_owned(),
        }
    }
}
