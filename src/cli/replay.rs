//! `replay`: reads whole logs once and prints the result.

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::thread;

use clap::{Args, ValueEnum};

use super::exit::Failure;
use super::logs::{Aim, Logs, Session, Threads};
use super::summary;
use crate::aggregate::{Accounts, Shard};
use crate::expose::{encode_json, encode_text};
use crate::model::{Families, Family};

/// Read whole logs once and print the result.
///
/// Reads plain and gzip-compressed files, the output of `journalctl -o export`, and standard input
/// (`-`). The format is recognised from the first lines of each file, unless --pattern names it, the
/// configuration has a single source, or one of its sources follows the file. Where a source is behind
/// another, the lines of both are joined, in whichever order the files are given.
#[derive(Debug, Args)]
pub struct Replay {
    /// Output format
    #[arg(long, short, value_name = "WHAT", value_enum, default_value_t = Output::Summary)]
    output: Output,
    /// Threads that count [default: the number of processors]. The result is the same for any number.
    /// Large plain files are shared out in parts, compressed files and exported journals whole; standard
    /// input, pipes, and logs whose lines are joined are read by one thread
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Tables
    Summary,
    /// Prometheus text format
    Metrics,
    /// One JSON object
    Json,
}

impl Replay {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let aim = match self.output {
            Output::Summary => Aim::Tables,
            Output::Metrics | Output::Json => Aim::Families,
        };
        // Where the number of processors is not known, one thread counts.
        let processors = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = Threads::new(self.threads.unwrap_or_else(processors));
        // The process ends: freeing all counts and routes one by one would only take time.
        let mut session = ManuallyDrop::new(self.logs.read(aim, threads)?);
        print(&mut session, self.output)
    }
}

/// Reads the number of threads.
fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| {
        "give a whole number from 1, or leave it out for one thread per processor".to_owned()
    })
}

fn print(session: &mut Session, output: Output) -> Result<(), Failure> {
    let shards = session.formats.iter_mut().map(|counts| &mut counts.shard);
    let mut families: Vec<Family> = shards.flat_map(Shard::snapshot).collect();
    families.extend(session.links.families());
    if output == Output::Json {
        let mut accounts = Accounts::default();
        for counts in &session.formats {
            counts.shard.account(&mut accounts);
        }
        families.extend(accounts.into_families());
        families.extend(session.links.outcomes());
    }
    let families = ManuallyDrop::new(Families::new(families));
    let mut out = io::stdout().lock();
    let mut bytes = Vec::new();
    match output {
        Output::Summary => {
            for (at, counts) in session.formats.iter_mut().enumerate() {
                if at > 0 {
                    writeln!(out)?;
                }
                let families = Families::new(counts.shard.snapshot());
                let ledger = counts.shard.ledger();
                summary::write(&mut out, &counts.name, ledger, &families)?;
            }
            summary::write_joined(&mut out, &families)?;
        }
        Output::Metrics => encode_text(&families, &mut bytes),
        Output::Json => encode_json(&families, &mut bytes),
    }
    out.write_all(&bytes)?;
    session.warn(output == Output::Summary);
    Ok(())
}
