//! The directory that a command is about.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::exit::{Exit, Failure};
use super::super::load::load;
use crate::config::{self, Checked, Config};
use crate::state::{RealDirectory, StoreError};
use crate::text_file::Accept;

/// The directory of a state.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The state directory [default: state.dir of the configuration]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Path of the configuration [default without DIR: /etc/httplog-exporter/config.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    /// Opens the directory.
    pub(super) fn open(&self) -> Result<RealDirectory, Failure> {
        match &self.dir {
            Some(dir) => open(dir),
            None => Ok(self.configured()?.0),
        }
    }

    /// Opens the directory, and reads the configuration; that is `None` if only a directory is given.
    pub(super) fn open_configured(&self) -> Result<(RealDirectory, Option<Config>), Failure> {
        match (&self.dir, &self.config) {
            (Some(dir), None) => Ok((open(dir)?, None)),
            (Some(dir), Some(path)) => Ok((open(dir)?, Some(read(path)?))),
            (None, _) => {
                let (directory, config) = self.configured()?;
                Ok((directory, Some(config)))
            }
        }
    }

    /// Reads the configuration, and opens the directory that it names.
    fn configured(&self) -> Result<(RealDirectory, Config), Failure> {
        let default = || Path::new(config::DEFAULT_PATH);
        let path = self.config.as_deref().unwrap_or_else(default);
        let config = read(path)?;
        let Some(state) = &config.state else {
            let path = path.display();
            let message = format!("{path} has no state.dir: nothing is kept over a restart");
            return Err(Failure::message(Exit::Config, message)
                .help("to keep it:\n[state]\ndir = \"/var/lib/httplog-exporter\""));
        };
        Ok((open(&state.dir)?, config))
    }
}

fn read(path: &Path) -> Result<Config, Failure> {
    let Checked { config, report } = load(path, Accept::RegularOrPipe)?;
    config.ok_or_else(|| report.into())
}

fn open(dir: &Path) -> Result<RealDirectory, Failure> {
    RealDirectory::open(dir).map_err(|source| {
        let (path, act) = (dir.to_owned(), "open");
        Failure::new(Exit::NoInput, StoreError::Io { act, path, source })
            .help("`run` creates the directory; name another with DIR, or the configuration with --config FILE")
    })
}

/// Returns the path of a file in the directory, for messages.
pub(super) fn shown(directory: &Path, name: &str) -> String {
    directory.join(name).display().to_string()
}
