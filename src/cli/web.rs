//! `web`: helps to write a web configuration.
//!
//! Invariant: a password is neither printed nor an argument, which other users could see.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::exit::{Exit, Failure};
use crate::diag::is_printable;
use crate::web_config::{DEFAULT_COST, HashError, hash_password};

/// Most bytes of standard input that are read.
const MOST_BYTES: u64 = 4096;

/// Help to write a web configuration.
#[derive(Debug, Args)]
pub struct Web {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    HashPassword(HashPassword),
}

/// Hash a password for `basic_auth_users`.
///
/// Asks for the password on a terminal, without showing it; otherwise reads it from the first line of standard input.
#[derive(Debug, Args)]
struct HashPassword {
    /// Cost of checking a password: each step doubles it
    #[arg(long, value_name = "N", default_value_t = DEFAULT_COST, value_parser = clap::value_parser!(u32).range(4..=31))]
    cost: u32,
    /// Write the lines of the web configuration for this user
    #[arg(long, value_name = "NAME", value_parser = user_name)]
    user: Option<String>,
}

impl Web {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let Command::HashPassword(command) = &self.command;
        command.execute()
    }
}

impl HashPassword {
    fn execute(&self) -> Result<(), Failure> {
        let read = if io::stdin().is_terminal() {
            asked_twice()?
        } else {
            first_line(io::stdin().lock()).map_err(Failure::cannot("read the password"))?
        };
        let hash = hash_password(&read, self.cost).map_err(|error| {
            let exit = match error {
                HashError::Empty | HashError::Long => Exit::Usage,
                HashError::Bcrypt(_) => Exit::Runtime,
            };
            Failure::new(exit, error)
        })?;
        let mut out = io::stdout().lock();
        match &self.user {
            None => writeln!(out, "{hash}")?,
            Some(user) => {
                let user = user.replace('\'', "''");
                writeln!(out, "basic_auth_users:\n  '{user}': {hash}")?;
            }
        }
        Ok(())
    }
}

/// Checks a name of a user, which ends at the first colon of what a client sends.
fn user_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.contains(':') || !name.chars().all(is_printable) {
        return Err("a name has at least one character, and no colon".into());
    }
    Ok(name.to_owned())
}

/// Reads a line without its end.
fn first_line(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    io::BufReader::new(from.take(MOST_BYTES)).read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    Ok(line)
}

/// Asks for a password on the terminal, and once more.
fn asked_twice() -> Result<Vec<u8>, Failure> {
    let cannot = || Failure::cannot("ask for the password");
    let first = ask("Password: ").map_err(cannot())?;
    let second = ask("The same again: ").map_err(cannot())?;
    if first != second {
        return Err(Failure::message(Exit::Usage, "the passwords differ"));
    }
    Ok(first)
}

fn ask(prompt: &str) -> io::Result<Vec<u8>> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{prompt}")?;
    terminal.flush()?;
    let hidden = Hidden::begin()?;
    let line = first_line(io::stdin().lock());
    drop(hidden);
    writeln!(terminal)?;
    line
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // If the terminal is gone, nothing is left to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
