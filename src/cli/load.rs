//! Reads the configuration that the command line names.

use std::io;
use std::path::Path;

use super::exit::Failure;
use crate::config::{Checked, Config};

/// Reads and checks a configuration file.
pub(super) fn load(path: &Path) -> Result<Checked, Failure> {
    Config::load(path).map_err(|error| {
        let help =
            "name the configuration with --config FILE, or follow logs without one: run LOG…";
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        Failure::cannot_read(path, error).help_if(is_missing, help)
    })
}
