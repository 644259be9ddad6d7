//! Reports paths that cannot be read.
//!
//! Invariant: the same trouble with a path is reported once; one that many paths have is one report with their number, and
//! another once that has doubled or halved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::place::Trouble;
use crate::source::file::event::FileEvent;
use crate::source::file::fs::FileError;

/// Most paths with the same trouble that are reported one by one.
const MOST_SINGLE: usize = 10;

/// The troubles that were reported and persist.
#[derive(Debug, Default)]
pub(super) struct Reports {
    by_path: BTreeMap<PathBuf, Trouble>,
    /// Troubles that many paths have or had, with the number of the last report.
    groups: BTreeMap<Trouble, usize>,
}

impl Reports {
    /// Returns whether every path could be read at the last scan.
    pub(super) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// Reports what is new in the troubles of a scan; without an error, nothing is there.
    pub(super) fn report(
        &mut self,
        faults: Vec<(PathBuf, Option<FileError>)>,
        events: &mut dyn FnMut(FileEvent),
    ) {
        let mut alike: BTreeMap<Trouble, Vec<(PathBuf, Option<FileError>)>> = BTreeMap::new();
        for (path, error) in faults {
            let trouble = error.as_ref().map_or(Trouble::Missing, Trouble::from);
            alike.entry(trouble).or_default().push((path, error));
        }
        let by_path = std::mem::take(&mut self.by_path);
        let groups = std::mem::take(&mut self.groups);
        for (trouble, members) in alike {
            let number = members.len();
            let reported = groups.get(&trouble).copied();
            let is_single = number <= MOST_SINGLE;
            let has_changed =
                reported.is_none_or(|reported| number >= 2 * reported || 2 * number <= reported);
            let mut as_group = !is_single && has_changed;
            if let Some(reported) = reported.filter(|_| is_single || !has_changed) {
                self.groups.insert(trouble, reported);
            } else if !is_single {
                self.groups.insert(trouble, number);
            }
            for (path, error) in members {
                let is_new = by_path.get(&path) != Some(&trouble);
                if (is_single && is_new) || std::mem::take(&mut as_group) {
                    let files = if is_single { 1 } else { number as u64 };
                    events(event(path.clone(), error, trouble, files));
                }
                self.by_path.insert(path, trouble);
            }
        }
    }
}

fn event(path: PathBuf, error: Option<FileError>, trouble: Trouble, files: u64) -> FileEvent {
    match error {
        Some(error) if trouble != Trouble::Missing && files == 1 => {
            FileEvent::Unreadable { path, error }
        }
        Some(error) if trouble != Trouble::Missing => {
            FileEvent::ManyUnreadable { path, files, error }
        }
        _ if files == 1 => FileEvent::Missing { path },
        _ => FileEvent::ManyMissing { path, files },
    }
}
