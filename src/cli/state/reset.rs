//! `state reset`: moves the state away.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use clap::Args;

use super::super::exit::{Exit, Failure};
use super::place::Place;
use crate::state::choose::Copy;
use crate::state::{Directory, LockError, StateLock, StoreError, reset};

/// Move the state away, so that the next start counts from 0.
///
/// The files are kept as `state.reset-1` and so on. Asks before it does so. While an exporter uses the directory, it is
/// refused.
#[derive(Debug, Args)]
pub struct Reset {
    #[command(flatten)]
    place: Place,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Reset {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let directory = self.place.open()?;
        let dir = directory.path();
        let read_error = |source| {
            let (act, path) = ("read", dir.to_owned());
            Failure::from(StoreError::Io { act, path, source })
        };
        let had_lock = directory.exists(StateLock::FILE).map_err(read_error)?;
        let lock = StateLock::acquire(dir).map_err(|error| {
            let in_use = matches!(error, LockError::InUse { .. });
            Failure::new(Exit::Io, error)
                .help_if(in_use, "stop it first: systemctl stop httplog-exporter")
        })?;
        let moved = self.is_confirmed(&directory).and_then(|is_confirmed| {
            let moved = is_confirmed.then(|| reset(&directory)).transpose();
            moved.map(Option::unwrap_or_default).map_err(Failure::from)
        });
        if !had_lock {
            // A file that another user than the exporter's created would keep the exporter from locking.
            let _ = directory.remove(StateLock::FILE);
        }
        drop(lock);
        let mut out = io::stdout().lock();
        let moved = moved?;
        for one in &moved {
            let (from, to) = (one.from.display(), one.to.display());
            write!(out, "{from} is now {to}")?;
            if one.is_replaced {
                write!(out, ", in place of an earlier one")?;
            }
            writeln!(out)?;
        }
        if moved.is_empty() {
            writeln!(out, "nothing was moved")?;
        }
        Ok(())
    }

    /// Asks, unless nothing needs to be asked.
    fn is_confirmed(&self, directory: &dyn Directory) -> Result<bool, Failure> {
        let exists = |copy: &Copy| directory.exists(copy.name()).unwrap_or(true);
        if self.yes || !Copy::ALL.iter().any(exists) {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            let message = "standard input is not a terminal: nothing can be asked";
            return Err(Failure::message(Exit::Usage, message).help("to reset all the same: --yes"));
        }
        let dir = directory.path().display();
        let mut out = io::stdout().lock();
        write!(
            out,
            "Counts of {dir} start at 0 afterwards. Move the state away? [y/N] "
        )?;
        out.flush()?;
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.map_err(Failure::cannot("read the answer"))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
