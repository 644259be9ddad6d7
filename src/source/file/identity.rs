//! What makes a file the same file under another name.
//!
//! Invariant: of files that exist or are held open at one time, no two share an identity.

/// Device and inode number. A number is used again once its file is deleted and closed by all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Device that holds the file (`st_dev`).
    pub dev: u64,
    /// Inode number on that device (`st_ino`).
    pub ino: u64,
}
