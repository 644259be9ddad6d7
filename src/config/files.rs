//! Files beside a configuration: patterns and URLconf dumps.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::diag::{Fault, Report, Text};

/// The texts of `*.toml` in a folder, by name; a folder that is not there holds none.
pub(super) fn pattern_texts(folder: &Path, report: &mut Report) -> Vec<Arc<Text>> {
    let mut paths = match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .collect::<Vec<_>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            report.push(Fault::error(format!(
                "cannot list {}: {error}",
                folder.display()
            )));
            return Vec::new();
        }
    };
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        match std::fs::read_to_string(&path) {
            Ok(content) => texts.push(Arc::new(Text {
                name: path.display().to_string(),
                content,
            })),
            Err(error) => report.push(Fault::error(format!(
                "cannot read {}: {error}",
                path.display()
            ))),
        }
    }
    texts
}

/// Reads the dump of a URLconf; one that cannot be read is an error in the report.
pub fn read_urlconf(path: &Path, report: &mut Report) -> Option<Arc<Text>> {
    match std::fs::read(path) {
        // Dumps are ASCII; what else stands there is the fault of a line.
        Ok(content) => Some(Arc::new(Text {
            name: path.display().to_string(),
            content: String::from_utf8_lossy(&content).into_owned(),
        })),
        Err(error) => {
            report.push(
                Fault::error(format!("cannot read {}: {error}", path.display()))
                    .help("make it: python manage.py shell < dump_urlconf.py > urlconf.jsonl"),
            );
            None
        }
    }
}
