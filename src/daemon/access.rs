//! State of the inputs of a source: open, or the reason why not.
//!
//! Invariant: the reason is of the latest event; an open input has none.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::source::{FileEvent, StreamEvent};

/// State of a source's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// A file, pipe or socket is open, or standard input has ended.
    Open,
    /// The file or FIFO does not exist yet. Not an error: it may appear.
    Waiting(String),
    /// The input cannot be opened.
    Failing(String),
}

/// The latest event of a source that tells its [`Access`].
#[derive(Debug, Default)]
pub(super) struct AccessRecord(Mutex<Option<Access>>);

impl AccessRecord {
    /// Records an event of followed files.
    pub(super) fn file_event(&self, event: &FileEvent) {
        let mut known = self.lock();
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
                *self.lock() = Some(if *is_missing {
                    Access::Waiting(why)
                } else {
                    Access::Failing(why)
                });
            }
            StreamEvent::Opened { .. } | StreamEvent::Ended => *self.lock() = None,
            _ => {}
        }
    }

    /// Returns the state of followed files of which this many are open.
    pub(super) fn of_files(&self, open: usize) -> Access {
        if open > 0 {
            return Access::Open;
        }
        let known = self.lock().clone();
        known.unwrap_or_else(|| Access::Waiting("no file".to_owned()))
    }

    /// Returns the state of a stream.
    pub(super) fn of_stream(&self) -> Access {
        self.lock().clone().unwrap_or(Access::Open)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Access>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// State of each source's input; `None` for one that was not tried yet.
#[derive(Debug, Default)]
pub(super) struct AccessTable(BTreeMap<String, Option<Access>>);

impl AccessTable {
    /// Replaces the sources; what is known of those that stay is kept. Sources that a reload adds do not interrupt the
    /// readiness.
    pub(super) fn set_sources<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        let mut known = std::mem::take(&mut self.0);
        let is_start = known.is_empty() || known.values().any(Option::is_none);
        let added = (!is_start).then(|| Access::Waiting("not tried yet".to_owned()));
        self.0 = names
            .map(|name| {
                let access = known.remove(name).unwrap_or_else(|| added.clone());
                (name.to_owned(), access)
            })
            .collect();
    }

    /// Notes the state of a source, unless a reload has removed it.
    pub(super) fn note(&mut self, source: &str, access: Access) {
        if let Some(known) = self.0.get_mut(source) {
            *known = Some(access);
        }
    }

    /// Returns whether an attempt to open every source was made.
    pub(super) fn all_tried(&self) -> bool {
        self.0.values().all(Option::is_some)
    }

    /// Returns which sources are open, and why others are not.
    pub(super) fn readiness(&self) -> Readiness {
        Readiness::of(&self.0)
    }
}

/// Readiness of all sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Readiness {
    /// Every source is open or waits for a file.
    pub(super) is_ready: bool,
    /// The number of open sources and, in further lines, why others are not.
    pub(super) report: String,
}

impl Readiness {
    /// Returns the readiness of sources by name; `None` is one that was not tried yet.
    fn of(sources: &BTreeMap<String, Option<Access>>) -> Self {
        let is_open = |access: &&Option<Access>| **access == Some(Access::Open);
        let open = sources.values().filter(is_open).count();
        let is_ready = sources
            .values()
            .all(|access| matches!(access, Some(Access::Open | Access::Waiting(_))));
        let word = if is_ready { "ready" } else { "not ready" };
        let mut report = match sources.len() {
            all if all == open => format!("{word}: every source is open\n"),
            all => format!("{word}: {open} of {all} sources open\n"),
        };
        for (name, access) in sources {
            let why = match access {
                Some(Access::Open) => continue,
                Some(Access::Waiting(why) | Access::Failing(why)) => why,
                None => "not tried yet",
            };
            // Writing to a string cannot fail.
            let _ = writeln!(report, "`{name}`: {why}");
        }
        Self { is_ready, report }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn readiness(sources: &[(&str, Option<Access>)]) -> (bool, String) {
        let sources = sources
            .iter()
            .map(|(name, access)| ((*name).to_owned(), access.clone()));
        let Readiness { is_ready, report } = Readiness::of(&sources.collect());
        (is_ready, report)
    }

    #[test]
    fn a_report_names_the_sources_that_are_not_open() {
        let waiting = Some(Access::Waiting("no file at /a".into()));
        let failing = Some(Access::Failing("cannot read fifo".into()));
        let check = |sources: &[_], is_ready, report: &str| {
            assert_eq!(readiness(sources), (is_ready, report.to_owned()));
        };
        let open = ("a", Some(Access::Open));
        check(
            std::slice::from_ref(&open),
            true,
            "ready: every source is open\n",
        );
        check(
            &[open.clone(), ("w", waiting)],
            true,
            "ready: 1 of 2 sources open\n`w`: no file at /a\n",
        );
        check(
            &[open.clone(), ("f", failing)],
            false,
            "not ready: 1 of 2 sources open\n`f`: cannot read fifo\n",
        );
        check(
            &[open, ("n", None)],
            false,
            "not ready: 1 of 2 sources open\n`n`: not tried yet\n",
        );
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
