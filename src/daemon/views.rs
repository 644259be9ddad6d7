//! Reloads a URLconf dump when its file changes.
//!
//! Invariant: a dump that is invalid or still being written changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Routes;
use crate::diag::Report;
use crate::route::Resolver;
use crate::text_file::Stamp;

/// Poll interval.
const PAUSE: Duration = Duration::from_secs(1);
/// Upper bound on the granularity of a file system's timestamps.
const COARSE: Duration = Duration::from_secs(3);

/// The URLconf dump that names a source's views.
pub(super) struct Views {
    routes: Arc<Routes>,
    path: PathBuf,
    /// Stamp of the dump in force; `None` if the file may have changed since it was loaded.
    known: Option<Stamp>,
    /// Stamp at the latest poll.
    seen: Option<Stamp>,
    due: Duration,
}

/// Result of a reload.
pub(super) struct Reread {
    /// The resolver to apply; `None` if the dump is invalid.
    pub(super) resolver: Option<Arc<Resolver>>,
    /// Faults of the dump.
    pub(super) report: Report,
}

impl Views {
    /// Starts to poll the dump of routes that were just loaded; `None` if they have no dump. `since_1970` is
    /// the current time.
    pub(super) fn new(routes: &Arc<Routes>, since_1970: Duration) -> Option<Self> {
        let path = routes.urlconf.clone()?;
        // A dump that changed a moment ago may have changed after it was loaded.
        let is_older = |stamp: &Stamp| {
            let changed = u64::try_from(stamp.changed.0).unwrap_or(0);
            Duration::from_secs(changed) + COARSE < since_1970
        };
        Some(Self {
            routes: Arc::clone(routes),
            known: Stamp::of(&path).filter(is_older),
            seen: None,
            due: Duration::ZERO,
            path,
        })
    }

    /// Polls the file, at most once a second; loads it when two polls in a row find the same change.
    pub(super) fn poll(&mut self, now: Duration) -> Option<Reread> {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::{Clock as _, ManualClock};

    /// Returns a dump whose root view is `view`.
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
    fn a_changed_dump_is_reloaded_once_it_was_stable_for_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("urlconf.jsonl");
        fs::write(&path, dump("one")).unwrap();
        let routes = Arc::new(Routes::from_dump(&path));
        let clock = ManualClock::default();
        // Long after the file was written.
        let mut views = Views::new(&routes, Duration::MAX).unwrap();
        let mut poll = |milliseconds| {
            clock.advance(Duration::from_millis(milliseconds));
            view(views.poll(clock.monotonic()))
        };
        assert_eq!(poll(1_000), "not read");
        assert_eq!(poll(1_000), "not read");
        let other = dir.path().join("other");
        fs::write(&other, dump("two")).unwrap();
        replace(&other, &path);
        assert_eq!(poll(999), "not read");
        assert_eq!(poll(1), "not read");
        assert_eq!(poll(999), "not read");
        assert_eq!(poll(1), "two");
        assert_eq!(poll(1_000), "not read");
        fs::remove_file(&path).unwrap();
        assert_eq!(poll(1_000), "not read");
        assert!(poll(1_000).starts_with("cannot read"));
        assert_eq!(poll(1_000), "not read");
    }

    #[test]
    fn a_dump_that_changed_a_moment_before_it_was_loaded_is_reloaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("urlconf.jsonl");
        fs::write(&path, dump("one")).unwrap();
        let mut views = Views::new(&Arc::new(Routes::from_dump(&path)), Duration::ZERO).unwrap();
        assert_eq!(view(views.poll(Duration::ZERO)), "not read");
        assert_eq!(view(views.poll(PAUSE)), "one");
        assert_eq!(view(views.poll(PAUSE * 2)), "not read");
    }

    #[test]
    fn a_dump_that_becomes_a_fifo_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("urlconf.jsonl");
        fs::write(&path, dump("one")).unwrap();
        let mut views = Views::new(&Arc::new(Routes::from_dump(&path)), Duration::ZERO).unwrap();
        fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        assert_eq!(view(views.poll(Duration::ZERO)), "not read");
        let said = view(views.poll(PAUSE));
        assert!(said.contains("is a FIFO"), "{said}");
    }

    #[expect(clippy::disallowed_methods, reason = "a test that plays a deployment")]
    fn replace(from: &PathBuf, to: &PathBuf) {
        fs::rename(from, to).unwrap();
    }
}
