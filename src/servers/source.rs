//! A source of the drafted configuration.

use super::rewrites::Rewrites;
use crate::model::{Field, FieldSet};

/// A source, commented out unless it is live.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) input: Input,
    /// Name of the pattern.
    pub(super) pattern: String,
    pub(super) fields: FieldSet,
    /// Names of the front sources whose lines are joined with this source's.
    pub(super) behind: Vec<String>,
    /// True if all requests that are passed on to other servers have their id, false if not all do; `None` if none are
    /// passed on.
    pub(super) proxies: Option<bool>,
    /// The metric sets, if they are not those of all sources.
    pub(super) sets: Option<&'static str>,
    /// The workers that write the lines.
    pub(super) capacity: Option<Capacity>,
    /// Path changes between nginx and Django.
    pub(super) rewrites: Rewrites,
    /// Comments above the source.
    pub(super) comments: Vec<String>,
    pub(super) is_live: bool,
}

/// Number of requests that are handled at once.
#[derive(Clone, Debug)]
pub(super) struct Capacity {
    pub(super) workers: u64,
    /// Threads of each worker.
    pub(super) threads: u64,
    /// Remarks on the numbers.
    pub(super) notes: Vec<String>,
}

/// The origin of a source's lines.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// A path or a glob.
    Path(String),
    /// A syslog address to listen on.
    Syslog(String),
    /// A unit whose output is in the journal.
    Journal(String),
}

impl Source {
    /// Returns the path or glob of a live source.
    pub(super) fn live_path(&self) -> Option<&str> {
        match &self.input {
            Input::Path(glob) if self.is_live => Some(glob),
            _ => None,
        }
    }

    /// Returns whether the pattern reads a field.
    pub(super) fn has(&self, field: Field) -> bool {
        self.fields.contains(field)
    }
}
