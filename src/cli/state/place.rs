//! The directory that a command is about.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::exit::{Exit, Failure};
use super::super::load::load;
use crate::config;
use crate::state::{RealDirectory, StoreError};
use crate::text_file::Accept;

/// The directory of a state.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The state directory [default: state.dir of the configuration]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Path of the configuration that names the directory
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH, conflicts_with = "dir")]
    config: PathBuf,
}

impl Place {
    pub(super) fn open(&self) -> Result<RealDirectory, Failure> {
        let dir = match &self.dir {
            Some(dir) => dir.clone(),
            None => self.configured()?,
        };
        RealDirectory::open(&dir).map_err(|source| {
            let path = dir.clone();
            let act = "open";
            Failure::new(Exit::NoInput, StoreError::Io { act, path, source })
                .help("`run` creates the directory; name another with DIR, or the configuration with --config FILE")
        })
    }

    /// Returns the directory that the configuration names.
    fn configured(&self) -> Result<PathBuf, Failure> {
        let checked = load(&self.config, Accept::RegularOrPipe)?;
        let Some(config) = checked.config else {
            return Err(checked.report.into());
        };
        config.state.map(|state| state.dir).ok_or_else(|| {
            let config = self.config.display();
            let message = format!("{config} has no state.dir: nothing is kept over a restart");
            Failure::message(Exit::Config, message)
                .help("to keep it:\n[state]\ndir = \"/var/lib/httplog-exporter\"")
        })
    }
}

/// Returns the path of a file in the directory, for messages.
pub(super) fn shown(directory: &Path, name: &str) -> String {
    directory.join(name).display().to_string()
}
