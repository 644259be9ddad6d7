//! Operations of servers and rotations on files, in memory and on a real file system.

use std::io;
use std::path::{Path, PathBuf};

use super::super::{Fs, RealFs};

/// A directory in which files are written and rotated. Paths are names in it.
pub(crate) trait World {
    type Fs: Fs;
    /// A file that a server has open for writing.
    type Writer;

    fn fs(&self) -> Self::Fs;
    /// Returns the path that the follower is given for a name.
    fn path(&self, name: &str) -> PathBuf;
    /// Opens for writing at the end, and creates; `appends` is `O_APPEND`.
    fn writer(&mut self, name: &str, appends: bool) -> Self::Writer;
    fn write(&mut self, writer: &mut Self::Writer, bytes: &[u8]);
    /// Returns the file that a writer has open.
    fn file_of(&self, writer: &Self::Writer) -> u64;
    fn file_at(&self, name: &str) -> Option<u64>;
    fn rename(&mut self, from: &str, to: &str);
    fn remove(&mut self, name: &str);
    /// Gives a file another birth time, as the first write to a file of a lower layer of overlayfs does. Since Linux 4.19,
    /// files that are open then read the upper file too, and their metadata are its.
    fn copy_up(&mut self, name: &str);
    fn truncate(&mut self, name: &str, size: u64);
    fn read(&self, name: &str) -> Vec<u8>;
    /// Appends to a file, which is created if it does not exist.
    fn add(&mut self, name: &str, bytes: &[u8]);
    /// Dates a file back to a time before the history.
    fn age(&mut self, name: &str);
    fn names(&self) -> Vec<String>;
    /// Moves the directory away and makes another.
    fn replace_directory(&mut self);
    /// Returns whether the follower certainly has this file open.
    fn is_followed(&self, file: u64) -> bool;
    /// Writes all files to the disk.
    fn sync(&mut self);
    /// Loses some of what was written since [`Self::sync`]; devices have other numbers then.
    fn lose_power(&mut self);
    /// Makes calls fail from now on; `None` ends that.
    fn fail(&mut self, failure: Option<Failure>);
    /// Sets the time from which files get their dates.
    fn set_time(&mut self, nanoseconds: u64);
    /// Returns whether files' dates come from [`Self::set_time`].
    fn is_memory(&self) -> bool;
}

/// Calls that the file system refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Open,
    Read,
    Stat,
    List,
    Descriptors,
    /// One of this many calls of any kind.
    OneOf(u64),
}

impl Failure {
    pub(super) fn error(self) -> io::Error {
        // EACCES, EIO, EMFILE.
        io::Error::from_raw_os_error(match self {
            Self::Open => 13,
            Self::Descriptors => 24,
            Self::Read | Self::Stat | Self::List | Self::OneOf(_) => 5,
        })
    }
}

/// A temporary directory.
pub(super) struct RealWorld {
    root: tempfile::TempDir,
    replaced: u32,
}

impl RealWorld {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("log")).unwrap();
        Self { root, replaced: 0 }
    }
}

impl World for RealWorld {
    type Fs = RealFs;
    type Writer = std::fs::File;

    fn fs(&self) -> RealFs {
        RealFs
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("log").join(name)
    }

    fn writer(&mut self, name: &str, appends: bool) -> std::fs::File {
        let mut options = std::fs::File::options();
        options.create(true).append(appends).write(true);
        let mut file = options.open(self.path(name)).unwrap();
        io::Seek::seek(&mut file, io::SeekFrom::End(0)).unwrap();
        file
    }

    fn write(&mut self, writer: &mut std::fs::File, bytes: &[u8]) {
        io::Write::write_all(writer, bytes).unwrap();
    }

    fn file_of(&self, writer: &std::fs::File) -> u64 {
        std::os::unix::fs::MetadataExt::ino(&writer.metadata().unwrap())
    }

    fn file_at(&self, name: &str) -> Option<u64> {
        let metadata = std::fs::metadata(self.path(name)).ok()?;
        Some(std::os::unix::fs::MetadataExt::ino(&metadata))
    }

    fn rename(&mut self, from: &str, to: &str) {
        rename(&self.path(from), &self.path(to));
    }

    fn remove(&mut self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    fn copy_up(&mut self, name: &str) {
        // Only an overlayfs changes it: a test of its own mounts one.
        let _ = name;
    }

    fn truncate(&mut self, name: &str, size: u64) {
        let file = std::fs::File::options().write(true).open(self.path(name));
        file.unwrap().set_len(size).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn add(&mut self, name: &str, bytes: &[u8]) {
        let mut writer = self.writer(name, true);
        self.write(&mut writer, bytes);
    }

    fn age(&mut self, name: &str) {
        let file = std::fs::File::options().append(true).open(self.path(name));
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365);
        file.unwrap().set_modified(long_ago).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.path().join("log")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    fn replace_directory(&mut self) {
        self.replaced += 1;
        let log = self.root.path().join("log");
        rename(
            &log,
            &self.root.path().join(format!("log.{}", self.replaced)),
        );
        std::fs::create_dir(log).unwrap();
    }

    fn is_followed(&self, _: u64) -> bool {
        false
    }

    fn sync(&mut self) {}

    fn lose_power(&mut self) {}

    fn fail(&mut self, _: Option<Failure>) {}

    fn set_time(&mut self, _: u64) {}

    fn is_memory(&self) -> bool {
        false
    }
}

#[expect(clippy::disallowed_methods, reason = "what logrotate does")]
fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}
