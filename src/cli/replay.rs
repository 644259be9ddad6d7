//! `replay`: whole files, one pass, then the result.

use std::io::{self, Write};

use clap::{Args, ValueEnum};

use super::exit::Failure;
use super::logs::{Aim, Logs, Session};
use super::summary;
use crate::aggregate::Shard;
use crate::expose::{encode_json, encode_text};
use crate::model::{Families, Family};

/// Read whole logs once and print the result.
///
/// Plain or gzip-compressed files, `-` for standard input; a journal as `journalctl -o export`
/// writes it is known by its first line, and its messages are read. The format is recognised from each
/// file's first lines, unless --pattern names it or the configuration has one source only, or
/// one whose paths the file is at. Where a source of the configuration is behind another, the
/// lines of both are joined, in whatever order the files are given.
#[derive(Debug, Args)]
pub struct Replay {
    /// What to print
    #[arg(long, short, value_name = "WHAT", value_enum, default_value_t = Output::Summary)]
    output: Output,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A table for people
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
        print(&self.logs.read(aim)?, self.output)
    }
}

fn print(session: &Session, output: Output) -> Result<(), Failure> {
    let shards = || session.lanes.iter().map(|(_, lane)| &lane.shard);
    let mut families: Vec<Family> = shards().flat_map(Shard::snapshot).collect();
    families.extend(session.links.families());
    if output == Output::Json {
        families.extend(shards().flat_map(Shard::account));
        families.extend(session.links.outcomes());
    }
    let families = Families::new(families);
    let mut out = io::stdout().lock();
    let mut bytes = Vec::new();
    match output {
        Output::Summary => {
            for (at, (name, lane)) in session.lanes.iter().enumerate() {
                if at > 0 {
                    writeln!(out)?;
                }
                summary::write(
                    &mut out,
                    name,
                    lane.shard.ledger(),
                    &Families::new(lane.shard.snapshot()),
                )?;
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
