//! `state check`: which copy the next start would use, and why.

use std::io::{self, Write};

use clap::Args;

use super::super::exit::{Exit, Failure};
use super::place::{Place, shown};
use super::text::{describe, remarks};
use crate::clock::{Clock as _, SystemClock};
use crate::state::choose::Copy;
use crate::state::{Directory as _, Examined, Host, inspect};

/// Check which copy the next start would use, and why.
///
/// Changes nothing. The exit code is 1 if the start would be refused or counts would start at 0.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    place: Place,
}

impl Check {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let directory = self.place.open()?;
        let inspection = inspect(&directory);
        let now = SystemClock::new().wall();
        let mut out = io::stdout().lock();
        for (copy, examined) in [
            (Copy::Current, &inspection.current),
            (Copy::Previous, &inspection.previous),
        ] {
            let path = shown(directory.path(), copy.name());
            match examined {
                Examined::Missing => writeln!(out, "{path}: missing")?,
                Examined::Unreadable(error) => writeln!(out, "{path}: cannot be read: {error}")?,
                Examined::Unusable(unusable) => writeln!(out, "{path}: {unusable}")?,
                Examined::Valid(valid) => {
                    writeln!(out, "{path}: {}", describe(valid.header(), now))?;
                }
            }
        }
        let verdict = &inspection.verdict;
        let Some(checkpoint) = inspection.used() else {
            out.flush()?;
            let help = "docs/state.md explains each case";
            return Err(Failure::message(Exit::Runtime, verdict).help(help));
        };
        writeln!(out, "{verdict}")?;
        for remark in remarks(verdict, checkpoint, Host::read(), now) {
            writeln!(out, "note: {remark}")?;
        }
        Ok(())
    }
}
