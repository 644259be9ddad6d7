//! The command line: one file for each command.
//!
//! Invariant: a command returns its failure; only `main` prints it and ends the process.

mod allocator;
mod backfill;
mod check;
mod client;
mod compare;
mod demo;
mod exit;
mod explain;
mod format_names;
mod generate;
mod init;
mod lines;
mod load;
mod logs;
mod output;
mod overlap;
mod paint;
mod patterns;
mod prefix;
mod rejects;
mod replay;
mod routes;
mod run;
mod state;
mod status;
mod stop;
mod summary;
mod table;
mod tips;
mod unrecognised;
mod views;
mod web;
mod web_options;

use std::str::FromStr;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use tracing::Level;

pub use exit::{Exit, Failure};
pub use tips::tip;

use allocator::keep_memory_small;
use exit::EXIT_CODES;

use crate::telemetry::log::{self, LogError, LogFormat};

/// The end of `--help`.
const DOCUMENTATION: &str = "\
Documentation:
  man httplog-exporter-config           every key of the configuration
  man httplog-exporter-troubleshooting  symptoms, and what each message means
  /usr/share/doc/httplog-exporter       the guide and all other pages";

/// Prometheus metrics for a Django site, from the access logs nginx and gunicorn already write.
#[derive(Debug, Parser)]
#[command(
    name = "httplog-exporter",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = format!("{EXIT_CODES}\n\n{DOCUMENTATION}")
)]
pub struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

/// Options of the exporter's own log.
#[derive(Debug, Args)]
struct LogOptions {
    /// Format of the exporter's own log: text or json
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", value_parser = LogFormat::from_str)]
    log_format: LogFormat,
    /// Least severe events to log: error, warn, info, debug or trace [default: info; demo: error]
    #[arg(long, global = true, value_name = "LEVEL", value_parser = log::level)]
    log_level: Option<Level>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Replay(replay::Replay),
    Lines(lines::Lines),
    Status(status::Status),
    Compare(compare::Compare),
    Backfill(backfill::Backfill),
    Check(check::Check),
    Explain(explain::Explain),
    Patterns(patterns::Patterns),
    Routes(routes::Routes),
    Init(init::Init),
    State(state::State),
    Web(web::Web),
    Generate(generate::Generate),
}

impl Cli {
    /// Runs the command.
    pub fn execute(self) -> Result<(), Failure> {
        match self.command {
            Command::Run(run) => {
                keep_memory_small();
                self.log.start(Level::INFO).and_then(|()| run.execute())
            }
            Command::Demo(demo) => {
                keep_memory_small();
                // That a log does not match its pattern is part of it.
                self.log.start(Level::ERROR).and_then(|()| demo.execute())
            }
            Command::Replay(replay) => replay.execute(),
            Command::Lines(lines) => lines.execute(),
            Command::Status(status) => status.execute(),
            Command::Compare(compare) => compare.execute(),
            Command::Backfill(backfill) => backfill.execute(),
            Command::Check(check) => check.execute(),
            Command::Explain(explain) => explain.execute(),
            Command::Patterns(patterns) => patterns.execute(),
            Command::Routes(routes) => routes.execute(),
            Command::Init(init) => init.execute(),
            Command::State(state) => state.execute(),
            Command::Web(web) => web.execute(),
            Command::Generate(generate) => generate.execute(Self::command()),
        }
    }
}

impl LogOptions {
    fn start(&self, level: Level) -> Result<(), Failure> {
        log::init(self.log_format, self.log_level.unwrap_or(level))
            .map_err(|error: LogError| Failure::new(Exit::Runtime, error))
    }
}
