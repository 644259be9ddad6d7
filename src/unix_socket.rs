//! Binds unix sockets to paths and owns their socket files.
//!
//! Invariant: it removes only socket files that no process has bound, and the file it created as
//! long as the path still leads to that file.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Longest path of a unix socket, in bytes: `sun_path` holds 108 with its NUL (unix(7)).
pub const MAX_PATH_BYTES: usize = 107;

/// A socket file created by this process; removed when dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// The reason for which a unix socket cannot be bound to a path.
#[derive(Debug, thiserror::Error)]
pub enum UnixBindError {
    /// A process has bound the socket file.
    #[error("another process is listening there")]
    InUse,
    /// The path leads to a file of another type.
    #[error("a file that is not a socket is in the way")]
    NotASocket,
    /// Any other failure that the system reports.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<UnixBindError> for io::Error {
    fn from(error: UnixBindError) -> Self {
        match error {
            UnixBindError::Io(error) => error,
            refused => Self::other(refused),
        }
    }
}

/// Binds a socket to `path` with `bind`, and replaces a socket file that no process has bound.
///
/// The umask of the process decides who may connect, until [`SocketFile::set_mode`].
pub fn bind<S>(
    path: &Path,
    bind: impl Fn(&Path) -> io::Result<S>,
) -> Result<(S, SocketFile), UnixBindError> {
    let socket = match bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path)?;
            bind(path)?
        }
        outcome => outcome?,
    };
    let created = std::fs::symlink_metadata(path)?;
    let file = SocketFile {
        path: path.to_owned(),
        device: created.dev(),
        inode: created.ino(),
    };
    Ok((socket, file))
}

/// Removes a socket file that no process has bound.
fn remove_stale(path: &Path) -> Result<(), UnixBindError> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(UnixBindError::NotASocket);
    }
    // A datagram socket never waits in a backlog: its connect fails with ECONNREFUSED if the file
    // is not bound, and with EPROTOTYPE if a stream socket has bound it (unix_find_bsd in Linux'
    // net/unix/af_unix.c).
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Ok(std::fs::remove_file(path)?)
        }
        _ => Err(UnixBindError::InUse),
    }
}

impl SocketFile {
    /// Sets the permissions of the file, which decide who may connect.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(mode))
    }

    /// Returns whether the path still leads to this file.
    pub fn exists(&self) -> bool {
        std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.exists() {
            // If this fails, the next start replaces the stale file.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn datagram(path: &Path) -> Result<(UnixDatagram, SocketFile), UnixBindError> {
        bind(path, |path| UnixDatagram::bind(path))
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_the_new_file_removed_on_drop() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(UnixDatagram::bind(&path).unwrap());
        let (_socket, file) = datagram(&path).unwrap();
        file.set_mode(0o622).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o622);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_bound_socket_and_a_plain_file_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("datagram");
        let _alive = UnixDatagram::bind(&path).unwrap();
        assert!(matches!(datagram(&path), Err(UnixBindError::InUse)));
        assert!(path.exists());
        let path = dir.path().join("stream");
        let _alive = UnixListener::bind(&path).unwrap();
        assert!(matches!(datagram(&path), Err(UnixBindError::InUse)));
        assert!(path.exists());
        let path = dir.path().join("file");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(datagram(&path), Err(UnixBindError::NotASocket)));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_file_that_replaced_this_one_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (_socket, file) = datagram(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _successor = UnixDatagram::bind(&path).unwrap();
        assert!(!file.exists());
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn the_longest_path_can_be_bound() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("");
        let name = "x".repeat(MAX_PATH_BYTES - base.as_os_str().len());
        assert!(datagram(&base.join(&name)).is_ok());
        assert!(datagram(&base.join(name + "x")).is_err());
    }
}
