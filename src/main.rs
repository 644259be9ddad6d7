//! The program `httplog-exporter`, a wrapper around the library's command line.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use httplog_exporter::cli::{Cli, Exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap reports help and version as errors, too. A failure to print them is ignored, since
            // it cannot be reported either.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(Exit::Usage as u8),
            };
        }
    };
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = write!(std::io::stderr(), "{failure}");
            failure.code()
        }
    }
}
