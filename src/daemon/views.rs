//! The names of views, read again when their file changes.
//!
//! Invariant: a file that cannot be used, or is still being written, changes nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Routes;
use crate::diag::Report;
use crate::route::Resolver;

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// Clocks of file systems are this coarse, or less.
const COARSE: Duration = Duration::from_secs(3);

/// The file that names a source's views.
pub(super) struct Views {
    routes: Arc<Routes>,
    path: PathBuf,
    /// What is in force; `None` if that may be another file than the one of today.
    known: Option<Stamp>,
    /// What stood there at the last look.
    seen: Option<Stamp>,
    due: Duration,
}

/// What tells a file and its content from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// In seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A file that was read again.
pub(super) struct Reread {
    /// What is to be put in force, if it can be used.
    pub(super) resolver: Option<Arc<Resolver>>,
    /// What was found on the way.
    pub(super) report: Report,
}

impl Views {
    /// Of routes that were just loaded; `since_1970` is the time of day. `None` if they have no file.
    pub(super) fn new(routes: &Arc<Routes>, since_1970: Duration) -> Option<Self> {
        let path = routes.urlconf.clone()?;
        // What changed a moment ago may have changed after it was loaded.
        let is_settled = |stamp: &Stamp| {
            let changed = u64::try_from(stamp.changed.0).unwrap_or(0);
            Duration::from_secs(changed) + COARSE < since_1970
        };
        Some(Self {
            routes: Arc::clone(routes),
            known: Stamp::of(&path).filter(is_settled),
            seen: None,
            due: Duration::ZERO,
            path,
        })
    }

    /// Looks at the file, once a second at most; reads it when it is another one, and was so at the
    /// look before.
    pub(super) fn look(&mut self, now: Duration) -> Option<Reread> {
        if now < self.due {
            return None;
        }
        self.due = now + PAUSE;
        let stamp = Stamp::of(&self.path);
        let is_still = stamp == self.seen;
        self.seen = stamp;
        if !is_still || stamp == self.known {
            return None;
        }
        self.known = stamp;
        let mut report = Report::default();
        let resolver = self.routes.load(&mut report);
        Some(Reread { resolver, report })
    }
}

impl Stamp {
    /// `None` if there is no such file.
    fn of(path: &PathBuf) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::{Clock as _, ManualClock};

    /// A dump of one view.
    fn dump(view: &str) -> String {
        include_str!("../../fixtures/urlconf/rich.jsonl")
            .replace("\"home\"", &format!("\"{view}\""))
    }

    fn view(reread: Option<Reread>) -> String {
        match reread {
            None => "not read".into(),
            Some(Reread {
                resolver: None,
                report,
            }) => report.faults()[0].message.clone(),
            Some(Reread {
                resolver: Some(resolver),
                ..
            }) => {
                let found = resolver.resolve(b"/", &mut Vec::new()).unwrap();
                resolver.urlconf().routes[found].view.clone()
            }
        }
    }

    #[test]
    fn a_file_is_read_again_once_it_changed_and_stayed_so_for_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("urlconf.jsonl");
        fs::write(&path, dump("one")).unwrap();
        let routes = Arc::new(Routes::of_dump(&path));
        let clock = ManualClock::default();
        // Long after the file was written.
        let mut views = Views::new(&routes, Duration::MAX).unwrap();
        let mut look = |milliseconds| {
            clock.advance(Duration::from_millis(milliseconds));
            view(views.look(clock.monotonic()))
        };
        assert_eq!(look(1_000), "not read");
        assert_eq!(look(1_000), "not read");
        let other = dir.path().join("other");
        fs::write(&other, dump("two")).unwrap();
        replace(&other, &path);
        assert_eq!(look(999), "not read");
        assert_eq!(look(1), "not read");
        assert_eq!(look(999), "not read");
        assert_eq!(look(1), "two");
        assert_eq!(look(1_000), "not read");
        fs::remove_file(&path).unwrap();
        assert_eq!(look(1_000), "not read");
        assert!(look(1_000).starts_with("cannot read"));
        assert_eq!(look(1_000), "not read");
    }

    #[test]
    fn a_file_that_changed_a_moment_before_it_was_loaded_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("urlconf.jsonl");
        fs::write(&path, dump("one")).unwrap();
        let mut views = Views::new(&Arc::new(Routes::of_dump(&path)), Duration::ZERO).unwrap();
        assert_eq!(view(views.look(Duration::ZERO)), "not read");
        assert_eq!(view(views.look(PAUSE)), "one");
        assert_eq!(view(views.look(PAUSE * 2)), "not read");
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test that stands in for a deployment"
    )]
    fn replace(from: &PathBuf, to: &PathBuf) {
        fs::rename(from, to).unwrap();
    }
}
