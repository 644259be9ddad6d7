//! The position in followed files, and what is known of files that hold consumed text.
//!
//! Invariant: plain data. Of texts there are fingerprints under the key of the checkpoint and numbers, never a byte; times are
//! nanoseconds of the follower's own clock unless they are modification times, which are nanoseconds since 1970.

use serde::{Deserialize, Serialize};

/// A path, as bytes: a name need not be UTF-8.
pub type SavedFilePath = Vec<u8>;

/// State of a source that follows files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFiles {
    /// Time at which it was saved.
    pub now: u64,
    /// Number of scans.
    pub scans: u64,
    /// Number of moments, which date texts.
    pub moments: u64,
    /// Moments of the scan before the last one, and of the last one.
    pub scan_moments: (u64, u64),
    /// Patterns that were scanned: what appears at their paths is not history.
    pub patterns: Vec<SavedPattern>,
    /// Directories of the last scan.
    pub directories: Vec<SavedDirectory>,
    /// Followed paths, as of the last scan.
    pub paths: Vec<SavedPath>,
    /// Paths with the name of a rotated file that lead to logs of other programs.
    pub foreign: Vec<SavedFilePath>,
    /// Followed paths of which rotated files may appear.
    pub rotations: Vec<SavedRotation>,
    /// Texts that were consumed, by ascending number.
    pub records: Vec<SavedRecord>,
    /// Number of the last record, which may be dropped already.
    pub last_record: u64,
    /// Traces of records that were dropped for want of room.
    pub forgotten: Vec<SavedTrace>,
    /// Open files, in the order in which they were opened.
    pub open: Vec<SavedFile>,
    /// Archives that are read.
    pub archives: Vec<SavedArchive>,
    /// Texts of files that were gone after a restart, until it is decided what took their place.
    pub formers: Vec<SavedFormer>,
}

/// A pattern that was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPattern {
    /// Text of the pattern.
    pub text: SavedFilePath,
    /// True for one literal path.
    pub is_plain: bool,
    /// Paths in which brackets or braces were found to be part of a name.
    pub literal: Vec<SavedFilePath>,
}

/// A directory as of the last scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDirectory {
    /// Path.
    pub path: SavedFilePath,
    /// Modification time; 0 if unknown.
    pub modified: u64,
    /// Device and inode number: the device of a file system may get another number.
    pub device: (u64, u64),
}

/// Identity of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SavedFileId {
    /// Device.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Time of birth; 0 if unknown.
    pub born: u64,
}

/// Metadata of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMeta {
    /// Identity.
    pub id: SavedFileId,
    /// Size in bytes.
    pub size: u64,
    /// Modification time.
    pub modified: u64,
}

/// A followed path as of the last scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPath {
    /// The path.
    pub path: SavedFilePath,
    /// The file that it led to.
    pub place: SavedPlace,
    /// Size at the first scan of a file that existed then and could not be opened since.
    pub size_at_first: Option<u64>,
    /// Metadata of a file that was closed for want of descriptors.
    pub parked: Option<SavedMeta>,
    /// Modification time of text that was not seen, at least.
    pub floor: u64,
    /// `floor`, once a read has shown that the file had not been cut.
    pub next_floor: u64,
}

/// The file that a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedPlace {
    /// A regular file.
    File(SavedFileId),
    /// Nothing.
    Missing,
    /// Something else than a regular file.
    NotRegular,
    /// Something that permissions keep from being read.
    Refused,
    /// Something that cannot be read for another reason.
    Unreadable,
}

/// A followed path of which rotated files may appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRotation {
    /// The followed path.
    pub base: SavedFilePath,
    /// Time of the rotation.
    pub since: u64,
    /// Modification time that a rotated file is not older than.
    pub floor: u64,
    /// False if files only wait to be judged.
    pub is_rotation: bool,
}

/// Keyed hash of a part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFingerprint {
    /// Number of bytes.
    pub bytes: u16,
    /// Hash.
    pub hash: u32,
}

/// Fingerprints of a text: of both ends, and of places between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedEnds {
    /// Number of bytes of the beginning.
    pub head_bytes: u16,
    /// Hashes of the beginning's parts of doubling lengths.
    pub head: Vec<u32>,
    /// Fingerprint of the last bytes.
    pub tail: SavedFingerprint,
    /// Distance of the marks; `u64::MAX` if they are unknown.
    pub step: u64,
    /// Hashes of the marks.
    pub marks: Vec<u32>,
}

/// A consumed text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedText {
    /// Number of bytes.
    pub end: u64,
    /// Fingerprints.
    pub ends: SavedEnds,
    /// Fingerprint of the last bytes that are compared at each read.
    pub last: SavedFingerprint,
    /// Fingerprints of the last whole lines.
    pub lines: Vec<SavedFingerprint>,
    /// Least number of them that identifies the text.
    pub short_lines: u16,
    /// True if these lines identify the text.
    pub is_distinctive: bool,
    /// True if the text begins with random bytes.
    pub is_shredded: bool,
}

