//! The file of a unix socket: made, replaced when stale, removed at the end.
//!
//! Invariant: nothing but a socket that nobody answers is ever removed.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// A socket file this process made; removed when dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Binds a socket to `path`, and lets those use it that `mode` says. `bind` makes the file, by
/// the umask of the process, so that nobody can use it before.
pub(super) fn bind<S>(
    path: &Path,
    mode: u32,
    bind: impl Fn(&Path) -> io::Result<S>,
) -> io::Result<(S, SocketFile)> {
    let socket = match bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path)?;
            bind(path)?
        }
        outcome => outcome?,
    };
    let found = std::fs::symlink_metadata(path)?;
    let file = SocketFile {
        path: path.to_owned(),
        device: found.dev(),
        inode: found.ino(),
    };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok((socket, file))
}

/// Removes a socket file that no process has open.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::other("there is something else than a socket"));
    }
    // A datagram socket never waits for a backlog: it is refused if nobody has the file bound,
    // and told EPROTOTYPE if a stream socket has (unix_find_bsd in Linux' net/unix/af_unix.c).
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Err(io::Error::other("another process listens there")),
    }
}

impl SocketFile {
    /// Whether the path still leads to it.
    pub(super) fn is_there(&self) -> bool {
        std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there() {
            // At worst a stale file stays, which the next start replaces.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn datagram(path: &Path) -> io::Result<(UnixDatagram, SocketFile)> {
        bind(path, 0o622, |path| UnixDatagram::bind(path))
    }

    #[test]
    fn a_stale_socket_is_replaced_and_ones_own_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(UnixDatagram::bind(&path).unwrap());
        let (_socket, file) = datagram(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o622);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn what_somebody_listens_on_and_what_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let check = |path: &Path, reason: &str| {
            let error = datagram(path).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
            assert!(path.exists());
        };
        let path = dir.path().join("datagram");
        let _alive = UnixDatagram::bind(&path).unwrap();
        check(&path, "another process");
        let path = dir.path().join("stream");
        let _alive = UnixListener::bind(&path).unwrap();
        check(&path, "another process");
        let path = dir.path().join("file");
        std::fs::write(&path, "x").unwrap();
        check(&path, "something else");
    }

    #[test]
    fn a_socket_of_another_that_took_the_place_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (_socket, file) = datagram(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _other = UnixDatagram::bind(&path).unwrap();
        assert!(!file.is_there());
        drop(file);
        assert!(path.exists());
    }
}
