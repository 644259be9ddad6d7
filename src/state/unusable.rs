//! Reasons for which a file is not a checkpoint that can be used.

use super::check::Inconsistency;
use super::version::Version;

/// Reason for which bytes are not a checkpoint that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another program's file.
    #[error("not a state file of httplog-exporter")]
    Foreign,
    /// A program of a newer major version wrote it.
    #[error(
        "written by httplog-exporter {writer} in format {version}, and this program reads up to {}.x",
        Version::CURRENT.major
    )]
    Newer {
        /// Version of the format.
        version: Version,
        /// Version of the program that wrote it.
        writer: String,
    },
    /// It was cut or changed.
    #[error("damaged at byte {at}: {damage}")]
    Damaged {
        /// Offset at which it was noticed.
        at: usize,
        /// Kind of the damage.
        damage: Damage,
    },
}

/// Kind of a damage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file has no bytes.
    #[error("it is empty")]
    Empty,
    /// The file consists of zeros.
    #[error("it consists of zeros")]
    Zeros,
    /// The end is missing.
    #[error("its end is missing")]
    Cut,
    /// The header is not as it was written.
    #[error("its header is not as it was written")]
    Header,
    /// A section is not as it was written.
    #[error("section `{}` is not as it was written", .0.escape_ascii())]
    Section([u8; 4]),
    /// Parts of two files, or bytes behind the end.
    #[error("its parts do not belong together")]
    Mixed,
    /// The content of a section cannot be decoded.
    #[error("section `{}` cannot be decoded", .0.escape_ascii())]
    Content([u8; 4]),
    /// The content contradicts itself.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
}

impl Damage {
    pub(super) fn at(self, at: usize) -> Unusable {
        Unusable::Damaged { at, damage: self }
    }
}
