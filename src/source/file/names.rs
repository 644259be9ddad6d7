//! Names of the files that concern a source, to drop notifications about others.
//!
//! Invariant: a name that a scan or a read would look at is never dropped; others may pass.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use super::pattern::GlobStep;
use super::rotated::Rotated;

/// The names of a source, as of its last scan, in whichever of its directories they stand.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Of followed paths, of the targets of links, and of open files.
    pub(super) exact: BTreeSet<OsString>,
    /// Last steps of the globs.
    pub(super) globs: Arc<[GlobStep]>,
    /// True if a new directory can hold files to follow.
    pub(super) walks: bool,
}

impl PartialEq for Names {
    /// The globs of one source differ only after a reload, which makes a new list.
    fn eq(&self, other: &Self) -> bool {
        self.exact == other.exact
            && self.walks == other.walks
            && Arc::ptr_eq(&self.globs, &other.globs)
    }
}

impl Names {
    /// Returns whether a file of this name is followed, or was before a rotation.
    pub(super) fn concern_file(&self, name: &OsStr) -> bool {
        self.are(name) || Rotated::parse_any(name).is_some_and(|rotated| self.are(&rotated.base()))
    }

    /// Returns whether a file or directory of this name may lead to one that is followed.
    pub(super) fn concern_any(&self, name: &OsStr) -> bool {
        self.walks || self.concern_file(name)
    }

    fn are(&self, name: &OsStr) -> bool {
        self.exact.contains(name) || self.globs.iter().any(|step| step.allows_file(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::finder::Finder;
    use crate::source::file::fs::RealFs;
    use crate::source::file::pattern::PathPattern;
    use std::time::Duration;

    /// Expects that, of `names`, a source of `pattern` wants those before `|`.
    fn check(pattern: &str, wanted: &[&str], others: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        let pattern = PathPattern::new(root.path().join(pattern).to_str().unwrap()).unwrap();
        let mut finder = Finder::new(&[pattern]);
        let listing = finder.scan(&RealFs, |_| false, Duration::ZERO);
        finder.remember(listing, &mut |_| {});
        let names = finder.names();
        for name in wanted {
            assert!(names.concern_file(OsStr::new(name)), "{name}");
        }
        for name in others {
            assert!(!names.concern_file(OsStr::new(name)), "{name}");
        }
        assert_eq!(names.concern_any(OsStr::new("other")), names.walks);
    }

    #[test]
    fn names_of_followed_and_rotated_files_are_wanted() {
        check(
            "access.log",
            &[
                "access.log",
                "access.log.1",
                "access.log-20261128.gz",
                "access.1.log",
            ],
            &["error.log", "access.log.swp", "trace_1.trc", "accessXlog"],
        );
        check("*.log", &["a.log", "b.log.2.gz"], &["a.txt", ".a.log", "x"]);
        check("*/a.log", &["a.log", "a.log.1"], &["b.log"]);
        check("**/*.log", &["a.log"], &["a"]);
    }

    #[test]
    fn the_target_of_a_link_is_wanted() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("a.log");
        std::os::unix::fs::symlink("data/real.txt", &link).unwrap();
        let mut finder = Finder::new(&[PathPattern::literal(link)]);
        let listing = finder.scan(&RealFs, |_| false, Duration::ZERO);
        finder.remember(listing, &mut |_| {});
        assert!(finder.names().concern_file(OsStr::new("real.txt.1")));
    }
}
