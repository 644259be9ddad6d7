//! The file system, as far as following files needs it.
//!
//! Invariant: nothing here waits for anything but the disk: whatever stands at a path, a FIFO
//! without a writer included, looking at it and opening it return at once.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};
use thiserror::Error;

use super::identity::FileId;

/// A file system that can be looked at and read. Clones see the same files.
pub trait Fs: Clone + Send {
    /// A regular file, open for reading.
    type File: Send;

    /// Names what stands in `dir`, in no order, without `.` and `..`. The empty path is the
    /// current directory.
    fn list(&self, dir: &Path, found: &mut dyn FnMut(Entry)) -> io::Result<()>;

    /// Looks at what `path` leads to, through symbolic links.
    fn stat(&self, path: &Path) -> io::Result<Meta>;

    /// The directory of what a symbolic link at `path` leads to in the end; `None` if there is no such link.
    fn home(&self, path: &Path) -> Option<PathBuf>;

    /// Opens what `path` leads to, through symbolic links, if it is a regular file.
    fn open(&self, path: &Path) -> Result<Self::File, FileError>;

    /// Looks at an open file.
    fn fstat(&self, file: &Self::File) -> io::Result<Meta>;

    /// Reads from `offset`; 0 bytes is the end of the file.
    fn read_at(&self, file: &Self::File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the directory.
    pub name: OsString,
    /// What it is; a symbolic link is [`Kind::Symlink`] whatever it leads to.
    pub kind: Kind,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Which file it is.
    pub id: FileId,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    pub kind: Kind,
    /// When its text, or a directory's names, last changed, in nanoseconds since 1970. Kernels count it
    /// in ticks of some milliseconds.
    pub modified: u64,
}

/// What a path can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: the only kind that is read.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO (named pipe).
    Fifo,
    /// A Unix socket.
    Socket,
    /// A device, or something unheard of.
    Device,
}

/// Why a file isn't read. The path is the caller's to add.
#[derive(Debug, Error)]
pub enum FileError {
    /// Something else stands there.
    #[error("is {0}, not a regular file")]
    NotRegular(Kind),
    /// The file system refuses.
    #[error("cannot be read")]
    Io(#[from] io::Error),
}

impl Fs for RealFs {
    type File = File;

    fn list(&self, dir: &Path, found: &mut dyn FnMut(Entry)) -> io::Result<()> {
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            found(Entry {
                name: entry.file_name(),
                kind: entry.file_type()?.into(),
            });
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<Meta> {
        Ok((&std::fs::metadata(path)?).into())
    }

    fn home(&self, path: &Path) -> Option<PathBuf> {
        if !std::fs::symlink_metadata(path).ok()?.is_symlink() {
            return None;
        }
        let mut home = path.canonicalize().ok()?;
        home.pop().then_some(home)
    }

    fn open(&self, path: &Path) -> Result<File, FileError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file =
            File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?);
        match self.fstat(&file)?.kind {
            Kind::Regular => Ok(file),
            other => Err(FileError::NotRegular(other)),
        }
    }

    fn fstat(&self, file: &File) -> io::Result<Meta> {
        Ok((&file.metadata()?).into())
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl From<&Metadata> for Meta {
    fn from(metadata: &Metadata) -> Self {
        Self {
            id: FileId {
                dev: metadata.dev(),
                ino: metadata.ino(),
                born: nanoseconds(metadata.created()),
            },
            size: metadata.size(),
            kind: metadata.file_type().into(),
            modified: nanoseconds(metadata.modified()),
        }
    }
}

/// Since 1970; 0 for a time that isn't known or lies before.
fn nanoseconds(time: io::Result<SystemTime>) -> u64 {
    time.ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| u64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}

impl From<FileType> for Kind {
    fn from(file_type: FileType) -> Self {
        if file_type.is_file() {
            Self::Regular
        } else if file_type.is_dir() {
            Self::Directory
        } else if file_type.is_symlink() {
            Self::Symlink
        } else if file_type.is_fifo() {
            Self::Fifo
        } else if file_type.is_socket() {
            Self::Socket
        } else {
            Self::Device
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regular => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_regular_files_are_opened_and_nothing_blocks() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), Mode::RWXU).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        std::fs::write(at("file"), "abc").unwrap();
        let check = |name: &str, expected: &str| {
            let error = RealFs.open(&at(name)).unwrap_err();
            assert_eq!(
                format!("{error:?}").split('(').next(),
                Some(expected),
                "{name}"
            );
        };
        check("fifo", "NotRegular");
        check("", "NotRegular");
        check("socket", "Io");
        check("loop", "Io");
        check("absent", "Io");
        assert_eq!(RealFs.stat(&at("socket")).unwrap().kind, Kind::Socket);
        let file = RealFs.open(&at("file")).unwrap();
        assert_eq!(
            RealFs.fstat(&file).unwrap(),
            RealFs.stat(&at("file")).unwrap()
        );
        let mut buffer = [0; 9];
        assert_eq!(RealFs.read_at(&file, &mut buffer, 1).unwrap(), 2);
        assert_eq!(&buffer[..2], b"bc");
        assert_eq!(RealFs.read_at(&file, &mut buffer, 7).unwrap(), 0);
    }

    #[test]
    fn a_listing_tells_links_from_what_they_lead_to() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("dir")).unwrap();
        std::os::unix::fs::symlink("dir", directory.path().join("link")).unwrap();
        let mut found = Vec::new();
        RealFs
            .list(directory.path(), &mut |entry| {
                found.push((entry.name, entry.kind));
            })
            .unwrap();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [("dir", Kind::Directory), ("link", Kind::Symlink)];
        assert_eq!(found, expected.map(|(name, kind)| (name.into(), kind)));
    }
}
