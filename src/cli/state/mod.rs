//! `state`: shows, checks and resets what outlives the process.
//!
//! Invariant: nothing is written but by `reset`, which holds the lock of the directory.

mod check;
mod next;
mod place;
mod reset;
mod show;
mod text;

use clap::{Args, Subcommand};

use super::exit::Failure;

/// Show, check or reset the state: what goes on after a restart.
///
/// The state is the counts of all sources and their positions in the logs. `run` keeps it in the directory `state.dir`.
/// Its files belong to the user that the exporter runs as.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub struct State {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(show::Show),
    Check(check::Check),
    Reset(reset::Reset),
}

impl State {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        match &self.action {
            Action::Show(show) => show.execute(),
            Action::Check(check) => check.execute(),
            Action::Reset(reset) => reset.execute(),
        }
    }
}
