//! What makes a file the same file under another name.
//!
//! Invariant: of files that exist or are held open at one time, no two share an identity.

/// Device, inode number and time of birth. A number is used again once its file is deleted and closed
/// by all; the time of birth tells the two apart where the file system keeps one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Device that holds the file (`st_dev`).
    pub dev: u64,
    /// Inode number on that device (`st_ino`).
    pub ino: u64,
    /// When it was made, in nanoseconds since 1970 (`stx_btime`); 0 where that isn't known.
    pub born: u64,
}
