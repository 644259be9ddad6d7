//! Finds logs that would be read twice.
//!
//! Invariant: a pair of sources is reported once, however many logs they share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use crate::config::{Config, Input};
use crate::diag::{Fault, Place};
use crate::source::{FileId, find_files};

/// Refuses a log that is given twice, under any of its names.
pub(super) fn check_distinct(logs: &[PathBuf]) -> Result<(), Failure> {
    let mut files: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for log in logs {
        let file = std::fs::canonicalize(log).unwrap_or_else(|_| log.clone());
        if let Some(first) = files.insert(file, log) {
            let shown = log.display();
            let message = if log == Path::new("-") {
                "standard input can be read once only".into()
            } else if first == log {
                format!("{shown} is given twice")
            } else {
                format!(
                    "{shown} is given twice: it is the same file as {}",
                    first.display()
                )
            };
            let help = "each line would count twice; give every log once";
            return Err(Failure::message(Exit::Usage, message).help(help));
        }
    }
    Ok(())
}

/// Returns a warning for each two sources that follow the same files, under whatever paths, or would if they existed.
pub(super) fn shared_files(config: &Config) -> Vec<Fault> {
    // By identity, and by path of files that do not exist.
    let mut seen: BTreeMap<Result<FileId, PathBuf>, Followed<'_>> = BTreeMap::new();
    let mut pairs = BTreeSet::new();
    let mut faults = Vec::new();
    for source in &config.sources {
        let Input::Files(files) = &source.input else {
            continue;
        };
        let present = find_files(&files.paths).into_iter().map(|(path, id)| {
            let place = files.place_of(&path);
            (Ok(id), path, place)
        });
        let absent = files.absent();
        let absent = absent.map(|(path, place)| (Err(path.clone()), path, place));
        for (file, path, place) in present.chain(absent) {
            let first = seen.entry(file).or_insert_with(|| Followed {
                source: &source.name,
                path: path.clone(),
                place,
            });
            if first.source != source.name && pairs.insert((first.source, source.name.as_str())) {
                faults.push(first.shared_with(&source.name, &path, place));
            }
        }
    }
    faults
}

/// A file that a source follows.
struct Followed<'c> {
    source: &'c str,
    path: PathBuf,
    place: Option<&'c Place>,
}

impl Followed<'_> {
    /// Returns the warning that another source follows the same file, at another place of the configuration.
    fn shared_with(&self, source: &str, path: &Path, place: Option<&Place>) -> Fault {
        let mut also = if self.path == path {
            String::new()
        } else {
            format!(", as {}", self.path.display())
        };
        if let Some(place) = self.place {
            let (line, column) = place.line_and_column();
            // Writing to a string cannot fail.
            let _ = write!(also, " ({}:{line}:{column})", place.text.name);
        }
        let first = self.source;
        let fault = Fault::warning(format!(
            "source `{source}`: {} is also followed by the source `{first}`{also}; its lines are counted in both",
            path.display()
        ));
        let fault = fault.at(place.cloned());
        fault.help("in sums over sources, each of its requests counts twice; leave the path out of one of both")
    }
}