/// An open file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Metadata when last checked.
    pub meta: SavedMeta,
    /// The followed path that leads to it, or the last one that did.
    pub path: SavedFilePath,
    /// The path that it had before it was rotated.
    pub base: SavedFilePath,
    /// The paths that led to it, if the path was a symbolic link.
    pub targets: Vec<SavedFilePath>,
    /// Connection to the followed paths.
    pub link: SavedConnection,
    /// End of what existed before it was followed.
    pub history_end: u64,
    /// Time at which it was found changed.
    pub changed: u64,
    /// Number of the scan after which it was read last.
    pub read_after: u64,
    /// Start of the first line that was not handed over.
    pub offset: u64,
    /// The part before that place, or before a later one inside an over-long line.
    pub consumed: SavedText,
    /// End of the last read.
    pub seen: u64,
    /// True if zero bytes at the offset are the hole that a truncation left.
    pub at_hole: bool,
    /// True inside an over-long line.
    pub is_overlong: bool,
    /// Reason why it is not read yet.
    pub doubt: Option<SavedDoubt>,
    /// True if it was reported as followed.
    pub is_announced: bool,
    /// Moment in which its text was first seen; `u64::MAX` before that.
    pub begun: u64,
    /// Offset before which another file holds its bytes too.
    pub counted_elsewhere: Option<u64>,
}

/// Connection of an open file to the followed paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedConnection {
    /// A followed path leads to it.
    Attached,
    /// None does.
    Detached {
        /// Since when it has been quiet.
        quiet_since: u64,
        /// Number of the scan that missed it.
        scan: u64,
        /// True if it was rotated away.
        was_rotated: bool,
    },
}

/// Reason why a file is not read yet, and the state of its examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDoubt {
    /// The reason.
    pub reason: SavedReason,
    /// Size as of the last examination.
    pub examined: Option<u64>,
    /// True if it was empty at one.
    pub was_empty: bool,
    /// Bytes at its beginning that are known.
    pub known: u64,
    /// Bytes that are known if it does not grow.
    pub part_end: u64,
    /// Time of the first examination.
    pub since: u64,
    /// Time of the last change of the size.
    pub changed: u64,
    /// Time without a change after which it is decided; briefly after the first examination if `None`.
    pub quiet: Option<u64>,
    /// Moment in which text was first seen in it; `u64::MAX` before that.
    pub seen: u64,
}

/// Reason for which a file is in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedReason {
    /// It appeared in this moment.
    New {
        /// The moment.
        listed: u64,
    },
    /// Its consumed part was found changed.
    Rewritten {
        /// Known bytes behind that part.
        unread: u64,
        /// The moment.
        listed: u64,
    },
    /// It was cut to the first part of a text.
    Left {
        /// The text.
        former: SavedText,
    },
}

/// Text of a file that was gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFormer {
    /// Its path.
    pub path: SavedFilePath,
    /// The consumed part.
    pub consumed: SavedText,
}

/// An archive that is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedArchive {
    /// Metadata when last checked.
    pub meta: SavedMeta,
    /// Path.
    pub path: SavedFilePath,
    /// The followed path that the text belongs to.
    pub base: SavedFilePath,
    /// Fingerprints of the text, as far as it was decoded.
    pub ends: SavedEnds,
    /// Bytes of the text that were counted.
    pub offset: u64,
}

/// Record of a consumed text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRecord {
    /// Number, in order of closing.
    pub number: u64,
    /// The followed path that the text belongs to.
    pub base: SavedFilePath,
    /// Fingerprints of the text.
    pub ends: SavedEnds,
    /// Bytes that were counted or skipped.
    pub consumed: u64,
    /// Files that hold the text, the latest last.
    pub holders: Vec<SavedMeta>,
    /// Last bytes of an archive that was not decoded.
    pub trailer: Option<[u8; 8]>,
    /// Bytes behind of a line that had no end when its file was history.
    pub partial: u32,
    /// True if the text is history, and so is what follows it.
    pub is_past: bool,
    /// True if its file was closed for want of descriptors.
    pub is_parked: bool,
    /// True if other bytes took the place of the text.
    pub is_overwritten: bool,
    /// Path of the file, and since when it may grow without a change of its directory.
    pub growing: Option<(SavedFilePath, u64)>,
    /// Since when no file holds the text.
    pub missing: Option<u64>,
    /// Moment in which the text was first seen, of the latest records.
    pub begun: Option<u64>,
    /// Path, unread bytes and time of a file that was gone before it was read to its end.
    pub gone: Option<(SavedFilePath, u64, u64)>,
}

/// Trace of the records of one path that were dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTrace {
    /// The followed path.
    pub base: SavedFilePath,
    /// Latest modification time of a file whose record was dropped.
    pub modified: u64,
    /// That time as of the last report.
    pub reported: u64,
}
