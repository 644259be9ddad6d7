//! Finds logs that would be read twice.
//!
//! Invariant: a pair of sources is reported once, however many logs they share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use crate::config::{Config, Input};
use crate::diag::Fault;
use crate::source::{FileId, find_files};

/// Refuses a log that is given twice, under any of its names.
pub(super) fn check_distinct(logs: &[PathBuf]) -> Result<(), Failure> {
    let mut files = BTreeSet::new();
    for log in logs {
        let file = std::fs::canonicalize(log).unwrap_or_else(|_| log.clone());
        if !files.insert(file) {
            let message = if log == Path::new("-") {
                "standard input can be read once only".into()
            } else {
                format!("{} is given twice", log.display())
            };
            return Err(Failure::message(Exit::Usage, message));
        }
    }
    Ok(())
}

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
