//! Reads the configuration that the command line names.

use std::path::Path;

use super::exit::Failure;
use crate::config::{Checked, Config};
use crate::text_file::Accept;

/// Reads and checks a configuration file.
pub(super) fn load(path: &Path, accept: Accept) -> Result<Checked, Failure> {
    Config::load(path, accept).map_err(|error| {
        let help =
            "name the configuration with --config FILE, or follow logs without one: run LOG…";
        let is_missing = error.is_missing();
        Failure::from(error).help_if(is_missing, help)
    })
}
