//! How the program ends.
//!
//! Invariant: each kind of failure has one code, the same in every command; only `main` prints it.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::diag::Report;

/// Exit codes; those above 1 are from `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It ran, and something went wrong.
    Runtime = 1,
    /// The command line is wrong.
    Usage = 64,
    /// An input is missing or cannot be read.
    NoInput = 66,
    /// Reading, writing or listening failed.
    Io = 74,
    /// The configuration is wrong.
    Config = 78,
}

/// What a command failed of.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Faults that speak for themselves.
    Report(Report),
    /// One sentence, causes and a remedy.
    Error(anyhow::Error, Option<String>),
    /// The reader of our output went away: nothing to say.
    Quiet,
}

impl Failure {
    /// One error.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            what: What::Error(error.into(), None),
        }
    }

    /// One message.
    pub fn message(exit: Exit, message: impl fmt::Display) -> Self {
        Self::new(exit, anyhow::anyhow!("{message}"))
    }

    /// With a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let What::Error(_, remedy) = &mut self.what {
            *remedy = Some(help.into());
        }
        self
    }

    /// The code of the process.
    pub fn code(&self) -> ExitCode {
        match self.what {
            What::Quiet => ExitCode::SUCCESS,
            _ => ExitCode::from(self.exit as u8),
        }
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self {
            exit: Exit::Config,
            what: What::Report(report),
        }
    }
}

/// Failures of our own output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                exit: Exit::Io,
                what: What::Quiet,
            };
        }
        Self::new(
            Exit::Io,
            anyhow::Error::new(error).context("cannot write the output"),
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Report(report) => {
                let (errors, warnings) = (report.errors(), report.warnings());
                write!(f, "{report}{}", counted(errors, "error"))?;
                if warnings > 0 {
                    write!(f, ", {}", counted(warnings, "warning"))?;
                }
                writeln!(f)
            }
            What::Error(error, remedy) => {
                writeln!(f, "error: {error:#}")?;
                let mut lines = remedy.iter().flat_map(|remedy| remedy.lines());
                lines
                    .next()
                    .map_or(Ok(()), |line| writeln!(f, " = help: {line}"))?;
                lines.try_for_each(|line| writeln!(f, "         {line}"))
            }
            What::Quiet => Ok(()),
        }
    }
}

/// `1 error`, `2 errors`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
