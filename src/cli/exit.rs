//! Failures and exit codes.
//!
//! Invariant: each kind of failure has one code, the same in every command.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::diag::{self, Report};
use crate::model::counted;
use crate::state::StoreError;
use crate::text_file::ReadError;

/// Exit codes, as `--help` and the man page show them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0   success, or a clean shutdown
  1   failure at run time
  64  the command line is wrong
  66  an input is missing or cannot be read
  74  reading, writing or listening failed
  78  the configuration is wrong, or the format of a log is not recognised";

/// Exit code; those above 1 are from `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Failure at run time.
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

/// Failure of a command.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Faults of a text.
    Report(Report),
    /// An error with its causes, and a remedy.
    Error(anyhow::Error, Option<String>),
    /// The reader of the output has gone away, or an end was requested; prints nothing.
    Quiet,
    /// The output says what is wrong; prints nothing more.
    Shown,
}

impl Failure {
    /// Creates a failure with an error.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            what: What::Error(error.into(), None),
        }
    }

    /// Creates a failure with a message.
    pub fn message(exit: Exit, message: impl fmt::Display) -> Self {
        Self::new(exit, anyhow::anyhow!("{message}"))
    }

    /// Creates a failure with the faults of an argument.
    pub(super) fn usage(report: Report) -> Self {
        Self {
            exit: Exit::Usage,
            what: What::Report(report),
        }
    }

    /// Creates a failure that the output of the command shows.
    pub(super) fn shown(exit: Exit) -> Self {
        Self {
            exit,
            what: What::Shown,
        }
    }

    /// Creates the end that was requested, which is a success.
    pub(super) fn stopped() -> Self {
        Self {
            exit: Exit::Runtime,
            what: What::Quiet,
        }
    }

    /// Returns a conversion of an I/O error into a failure: `cannot …`.
    pub(super) fn cannot(what: impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            let error = anyhow::Error::new(error).context(format!("cannot {what}"));
            Self::new(Exit::Io, error)
        }
    }

    /// Adds a remedy to an error, if the remedy applies.
    pub(super) fn help_if(self, applies: bool, help: &str) -> Self {
        if applies { self.help(help) } else { self }
    }

    /// Adds a remedy to an error.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let What::Error(_, remedy) = &mut self.what {
            *remedy = Some(help.into());
        }
        self
    }

    /// Sets the remedy of an error to the candidates that are similar to `word`, or to their list.
    pub(super) fn suggest<'c>(
        self,
        word: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Self {
        self.help_if_known(diag::suggestion(word, candidates))
    }

    /// Adds a remedy to an error, if one is known.
    pub(super) fn help_if_known(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// Returns the exit code of the process.
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

/// Failures of a file that is missing, is not a text file, or cannot be read.
impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let exit = if error.is_failure() {
            Exit::Io
        } else {
            Exit::NoInput
        };
        Self::new(exit, error)
    }
}

/// Adds the remedy.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let remedy = error.remedy();
        let failure = Self::new(Exit::Io, error);
        match remedy {
            Some(remedy) => failure.help(remedy),
            None => failure,
        }
    }
}

/// Failures of writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                exit: Exit::Io,
                what: What::Quiet,
            };
        }
        Self::cannot("write the output")(error)
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
            What::Quiet | What::Shown => Ok(()),
        }
    }
}
