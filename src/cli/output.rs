//! Writes the files that commands put out.
//!
//! Invariant: a file is whole or absent: it is written beside its path and renamed. Nothing is written through a symbolic
//! link.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

/// Permissions of a new file, before the umask.
const MODE: u32 = 0o666;

/// Treatment of a file that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and nothing is written.
    Kept,
    /// It is replaced. A pipe or a device, such as `/dev/stdout` or that of `>(command)`, is written to.
    Replaced,
}

/// Writes a file.
pub(super) fn write_file(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if existing == Existing::Replaced
        && let Ok(meta) = std::fs::metadata(path)
        && !meta.is_file()
        && !meta.is_dir()
    {
        // A FIFO that is not read is an error, not a wait.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(openat(CWD, path, flags, Mode::empty())?);
        rustix::io::ioctl_fionbio(&file, false)?;
        write(&mut file)?;
        return file.flush();
    }
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".httplog-exporter-")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(directory.unwrap_or(Path::new(".")))?;
    let mut buffer = BufWriter::new(file.as_file_mut());
    write(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    file.as_file().sync_all()?;
    match existing {
        Existing::Kept => file.persist_noclobber(path)?,
        Existing::Replaced => file.persist(path)?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_whole_or_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let part = |out: &mut dyn Write| {
            out.write_all(b"part")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        for existing in [Existing::Kept, Existing::Replaced] {
            write_file(&path, existing, part).unwrap_err();
            assert_eq!(names(dir.path()), [""; 0]);
        }
        write_file(&path, Existing::Kept, |out| out.write_all(b"whole")).unwrap();
        write_file(&path, Existing::Replaced, part).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        let again = write_file(&path, Existing::Kept, |out| out.write_all(b"more"));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        write_file(&path, Existing::Replaced, |out| out.write_all(b"more")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "more");
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, target) = (dir.path().join("out"), dir.path().join("target"));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &path).unwrap();
        write_file(&path, Existing::Kept, |out| out.write_all(b"x")).unwrap_err();
        write_file(&path, Existing::Replaced, |out| out.write_all(b"x")).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn a_device_is_written_to_and_a_fifo_without_a_reader_is_an_error() {
        write_file(Path::new("/dev/null"), Existing::Replaced, |out| {
            out.write_all(b"x")
        })
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RWXU).unwrap();
        write_file(&fifo, Existing::Replaced, |out| out.write_all(b"x")).unwrap_err();
    }
}
