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
    /// Name of the front source whose lines are joined with this source's.
    pub(super) behind: Option<String>,
    /// Workers, and threads of each, that write the lines.
    pub(super) capacity: Option<(u64, u64)>,
    /// Path changes between nginx and Django.
    pub(super) rewrites: Rewrites,
    /// Comments above the source.
    pub(super) comments: Vec<String>,
    pub(super) is_live: bool,
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
