//! Version of the format of checkpoints.

use std::fmt;

/// Version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Programs of another major version cannot read the file.
    pub major: u16,
    /// A newer one adds sections, and fields at the ends of sections and of the header.
    pub minor: u16,
}

impl Version {
    /// Version that this program writes.
    pub const CURRENT: Self = Self { major: 1, minor: 0 };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
