//! File system operations that following files needs.
//!
//! Invariant: an operation waits for the disk only: whatever a path leads to, a FIFO without a writer included, stat and
//! open return at once.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};
use thiserror::Error;

use super::open_log::OpenLog;

/// Read access to a file system. Clones see the same files.
pub trait Fs: Clone + Send {
    /// A regular file, open for reading.
    type File: Send;

    /// Lists the entries of `dir`, unsorted, without `.` and `..`. The empty path is the current directory.
    fn list(&self, dir: &Path, found: &mut dyn FnMut(Entry)) -> io::Result<()>;

    /// Lists the entries of `dir` whose names begin with one of these texts, each once.
    fn list_beginning(
        &self,
        dir: &Path,
        beginnings: &[&[u8]],
        found: &mut dyn FnMut(Entry),
    ) -> io::Result<()> {
        self.list(dir, &mut |entry| {
            let name = entry.name.as_bytes();
            if beginnings
                .iter()
                .any(|beginning| name.starts_with(beginning))
            {
                found(entry);
            }
        })
    }

    /// Returns the metadata of what `path` leads to, through symbolic links.
    fn stat(&self, path: &Path) -> io::Result<Meta>;

    /// Returns the path that a symbolic link at `path` names, whether or not anything is there; `None` if it is not a link.
    fn link(&self, path: &Path) -> Option<PathBuf>;

    /// Opens the regular file that `path` leads to, through symbolic links.
    fn open(&self, path: &Path) -> Result<Self::File, FileError>;

    /// Returns the metadata of an open file.
    fn fstat(&self, file: &Self::File) -> io::Result<Meta>;

    /// Returns whether an open file is known to have no name left.
    fn is_deleted(&self, file: &Self::File) -> bool;

    /// Reads from `offset`; returns 0 at the end of the file.
    fn read_at(&self, file: &Self::File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Returns a second handle of an open file, to make it durable.
    fn log(&self, file: &Self::File) -> io::Result<Box<dyn OpenLog>>;
}

/// Most links of a chain that are followed: as many as the kernel follows.
const MOST_LINKS: usize = 40;

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

/// Directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name in the directory.
    pub name: OsString,
    /// Kind of the entry itself: a symbolic link is [`Kind::Symlink`] whatever it leads to.
    pub kind: Kind,
}

/// Identity of a file under any name: device, inode number and time of birth.
///
/// An inode number is used again once its file is deleted and closed by all processes. The time of birth distinguishes
/// the two files where the file system keeps one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Device that holds the file (`st_dev`).
    pub dev: u64,
    /// Inode number on that device (`st_ino`).
    pub ino: u64,
    /// Time of creation in nanoseconds since 1970 (`stx_btime`); 0 if unknown.
    pub born: u64,
}

/// Metadata of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Identity.
    pub id: FileId,
    /// Size in bytes.
    pub size: u64,
    /// Kind.
    pub kind: Kind,
    /// Last modification in nanoseconds since 1970: of a file's bytes, or of the names in a directory. Kernels count it
    /// in ticks of some milliseconds.
    pub modified: u64,
}

/// Open file, and its metadata as of opening.
#[derive(Debug)]
pub(super) struct Handle<F> {
    pub(super) file: F,
    pub(super) meta: Meta,
}

/// Kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file, the only kind that is followed.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO (named pipe).
    Fifo,
    /// A Unix socket.
    Socket,
    /// A device, or an unknown kind.
    Device,
}

/// Reason why a file cannot be followed. The caller adds the path.
#[derive(Debug, Error)]
pub enum FileError {
    /// The path leads to another kind of file.
    #[error("is {0}, not a regular file")]
    NotRegular(Kind),
    /// The operating system reported an error.
    #[error("cannot be read")]
    Io(#[from] io::Error),
}

/// Returns the paths that a symbolic link at `path` leads to, one for each link of a chain; the last is that of the file.
pub(super) fn targets<F: Fs>(fs: &F, path: &Path) -> Vec<PathBuf> {
    let next = |path: &PathBuf| fs.link(path);
    let chain = std::iter::successors(fs.link(path), next);
    chain.take(MOST_LINKS).collect()
}

/// Reads a range of a file, or the existing part of it.
pub(super) fn read_upto<F: Fs>(fs: &F, file: &F::File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let wanted = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; wanted];
    let got = fs.read_at(file, &mut bytes, range.start)?;
    bytes.truncate(got);
    Ok(bytes)
}

impl<T> Handle<T> {
    /// Opens the file at `path`.
    pub(super) fn open<F: Fs<File = T>>(fs: &F, path: &Path) -> Result<Self, FileError> {
        let file = fs.open(path)?;
        let meta = fs.fstat(&file)?;
        Ok(Self { file, meta })
    }
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

    fn link(&self, path: &Path) -> Option<PathBuf> {
        let named = std::fs::read_link(path).ok()?;
        let dir = path.parent().unwrap_or(path);
        let target = dir.join(named);
        let (dir, name) = (target.parent()?, target.file_name()?);
        // Without `..` in it, the path can be shown to people.
        if dir.components().any(|part| part == Component::ParentDir) {
            return Some(dir.canonicalize().ok()?.join(name));
        }
        Some(target)
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

    fn is_deleted(&self, file: &File) -> bool {
        file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn log(&self, file: &File) -> io::Result<Box<dyn OpenLog>> {
        Ok(Box::new(file.try_clone()?))
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

/// Converts a time to nanoseconds since 1970; 0 if it is unknown or earlier.
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
    fn a_listing_shows_a_link_as_a_link() {
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
