//! Reads the files that people and deployments write: configurations, custom patterns, URLconf dumps, and the servers'
//! configurations.
//!
//! Invariant: opening never waits and has no effect on a device; at most [`MOST_BYTES`] of a file are kept.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::diag::{Fault, Place, Text};

/// Largest file that is read, in bytes: 64 MiB.
pub const MOST_BYTES: u64 = 64 << 20;

/// Kinds of files that a caller accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Regular files only: a daemon reads the file, perhaps again and again.
    Regular,
    /// Also a pipe that a program writes to, as in `init <(nginx -T)`: the file is read once, for the user who typed
    /// its name.
    RegularOrPipe,
}

/// Identity of a file and its content: another stamp means that the file was replaced or changed. Within the granularity of the
/// file system's clock, a file may change without another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Time of the last change of the content, in seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// Time of the last change of the file itself, likewise.
    pub changed: (i64, i64),
}

impl Stamp {
    /// Returns the stamp of a file; `None` if it does not exist or cannot be reached.
    pub fn of(path: &Path) -> Option<Self> {
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

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}", match reason {
    Reason::Io(error) => format!("cannot read {}: {error}", path.display()),
    other => format!("{} {other}", path.display()),
})]
pub struct ReadError {
    path: PathBuf,
    reason: Reason,
}

/// The reason of a [`ReadError`].
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Io(io::Error),
    #[error("is {0}, not a regular file")]
    Kind(&'static str),
    #[error("is a FIFO, and nothing was written to it")]
    NothingWritten,
    #[error("is larger than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
}

impl ReadError {
    /// Returns whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(&self.reason, Reason::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns whether the operating system refused or failed to read a file that exists.
    pub fn is_failure(&self) -> bool {
        matches!(self.reason, Reason::Io(_)) && !self.is_missing()
    }

    /// Returns the reason without the path: `it is a directory, not a regular file`.
    pub fn reason(&self) -> String {
        match &self.reason {
            Reason::Io(error) => error.to_string(),
            other => format!("it {other}"),
        }
    }
}

/// Reads a whole file of at most [`MOST_BYTES`]. FIFOs, devices, sockets and directories are refused; see [`Accept`]
/// for pipes.
pub fn read_file(path: &Path, accept: Accept) -> Result<Vec<u8>, ReadError> {
    let read = open(path, accept).and_then(|(file, is_pipe)| {
        let bytes = if is_pipe {
            read_capped(Pipe(&file))?
        } else {
            read_capped(&file)?
        };
        if is_pipe && bytes.is_empty() {
            return Err(Reason::NothingWritten);
        }
        Ok(bytes)
    });
    read.map_err(|reason| ReadError {
        path: path.to_owned(),
        reason,
    })
}

/// Reads standard input to its end, at most [`MOST_BYTES`].
pub fn read_stdin() -> Result<Vec<u8>, ReadError> {
    read_capped(io::stdin().lock()).map_err(|reason| ReadError {
        path: PathBuf::from("standard input"),
        reason,
    })
}

/// Decodes a text. Bytes that are not UTF-8 are replaced, and are a fault at the first of them.
pub fn decode(name: String, bytes: Vec<u8>) -> (Arc<Text>, Option<Fault>) {
    let (content, at) = match String::from_utf8(bytes) {
        Ok(content) => (content, None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let content = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (content, Some(at))
        }
    };
    let text = Arc::new(Text { name, content });
    let fault = at.map(|at| {
        let place = Place {
            text: Arc::clone(&text),
            span: at..at,
        };
        let fault = Fault::error("not valid UTF-8").help("save the file as UTF-8");
        fault.at(place)
    });
    (text, fault)
}

/// Opens a file of an accepted kind, and returns whether it is a pipe.
fn open(path: &Path, accept: Accept) -> Result<(File, bool), Reason> {
    // The kind is checked before: opening some devices has effects, and a socket cannot be opened.
    check_kind(
        std::fs::metadata(path).map_err(Reason::Io)?.file_type(),
        accept,
    )?;
    // O_NONBLOCK: the file may have become a FIFO since, whose opening would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(opened.map_err(|error| Reason::Io(error.into()))?);
    let kind = file.metadata().map_err(Reason::Io)?.file_type();
    check_kind(kind, accept)?;
    Ok((file, kind.is_fifo()))
}

fn check_kind(kind: FileType, accept: Accept) -> Result<(), Reason> {
    if kind.is_file() || kind.is_fifo() && accept == Accept::RegularOrPipe {
        return Ok(());
    }
    Err(Reason::Kind(if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }))
}

/// Reads to the end; an error if that is more than [`MOST_BYTES`].
fn read_capped(reader: impl Read) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    let mut capped = reader.take(MOST_BYTES + 1);
    capped.read_to_end(&mut bytes).map_err(Reason::Io)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Reason::TooLarge);
    }
    Ok(bytes)
}

/// A pipe that was opened without blocking. Reading waits for its writers; without one, it is at its end.
struct Pipe<'f>(&'f File);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(self.0, &mut *buffer) {
                Err(Errno::AGAIN) => {
                    let mut polled = [PollFd::new(self.0, PollFlags::IN)];
                    match rustix::event::poll(&mut polled, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                read => return Ok(read?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn refused(path: &Path, accept: Accept) -> String {
        let error = read_file(path, accept).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), Mode::RUSR).unwrap();
        let _listener = UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink(path("fifo"), path("link")).unwrap();
        assert_eq!(read_file(&path("file"), Accept::Regular).unwrap(), b"text");
        for accept in [Accept::Regular, Accept::RegularOrPipe] {
            let check = |path: &Path, message: &str| assert_eq!(refused(path, accept), message);
            check(dir.path(), "FILE is a directory, not a regular file");
            check(&path("socket"), "FILE is a socket, not a regular file");
            check(
                Path::new("/dev/zero"),
                "FILE is a device, not a regular file",
            );
            check(
                &path("absent"),
                "cannot read FILE: No such file or directory (os error 2)",
            );
        }
        let message = "FILE is a FIFO, not a regular file";
        assert_eq!(refused(&path("fifo"), Accept::Regular), message);
        assert_eq!(refused(&path("link"), Accept::Regular), message);
        let message = "FILE is a FIFO, and nothing was written to it";
        assert_eq!(refused(&path("fifo"), Accept::RegularOrPipe), message);
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        // As the shell passes `<(command)`.
        let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        let writing = std::thread::spawn(move || {
            for _ in 0..100 {
                writer.write_all(&[b'x'; 5_000]).unwrap();
            }
        });
        let read = read_file(&path, Accept::RegularOrPipe).unwrap();
        writing.join().unwrap();
        assert_eq!(read.len(), 500_000);
    }

    #[test]
    fn a_file_over_the_cap_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        let file = File::create(&path).unwrap();
        file.set_len(MOST_BYTES).unwrap();
        let read = read_file(&path, Accept::Regular).unwrap();
        assert_eq!(read.len() as u64, MOST_BYTES);
        file.set_len(MOST_BYTES + 1).unwrap();
        assert_eq!(
            refused(&path, Accept::Regular),
            "FILE is larger than 64 MiB"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_a_fault_at_their_place() {
        let (text, fault) = decode("a".into(), b"one\ntwo\xff".to_vec());
        assert_eq!(text.content, "one\ntwo\u{fffd}");
        let fault = fault.unwrap();
        assert_eq!(fault.message, "not valid UTF-8");
        assert_eq!(fault.place.unwrap().line_and_column(), (2, 4));
        assert_eq!(decode("a".into(), b"one".to_vec()).1, None);
    }
}
