//! What only the file system can tell about a configuration.
//!
//! Invariant: looking changes nothing, and never waits for a FIFO.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Config;
use crate::clock::ManualClock;
use crate::diag::{Fault, Report, Text};
use crate::source::{Event, FileError, FileSettings, FileSource, RealFs};

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

/// Tries to open what a configuration names.
pub fn check_files(config: &Config, report: &mut Report) {
    for routes in config.routes.values() {
        routes.load(report);
    }
    for source in &config.sources {
        let settings = FileSettings {
            paths: source.paths.clone(),
            start: source.start,
            line_bytes: config.limits.line_bytes,
            rotate_wait: Duration::ZERO,
            poll: Duration::MAX,
            open_files: usize::MAX,
        };
        let mut files = FileSource::new(settings, RealFs, Arc::new(ManualClock::default()));
        files.discover(&mut |event| report.extend(judge(&source.name, &event)));
    }
}

/// What a person should know of what was found.
fn judge(source: &str, event: &Event) -> Option<Fault> {
    match event {
        Event::Missing { .. } => Some(
            Fault::warning(format!("source `{source}`: {event}"))
                .help("it is followed as soon as it appears"),
        ),
        Event::Unreadable { error, .. } => {
            let fault = Fault::error(format!("source `{source}`: {event}"));
            let denied = matches!(error, FileError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied);
            Some(if denied {
                fault.help("let the daemon's user read it: on Debian, nginx's logs belong to the group `adm`")
            } else {
                fault
            })
        }
        _ => None,
    }
}
