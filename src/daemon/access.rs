//! State of the inputs of a source: open, or the reason why not.
//!
//! Invariant: the reason is of the latest event; an open input has none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::control::lock;
use crate::source::{FileEvent, StreamEvent};
use crate::status::SourceState;

/// State of a source's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// No attempt to open it was made yet.
    Untried,
    /// A file, pipe or socket is open, or standard input has ended.
    Open,
    /// The file or FIFO does not exist yet. Not an error: it may appear.
    Waiting(String),
    /// The input cannot be opened.
    Failing(String),
}

impl Access {
    /// Returns the state without its reason.
    pub(super) fn state(&self) -> SourceState {
        match self {
            Self::Untried => SourceState::Untried,
            Self::Open => SourceState::Open,
            Self::Waiting(_) => SourceState::Waiting,
            Self::Failing(_) => SourceState::Failing,
        }
    }

    /// Returns why the input is not open; `None` if it is.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Untried => Some("not tried yet"),
            Self::Open => None,
            Self::Waiting(reason) | Self::Failing(reason) => Some(reason),
        }
    }
}

/// The latest event of a source that tells its [`Access`].
#[derive(Debug, Default)]
pub(super) struct AccessRecord(Mutex<Option<Access>>);

impl AccessRecord {
    /// Records an event of followed files.
    pub(super) fn file_event(&self, event: &FileEvent) {
        let mut known = lock(&self.0);
        match event {
            FileEvent::Unreadable { .. } | FileEvent::ManyUnreadable { .. } => {
                *known = Some(Access::Failing(event.to_string()));
            }
            // A file that cannot be opened is worth more than one that does not exist.
            FileEvent::Missing { .. } | FileEvent::ManyMissing { .. }
                if !matches!(*known, Some(Access::Failing(_))) =>
            {
                *known = Some(Access::Waiting(event.to_string()));
            }
            FileEvent::Opened { .. }
            | FileEvent::OpenedMany { .. }
            | FileEvent::Readable { .. }
            | FileEvent::Finished { .. } => *known = None,
            _ => {}
        }
    }

    /// Records an event of a pipe, socket or journal.
    pub(super) fn stream_event(&self, event: &StreamEvent) {
        match event {
            StreamEvent::Unavailable { is_missing, .. } => {
                let why = event.to_string();
                *lock(&self.0) = Some(if *is_missing {
                    Access::Waiting(why)
                } else {
                    Access::Failing(why)
                });
            }
            StreamEvent::Opened { .. } | StreamEvent::Ended => *lock(&self.0) = None,
            _ => {}
        }
    }

    /// Returns the state of followed files of which this many are open.
    pub(super) fn of_files(&self, open: usize) -> Access {
        if open > 0 {
            return Access::Open;
        }
        let known = lock(&self.0).clone();
        known.unwrap_or_else(|| Access::Waiting("no file".to_owned()))
    }

    /// Returns the state of a stream.
    pub(super) fn of_stream(&self) -> Access {
        lock(&self.0).clone().unwrap_or(Access::Open)
    }
}

/// State of each source's input, by name. Clones share one table, which any thread can read.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessTable(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// The sources of the configuration in force.
    sources: BTreeSet<String>,
    /// States as they were noted. That of a source that a reload adds may come before the list of sources.
    noted: BTreeMap<String, Access>,
}

impl AccessTable {
    /// Replaces the sources; what is known of those that stay is kept.
    pub(super) fn set_sources<'n>(&self, names: impl Iterator<Item = &'n str>) {
        let mut table = lock(&self.0);
        let sources: BTreeSet<String> = names.map(str::to_owned).collect();
        table.noted.retain(|name, _| sources.contains(name));
        table.sources = sources;
    }

    /// Notes the state of a source.
    pub(super) fn note(&self, source: String, access: Access) {
        lock(&self.0).noted.insert(source, access);
    }

    /// Returns the latest state of each source.
    pub(super) fn states(&self) -> BTreeMap<String, Access> {
        let table = lock(&self.0);
        let state = |name: &String| {
            let noted = table.noted.get(name).cloned();
            (name.clone(), noted.unwrap_or(Access::Untried))
        };
        table.sources.iter().map(state).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_reload_keeps_what_is_known_of_the_sources_that_stay() {
        let table = AccessTable::default();
        let shared = table.clone();
        let states = |known: &[(&str, Access)]| {
            let known = known
                .iter()
                .map(|(name, access)| ((*name).to_owned(), access.clone()));
            assert_eq!(shared.states(), known.collect());
        };
        table.set_sources(["a", "b"].into_iter());
        states(&[("a", Access::Untried), ("b", Access::Untried)]);
        table.note("a".into(), Access::Open);
        table.note("b".into(), Access::Open);
        table.set_sources(["a", "c"].into_iter());
        table.note("b".into(), Access::Open);
        states(&[("a", Access::Open), ("c", Access::Untried)]);
    }

    #[test]
    fn a_state_that_comes_before_the_reload_that_adds_its_source_is_kept() {
        let table = AccessTable::default();
        table.set_sources(["a"].into_iter());
        table.note("a".into(), Access::Open);
        let waiting = Access::Waiting("no file".to_owned());
        table.note("late".into(), waiting.clone());
        assert_eq!(table.states(), [("a".to_owned(), Access::Open)].into());
        table.set_sources(["a", "late"].into_iter());
        let states = [("a".to_owned(), Access::Open), ("late".to_owned(), waiting)];
        assert_eq!(table.states(), states.into());
    }

    #[test]
    fn the_latest_event_tells_the_state() {
        let record = AccessRecord::default();
        let path = std::path::PathBuf::from("/a");
        record.file_event(&FileEvent::Missing { path: path.clone() });
        assert_eq!(record.of_files(0), Access::Waiting("no file at /a".into()));
        assert_eq!(record.of_files(1), Access::Open);
        let error = io::Error::from_raw_os_error(13);
        record.file_event(&FileEvent::Unreadable {
            path: path.clone(),
            error: crate::source::FileError::Io(error),
        });
        record.file_event(&FileEvent::Missing { path: path.clone() });
        assert!(matches!(record.of_files(0), Access::Failing(why) if why.contains("denied")));
        record.file_event(&FileEvent::Readable { path });
        assert_eq!(record.of_files(0), Access::Waiting("no file".into()));
        let record = AccessRecord::default();
        assert_eq!(record.of_stream(), Access::Open);
        let (what, error) = ("tcp://[::1]:1".to_owned(), "in use".to_owned());
        record.stream_event(&StreamEvent::Unavailable {
            what,
            error,
            is_missing: false,
        });
        assert!(matches!(record.of_stream(), Access::Failing(why) if why.contains("in use")));
        record.stream_event(&StreamEvent::Ended);
        assert_eq!(record.of_stream(), Access::Open);
    }
}
