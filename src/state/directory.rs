//! The directory of a state: the operations that a store needs.
//!
//! Invariant: names are relative to the open directory, whatever its path leads to meanwhile; links are not followed, and
//! nothing waits for another process.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fsync, linkat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::lock::{LockError, StateLock};

/// Most bytes of a file that is read.
const MOST_BYTES: u64 = 1 << 30;

/// A directory.
pub trait Directory: Debug + Send {
    /// Returns its path, for messages.
    fn path(&self) -> &Path;

    /// Locks it before it is changed, unless it is locked.
    fn lock(&self) -> Result<(), LockError> {
        Ok(())
    }

    /// Reads a regular file; `None` if it is missing.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Returns whether anything has this name.
    fn exists(&self, name: &str) -> io::Result<bool>;

    /// Creates a file that only its owner can read and write, and that must not exist.
    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>>;

    /// Makes the content of a regular file durable.
    fn sync_file(&self, name: &str) -> io::Result<()>;

    /// Removes a file, if it exists.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives a file a second name, which must not exist.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives a file another name, and replaces what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes the names durable.
    fn sync(&self) -> io::Result<()>;
}

/// A file that was created.
pub trait NewFile {
    /// Appends all bytes.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the content durable. After an error the system may have dropped what was not written, and a second call may
    /// succeed all the same.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the operating system.
#[derive(Debug)]
pub struct RealDirectory {
    path: PathBuf,
    fd: OwnedFd,
    lock: Option<Arc<StateLock>>,
}

impl RealDirectory {
    /// Opens a directory that exists, to read it or to change it under a lock that the caller holds.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty())?;
        let (path, lock) = (path.to_owned(), None);
        Ok(Self { path, fd, lock })
    }

    /// Opens a directory that exists, to change it under this lock of it.
    pub fn open_locked(path: &Path, lock: Arc<StateLock>) -> io::Result<Self> {
        let lock = Some(lock);
        Self::open(path).map(|opened| Self { lock, ..opened })
    }

    /// Opens a regular file; `None` if it is missing.
    fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(io::Error::other("it is a symbolic link")),
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.is_file() {
            Ok(Some(file))
        } else {
            Err(io::Error::other("it is not a regular file"))
        }
    }
}

impl Directory for RealDirectory {
    fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> Result<(), LockError> {
        self.lock.as_ref().map_or(Ok(()), |lock| lock.hold())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        let length = file.metadata()?.len();
        if length > MOST_BYTES {
            return Err(io::Error::other("it is larger than 1 GiB"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Box::new(File::from(fd)))
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        let file = self.open_file(name)?.ok_or(Errno::NOENT)?;
        file.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    fn sync(&self) -> io::Result<()> {
        match fsync(&self.fd) {
            // Some network file systems have it not for directories: their names are durable at once.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl NewFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(self, bytes)?;
        self.flush()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
