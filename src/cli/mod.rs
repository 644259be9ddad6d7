//! The command line: one file for each command.
//!
//! Invariant: commands return what went wrong; only `main` prints it and ends the process.

mod backfill;
mod check;
mod demo;
mod exit;
mod explain;
mod generate;
mod init;
mod logs;
mod patterns;
mod rejects;
mod replay;
mod routes;
mod run;
mod summary;
mod unrecognised;

use std::io;
use std::path::Path;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

pub use exit::{Exit, Failure};

use crate::config::{Checked, Config};
use crate::telemetry::log::{self, LogError, LogFormat, LogLevel};

const EXIT_CODES: &str = "\
Exit codes:
  0   done, or stopped in order
  1   it ran, and something went wrong
  64  the command line is wrong
  66  an input is missing or cannot be read
  74  reading, writing or listening failed
  78  the configuration is wrong, or a log's format is not recognised";

/// Prometheus metrics for a Django site, from the access logs nginx and gunicorn already write.
#[derive(Debug, Parser)]
#[command(
    name = "httplog-exporter",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = EXIT_CODES
)]
pub struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

/// The exporter's own log.
#[derive(Debug, Args)]
struct LogOptions {
    /// How the exporter's own log is written: text or json
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", value_parser = LogFormat::from_str)]
    log_format: LogFormat,
    /// The least severe events written: error, warn, info, debug or trace [default: info; demo: warn]
    #[arg(long, global = true, value_name = "LEVEL", value_parser = LogLevel::from_str)]
    log_level: Option<LogLevel>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Replay(replay::Replay),
    Backfill(backfill::Backfill),
    Check(check::Check),
    Explain(explain::Explain),
    Patterns(patterns::Patterns),
    Routes(routes::Routes),
    Init(init::Init),
    Generate(generate::Generate),
}

impl Cli {
    /// Does what the command line says.
    pub fn execute(self) -> Result<(), Failure> {
        match self.command {
            Command::Run(run) => self.log.start(LogLevel::Info).and_then(|()| run.execute()),
            Command::Demo(demo) => self.log.start(LogLevel::Warn).and_then(|()| demo.execute()),
            Command::Replay(replay) => replay.execute(),
            Command::Backfill(backfill) => backfill.execute(),
            Command::Check(check) => check.execute(),
            Command::Explain(explain) => explain.execute(),
            Command::Patterns(patterns) => patterns.execute(),
            Command::Routes(routes) => routes.execute(),
            Command::Init(init) => init.execute(),
            Command::Generate(generate) => generate.execute(),
        }
    }
}

impl LogOptions {
    fn start(&self, level: LogLevel) -> Result<(), Failure> {
        log::init(self.log_format, self.log_level.unwrap_or(level))
            .map_err(|error: LogError| Failure::new(Exit::Runtime, error))
    }
}

/// Reads and checks a configuration file.
fn load(path: &Path) -> Result<Checked, Failure> {
    Config::load(path).map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let failure = Failure::new(
            if missing { Exit::NoInput } else { Exit::Io },
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
        );
        if missing {
            failure.help(
                "name the configuration with --config FILE, or follow logs without one: run LOG…",
            )
        } else {
            failure
        }
    })
}
