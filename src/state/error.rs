//! Failures of a store, with what remedies them.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::check::Inconsistency;
use super::lock::LockError;
use super::version::Version;

/// Failure of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An operation on a file or a directory failed.
    #[error("cannot {act} {}", .path.display())]
    Io {
        /// The operation: `write`, `read` and so on.
        act: &'static str,
        /// The file or the directory.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The directory cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The followed logs cannot be made durable.
    #[error("cannot sync the followed logs")]
    Logs(#[source] io::Error),
    /// Only a newer program can read the state.
    #[error(
        "{} was written by httplog-exporter {writer} in format {version}, which this program cannot read",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of the format.
        version: Version,
        /// Version of the program that wrote it.
        writer: String,
    },
    /// The state contradicts itself. This is a bug.
    #[error("the state contradicts itself; this is a bug")]
    Inconsistent(#[from] Inconsistency),
}

impl StoreError {
    /// Returns the failure of this operation on this file or directory.
    pub fn io(act: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { act, path, source }
    }

    /// Returns what remedies it, if that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Io { act, path, source } => remedy(act, path, source),
            Self::Newer { path, writer, .. } => {
                let dir = directory(path);
                Some(format!(
                    "install httplog-exporter {writer} or later, or start with counts of 0:\n\
                     httplog-exporter state reset {dir}"
                ))
            }
            Self::Lock(LockError::Io { dir, source }) => remedy("lock", dir, source),
            Self::Lock(_) | Self::Logs(_) | Self::Inconsistent(_) => None,
        }
    }
}

fn remedy(act: &str, path: &Path, error: &io::Error) -> Option<String> {
    let dir = directory(path);
    let errno = Errno::from_io_error(error);
    let remedy = match errno {
        Some(Errno::NOSPC) => format!("free space or inodes on the file system of {dir}"),
        Some(Errno::DQUOT) => format!("raise the quota of the user on the file system of {dir}"),
        Some(Errno::ROFS) => format!(
            "remount the file system of {dir} for writing, or choose another state.dir; under systemd, the unit needs \
             StateDirectory= or ReadWritePaths="
        ),
        Some(Errno::ACCESS | Errno::PERM) => format!(
            "give {dir} and its files to the user that the exporter runs as: chown -R USER {dir}"
        ),
        Some(Errno::NOENT) if act == "open" => {
            format!("create {dir}; under systemd, StateDirectory= does")
        }
        Some(Errno::NOENT) => {
            format!("if {dir} was removed or replaced, restart the exporter")
        }
        Some(Errno::NOTDIR) => "choose a directory as state.dir".to_owned(),
        Some(Errno::ISDIR) => format!("remove the directory {}", path.display()),
        Some(Errno::IO) => format!(
            "the kernel's log shows whether the disk of {dir} fails; another state.dir is on another disk"
        ),
        Some(Errno::MFILE) => "raise the limit of open files (LimitNOFILE=)".to_owned(),
        _ if act == "read" => format!(
            "repair {}, or start with counts of 0: httplog-exporter state reset {dir}",
            path.display()
        ),
        _ => return None,
    };
    Some(remedy)
}

/// Returns the directory that a message is about.
fn directory(path: &Path) -> std::path::Display<'_> {
    let names = ["state", "state.prev", "state.tmp"];
    let is_file = path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        names.contains(&&*name) || name.starts_with("state.damaged-")
    });
    let parent = path.parent().filter(|_| is_file);
    parent.unwrap_or(path).display()
}
