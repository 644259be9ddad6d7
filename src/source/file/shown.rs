//! Parts of messages about files.

use std::error::Error;
use std::fmt;
use std::path::Path;

use crate::model::{counted, plural};

/// Displays a number of bytes with its verb: `1 byte was`.
pub(super) struct Were(pub(super) u64);

impl fmt::Display for Were {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = plural(self.0, "was", "were");
        write!(f, "{} {verb}", counted(self.0, "byte"))
    }
}

/// Displays a number of lost bytes, of which others may not be known; nothing for none.
pub(super) struct AtLeast(pub(super) u64);

impl fmt::Display for AtLeast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str(", if there were any"),
            bytes => write!(f, " (at least {})", counted(bytes, "byte")),
        }
    }
}

/// Displays a path in one line, whatever bytes it holds.
pub(super) struct Shown<'a>(pub(super) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.to_string_lossy().escape_debug())
    }
}

/// Displays the causes of an error, each after a colon.
pub(super) struct Causes<'a>(pub(super) &'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
