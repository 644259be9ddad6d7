//! Followed paths of which records were dropped for want of room.
//!
//! Invariant: a text whose record was dropped is not read again. An unknown rotated file that is not younger than the
//! latest of them may be one of them: it is skipped, and reported once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::saved::{path_of, saved_path};
use crate::model::saved::files::SavedTrace;

/// Traces of dropped records, by followed path.
#[derive(Debug, Default)]
pub(super) struct Forgotten(BTreeMap<Arc<Path>, Trace>);

/// Trace of the dropped records of one path. Times of modification are in nanoseconds since 1970.
#[derive(Debug, Default)]
struct Trace {
    /// Latest modification of a file whose record was dropped.
    modified: u64,
    /// `modified` as of the last report.
    reported: u64,
    /// Files skipped since then.
    skipped: Skipped,
}

/// Files that were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) files: u64,
    /// Most bytes of text that they can hold.
    pub(super) at_most: u64,
}

impl Forgotten {
    /// Returns the traces as they are saved.
    pub(super) fn saved(&self) -> Vec<SavedTrace> {
        let saved = |(base, trace): (&Arc<Path>, &Trace)| SavedTrace {
            base: saved_path(base),
            modified: trace.modified,
            reported: trace.reported,
        };
        self.0.iter().map(saved).collect()
    }

    /// Returns saved traces.
    pub(super) fn resume(saved: &[SavedTrace]) -> Self {
        let trace = |saved: &SavedTrace| {
            let trace = Trace {
                modified: saved.modified,
                reported: saved.reported,
                skipped: Skipped::default(),
            };
            (Arc::from(path_of(&saved.base)), trace)
        };
        Self(saved.iter().map(trace).collect())
    }
    /// Notes that the record of a text of `base` was dropped; a file that held it was modified at this time.
    pub(super) fn note(&mut self, base: Arc<Path>, modified: u64) {
        let trace = self.0.entry(base).or_default();
        trace.modified = trace.modified.max(modified);
    }

    /// Returns whether a file of this age was reported as skipped.
    pub(super) fn is_reported(&self, base: &Path, modified: u64) -> bool {
        self.0
            .get(base)
            .is_some_and(|trace| modified <= trace.reported)
    }

    /// Returns whether an unknown file of this age must not be read; counts it for the next report. Its text has at most
    /// `at_most` bytes.
    pub(super) fn skip(&mut self, base: &Path, modified: u64, at_most: u64) -> bool {
        let trace = self.0.get_mut(base);
        let Some(trace) = trace.filter(|trace| modified <= trace.modified) else {
            return false;
        };
        trace.skipped.files += 1;
        trace.skipped.at_most = trace.skipped.at_most.saturating_add(at_most);
        true
    }

    /// Returns the paths of which files were skipped since the last report, and these files.
    pub(super) fn report(&mut self) -> Vec<(PathBuf, Skipped)> {
        let mut skipped = Vec::new();
        for (base, trace) in self
            .0
            .iter_mut()
            .filter(|(_, trace)| trace.skipped.files > 0)
        {
            skipped.push((base.to_path_buf(), std::mem::take(&mut trace.skipped)));
            trace.reported = trace.modified;
        }
        skipped
    }
}
