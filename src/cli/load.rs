//! Reads the configuration that the command line names.

use std::io;
use std::path::Path;

use super::exit::{Exit, Failure};
use crate::config::{Checked, Config};

/// Reads and checks a configuration file.
pub(super) fn load(path: &Path) -> Result<Checked, Failure> {
    Config::load(path).map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let failure = Failure::new(
            if missing { Exit::NoInput } else { Exit::Io },
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
        );
        if missing {
            failure.help(
                "name the configuration with --config FILE, or follow logs without one: run LOG…",
            )
        } else {
            failure
        }
    })
}
