//! Finds logs that several sources follow.
//!
//! Invariant: a pair of sources is reported once, however many logs they share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::{Config, Input};
use crate::diag::Fault;
use crate::source::{FileId, find_files};

/// Returns a warning for each two sources that follow the same files, under whatever paths.
pub(super) fn shared_files(config: &Config) -> Vec<Fault> {
    let mut seen: BTreeMap<FileId, (&str, PathBuf)> = BTreeMap::new();
    let mut pairs = BTreeSet::new();
    let mut faults = Vec::new();
    for source in &config.sources {
        let Input::Files(files) = &source.input else {
            continue;
        };
        for (path, id) in find_files(&files.paths) {
            let (first, known) = seen
                .entry(id)
                .or_insert_with(|| (&source.name, path.clone()));
            if *first == source.name || !pairs.insert((*first, source.name.as_str())) {
                continue;
            }
            let also = if *known == path {
                String::new()
            } else {
                format!(", as {}", known.display())
            };
            let fault = Fault::warning(format!(
                "source `{}`: {} is also followed by the source `{first}`{also}; its lines are counted in both",
                source.name,
                path.display()
            ));
            faults.push(fault.help("in sums over sources, each of its requests counts twice"));
        }
    }
    faults
}
