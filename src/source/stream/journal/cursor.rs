//! Keeps the cursor reached in the journal across restarts.
//!
//! Invariant: the file holds a whole cursor or does not exist: it is replaced by renaming, never
//! overwritten. Neither it nor the file that replaces it is read or written through a symbolic link.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};

/// Least time between two writes of the file.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);

/// Bytes of a file that are read: a unit, a cursor and two newlines are less.
const FILE_BYTES: u64 = 4096;
/// Longest cursor accepted, in bytes; the journal's have some 130.
pub(super) const CURSOR_BYTES: usize = 1024;

/// The cursor reached in one unit's journal, and the file that keeps it.
#[derive(Debug)]
pub(crate) struct JournalCursor {
    /// Path of the file.
    pub(crate) path: PathBuf,
    unit: String,
    /// Cursor to write next.
    unsaved: Option<String>,
    /// Time from which the file may be written again.
    next_save: Duration,
}

impl JournalCursor {
    /// Creates a cursor of `unit` that is kept in `path`.
    pub(crate) fn new(path: PathBuf, unit: &str) -> Self {
        Self {
            path,
            unit: unit.to_owned(),
            unsaved: None,
            next_save: Duration::ZERO,
        }
    }

    /// Returns the cursor that an earlier run saved, unless it belongs to another unit or is invalid.
    pub(crate) fn load(&self) -> Option<String> {
        let text = read(&self.path).ok()?;
        let (unit, cursor) = text.strip_suffix('\n')?.split_once('\n')?;
        (unit == self.unit && is_cursor(cursor)).then(|| cursor.to_owned())
    }

    /// Sets the cursor: all entries up to and including it are counted.
    pub(crate) fn set(&mut self, cursor: String) {
        self.unsaved = Some(cursor);
    }

    /// Writes a changed cursor to the file, at most once per interval unless `at_once`.
    pub(crate) fn save(&mut self, now: Duration, at_once: bool) -> io::Result<()> {
        let Some(cursor) = &self.unsaved else {
            return Ok(());
        };
        if now < self.next_save && !at_once {
            return Ok(());
        }
        self.next_save = now + SAVE_INTERVAL;
        let mut next = self.path.clone().into_os_string();
        next.push(".tmp");
        let mut file = create(next.as_ref())?;
        writeln!(file, "{}\n{cursor}", self.unit)?;
        file.sync_all()?;
        rustix::fs::rename(&next, &self.path)?;
        self.unsaved = None;
        Ok(())
    }
}

/// Reads a regular file that may be a cursor's: opening it never waits.
fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = String::new();
    file.take(FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Creates a file in place of one that an earlier process has left behind.
fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Returns whether a text has the form of a cursor, `s=…;i=…`, and is safe as an argument of a
/// program.
pub(super) fn is_cursor(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b';' | b'-');
    !text.is_empty() && text.len() <= CURSOR_BYTES && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_cursor_is_kept_for_its_unit_in_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cursor");
        let mut cursor = JournalCursor::new(path.clone(), "a.service");
        assert_eq!(cursor.load(), None);
        cursor.set("s=1;i=2".into());
        cursor.save(Duration::from_secs(1), false).unwrap();
        assert_eq!(cursor.load().as_deref(), Some("s=1;i=2"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(JournalCursor::new(path.clone(), "b.service").load(), None);
        fs::write(&path, "a.service\n--help me\n").unwrap();
        assert_eq!(cursor.load(), None);
        fs::write(&path, "a.service\ns=1").unwrap();
        assert_eq!(cursor.load(), None, "torn");
    }

    #[test]
    fn neither_links_nor_pipes_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("target"), "a.service\ns=1;i=2\n").unwrap();
        symlink(at("target"), at("cursor")).unwrap();
        symlink(at("target"), at("cursor.tmp")).unwrap();
        let mut cursor = JournalCursor::new(at("cursor"), "a.service");
        assert_eq!(cursor.load(), None);
        cursor.set("s=3;i=4".into());
        cursor.save(Duration::ZERO, true).unwrap();
        assert_eq!(cursor.load().as_deref(), Some("s=3;i=4"));
        assert!(fs::read_to_string(at("target")).unwrap().contains("s=1"));
        fs::remove_file(at("cursor")).unwrap();
        rustix::fs::mkfifoat(CWD, at("cursor"), Mode::RWXU).unwrap();
        assert_eq!(cursor.load(), None);
    }

    #[test]
    fn the_file_is_written_once_per_interval_unless_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut cursor = JournalCursor::new(dir.path().join("cursor"), "a.service");
        let mut check = |reached: &str, now, at_once, expected: &str| {
            cursor.set(reached.into());
            cursor.save(Duration::from_secs(now), at_once).unwrap();
            assert_eq!(cursor.load().as_deref(), Some(expected));
        };
        check("s=1", 1, false, "s=1");
        check("s=2", 10, false, "s=1");
        check("s=3", 11, false, "s=3");
        check("s=4", 12, true, "s=4");
    }

    #[test]
    fn a_failed_write_is_retried() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("below");
        let mut cursor = JournalCursor::new(below.join("cursor"), "a.service");
        cursor.set("s=1".into());
        assert!(cursor.save(Duration::ZERO, true).is_err());
        fs::create_dir(below).unwrap();
        cursor.save(Duration::ZERO, true).unwrap();
        assert_eq!(cursor.load().as_deref(), Some("s=1"));
    }
}
