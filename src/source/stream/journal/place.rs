//! The place reached in the journal, kept across restarts.
//!
//! Invariant: the file holds a whole place or is not there: it is replaced, never written over.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// How often it is written at most.
const INTERVAL: Duration = Duration::from_secs(10);

/// The place of one source.
#[derive(Debug)]
pub(in crate::source::stream) struct Place {
    path: PathBuf,
    unit: String,
    /// What is not written yet.
    unsaved: Option<String>,
    due: Duration,
}

impl Place {
    /// Kept in `path`, for this unit.
    pub(in crate::source::stream) fn new(path: PathBuf, unit: &str) -> Self {
        Self {
            path,
            unit: unit.to_owned(),
            unsaved: None,
            due: Duration::ZERO,
        }
    }

    /// The file.
    pub(in crate::source::stream) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// What an earlier run left; none of another unit's, and nothing that is no cursor.
    pub(in crate::source::stream) fn load(&self) -> Option<String> {
        let text = fs::read_to_string(&self.path).ok()?;
        let (unit, cursor) = text.strip_suffix('\n')?.split_once('\n')?;
        (unit == self.unit && is_cursor(cursor)).then(|| cursor.to_owned())
    }

    /// Everything before this cursor, and its entry, is counted.
    pub(in crate::source::stream) fn reach(&mut self, cursor: String) {
        self.unsaved = Some(cursor);
    }

    /// Writes it, if it was not written lately or `at_once`.
    pub(in crate::source::stream) fn save(
        &mut self,
        now: Duration,
        at_once: bool,
    ) -> io::Result<()> {
        let Some(cursor) = &self.unsaved else {
            return Ok(());
        };
        if now < self.due && !at_once {
            return Ok(());
        }
        self.due = now + INTERVAL;
        let mut next = self.path.clone().into_os_string();
        next.push(".tmp");
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&next)?;
        writeln!(file, "{}\n{cursor}", self.unit)?;
        file.sync_all()?;
        rustix::fs::rename(&next, &self.path)?;
        self.unsaved = None;
        Ok(())
    }
}

/// Whether it has the form of a cursor, `s=…;i=…`: it becomes an argument of a program.
pub(super) fn is_cursor(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b';' | b'-');
    !text.is_empty() && text.len() <= 1024 && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_place_is_kept_for_its_unit_and_for_nobody_elses_eyes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("place");
        let mut place = Place::new(path.clone(), "a.service");
        assert_eq!(place.load(), None);
        place.reach("s=1;i=2".into());
        place.save(Duration::from_secs(1), false).unwrap();
        assert_eq!(place.load().as_deref(), Some("s=1;i=2"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Place::new(path.clone(), "b.service").load(), None);
        fs::write(&path, "a.service\n--help me\n").unwrap();
        assert_eq!(place.load(), None);
        fs::write(&path, "a.service\ns=1").unwrap();
        assert_eq!(place.load(), None, "torn");
    }

    #[test]
    fn it_is_written_seldom_unless_it_is_the_last_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut place = Place::new(dir.path().join("place"), "a.service");
        let mut check = |cursor: &str, now, at_once, expected: &str| {
            place.reach(cursor.into());
            place.save(Duration::from_secs(now), at_once).unwrap();
            assert_eq!(place.load().as_deref(), Some(expected));
        };
        check("s=1", 1, false, "s=1");
        check("s=2", 10, false, "s=1");
        check("s=3", 11, false, "s=3");
        check("s=4", 12, true, "s=4");
    }

    #[test]
    fn what_cannot_be_written_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("below");
        let mut place = Place::new(below.join("place"), "a.service");
        place.reach("s=1".into());
        assert!(place.save(Duration::ZERO, true).is_err());
        fs::create_dir(below).unwrap();
        place.save(Duration::ZERO, true).unwrap();
        assert_eq!(place.load().as_deref(), Some("s=1"));
    }
}
