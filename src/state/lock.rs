//! Locks the state directory.
//!
//! Invariant: at most one process holds the lock of a directory. The system releases it when that process ends, however it
//! ends; the lock file stays, and means nothing by itself. Who changes the directory calls [`StateLock::hold`] first.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;

/// Attempts to lock a file that somebody else removes meanwhile.
const ATTEMPTS: usize = 8;
/// Bytes of the file that are read: the digits of a process id and a newline.
const PID_BYTES: u64 = 16;

/// The lock of a state directory, kept until this is dropped.
#[derive(Debug)]
pub struct StateLock {
    dir: PathBuf,
    /// The locked file; `None` while it has no room.
    locked: Mutex<Option<File>>,
}

/// The reason for which a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process uses the directory.
    #[error("the state directory {} is in use by {}", .dir.display(), holder(.pid.as_ref()))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process id that the lock file names.
        pid: Option<u32>,
    },
    /// A link or a special file has the name of the lock file.
    #[error("{} is not a regular file of its own: remove it", .0.display())]
    NotAFile(PathBuf),
    /// Any other failure that the system reports.
    #[error("cannot lock the state directory {}", .dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
}

fn holder(pid: Option<&u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

impl StateLock {
    /// Name of the file that is locked.
    pub const FILE: &str = "lock";

    /// Locks a directory, which is created if only it is missing. Never waits.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let lock = Self::new(dir)?;
        lock.hold()?;
        Ok(lock)
    }

    /// Locks a directory, or leaves that to [`Self::hold`] if it exists and a lock file cannot be created in it for now: the
    /// disk is full or mounted read-only. The error is that of the attempt.
    pub fn acquire_or_wait(dir: &Path) -> Result<(Self, Option<LockError>), LockError> {
        let lock = Self::new(dir)?;
        match lock.hold() {
            Err(error) if error.may_pass() => Ok((lock, Some(error))),
            held => held.map(|()| (lock, None)),
        }
    }

    /// Creates the directory if only it is missing.
    fn new(dir: &Path) -> Result<Self, LockError> {
        let created = DirBuilder::new().mode(0o700).create(dir);
        match created {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                let dir = dir.to_owned();
                Err(LockError::Io { dir, source })
            }
            _ => Ok(Self {
                dir: dir.to_owned(),
                locked: Mutex::default(),
            }),
        }
    }

    /// Locks the directory unless it is locked by this already. Never waits.
    pub fn hold(&self) -> Result<(), LockError> {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if locked.is_none() {
            *locked = Some(lock_file(&self.dir)?);
        }
        Ok(())
    }
}

/// Locks the file of a directory, which is created if it is missing.
fn lock_file(dir: &Path) -> Result<File, LockError> {
    let io_error = |source: io::Error| LockError::Io {
        dir: dir.to_owned(),
        source,
    };
    let path = dir.join(StateLock::FILE);
    for _ in 0..ATTEMPTS {
        let mut file = open(&path).map_err(|error| match error {
            // A link, a FIFO without a reader, a directory.
            Errno::LOOP | Errno::NXIO | Errno::ISDIR => LockError::NotAFile(path.clone()),
            error => io_error(error.into()),
        })?;
        let meta = file.metadata().map_err(io_error)?;
        if !meta.is_file() || meta.nlink() > 1 {
            return Err(LockError::NotAFile(path));
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let (dir, pid) = (dir.to_owned(), read_pid(&mut file));
                return Err(LockError::InUse { dir, pid });
            }
            Err(error) => return Err(io_error(error.into())),
        }
        // A file that was removed before it was locked locks nothing.
        if std::fs::symlink_metadata(&path).is_ok_and(|now| is_same(&now, &meta)) {
            // On a full disk it stays empty, and the message is without a process id.
            let _ = write_pid(&mut file);
            return Ok(file);
        }
    }
    Err(io_error(io::Error::other(
        "its lock file is removed again and again",
    )))
}

impl LockError {
    /// Returns whether the directory cannot be made, or can be written by another user or by none: then nothing that this
    /// process keeps there can be lost to another.
    pub fn is_unwritable(&self) -> bool {
        let is_missing = |kind| {
            use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
            matches!(kind, NotFound | PermissionDenied | NotADirectory)
        };
        self.may_pass() || self.kind().is_some_and(is_missing)
    }

    /// Returns whether the same directory may be locked later.
    fn may_pass(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let kind = self.kind();
        kind.is_some_and(|kind| matches!(kind, StorageFull | QuotaExceeded | ReadOnlyFilesystem))
    }

    fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::InUse { .. } | Self::NotAFile(_) => None,
        }
    }
}

/// Opens the lock file, and creates it if it is missing. A program that is started does not inherit it.
fn open(path: &Path) -> Result<File, Errno> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::RUSR | Mode::WUSR).map(File::from)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Writes the process id, for the message of another process.
fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn acquire(dir: &Path) -> Result<StateLock, String> {
        StateLock::acquire(dir).map_err(|error| error.to_string())
    }

    #[test]
    fn a_directory_is_locked_once_and_free_after_it() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("state");
        let lock = acquire(&dir).unwrap();
        let pid = std::process::id();
        let error = acquire(&dir).unwrap_err();
        let (dir_shown, suffix) = (dir.display(), format!("is in use by process {pid}"));
        assert_eq!(error, format!("the state directory {dir_shown} {suffix}"));
        let alias = temporary.path().join("alias");
        symlink(&dir, &alias).unwrap();
        assert!(acquire(&alias).unwrap_err().ends_with(&suffix));
        drop(lock);
        // A lock file that a killed process has left behind.
        assert!(acquire(&dir).is_ok());
    }

    #[test]
    fn a_lock_file_without_a_process_id_is_in_use_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = acquire(dir.path()).unwrap();
        fs::write(dir.path().join(StateLock::FILE), "?").unwrap();
        assert!(
            acquire(dir.path())
                .unwrap_err()
                .ends_with("in use by another process")
        );
    }

    #[test]
    fn neither_a_link_nor_a_special_file_is_opened_for_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let (path, target) = (dir.path().join(StateLock::FILE), dir.path().join("target"));
        let refused = || acquire(dir.path()).unwrap_err().ends_with("remove it");
        symlink(&target, &path).unwrap();
        assert!(refused() && !target.exists());
        fs::remove_file(&path).unwrap();
        fs::write(&target, "precious").unwrap();
        fs::hard_link(&target, &path).unwrap();
        assert!(refused());
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(CWD, &path, Mode::RWXU).unwrap();
        assert!(refused());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(refused());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_distinguished_from_one_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let error = StateLock::acquire(&dir.path().join("a/b")).unwrap_err();
        assert!(error.is_unwritable());
        let _lock = acquire(dir.path()).unwrap();
        assert!(!StateLock::acquire(dir.path()).unwrap_err().is_unwritable());
    }
}
