//! The program `httplog-exporter`, a wrapper around the library's command line.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use httplog_exporter::cli::{Cli, Exit, tip};
use httplog_exporter::telemetry::{log, panic};

fn main() -> ExitCode {
    panic::end_process(Exit::Runtime as i32);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap reports help and version as errors, too. A failure to print them is ignored, since
            // it cannot be reported either.
            let _ = error.print();
            let args = std::env::args_os().skip(1);
            let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into()).collect();
            if let Some(tip) = tip(&error, &args) {
                let _ = writeln!(std::io::stderr(), " = help: {tip}");
            }
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(Exit::Usage as u8),
            };
        }
    };
    match cli.execute() {
        Ok(()) => {
            log::end("");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            log::end(&failure.to_string());
            failure.code()
        }
    }
}
