//! `state show`: what is kept.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure, counted};
use super::super::summary::grouped;
use super::place::{Place, shown};
use super::text::{describe, durability, remarks, written_at};
use crate::clock::{Clock as _, SystemClock};
use crate::model::{SavedFiles, SavedInput, SavedLedger, SavedLink, SavedSource};
use crate::state::{Checkpoint, Directory as _, Host, Inspection, inspect};

/// Show what is kept: lines, series and positions of each source.
///
/// Shows the copy that the next start would use; `state check` says why.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    place: Place,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let directory = self.place.open()?;
        let inspection = inspect(&directory);
        let verdict = &inspection.verdict;
        let (Some(copy), Some(checkpoint)) = (verdict.used(), inspection.used()) else {
            let help = format!(
                "httplog-exporter state check {}",
                directory.path().display()
            );
            return Err(Failure::message(Exit::Runtime, verdict).help(help));
        };
        let path = shown(directory.path(), copy.name());
        let mut out = io::stdout().lock();
        if self.json {
            let shown = to_json(&path, &inspection, checkpoint);
            writeln!(out, "{shown:#}")?;
        } else {
            write(&mut out, &path, &inspection, checkpoint)?;
        }
        Ok(())
    }
}

fn write(
    out: &mut impl Write,
    path: &str,
    inspection: &Inspection,
    checkpoint: &Checkpoint,
) -> io::Result<()> {
    let now = SystemClock::new().wall();
    writeln!(out, "{path}: {}", describe(checkpoint.header(), now))?;
    for remark in remarks(&inspection.verdict, checkpoint, Host::read(), now) {
        writeln!(out, "note: {remark}")?;
    }
    let saved = checkpoint.saved();
    saved
        .sources
        .iter()
        .try_for_each(|source| write_source(out, source))?;
    for link in &saved.links {
        let (front, backs) = (&link.front, link.backs.join(", "));
        let waiting = counted(link.requests.len(), "request");
        writeln!(out, "{front} before {backs}: {waiting} may be joined")?;
    }
    Ok(())
}

fn write_source(out: &mut impl Write, source: &SavedSource) -> io::Result<()> {
    let SavedLedger {
        recorded,
        rejected,
        skipped,
        bytes,
        ..
    } = &source.ledger;
    let rejected_lines: u64 = rejected.iter().map(|(_, lines)| lines).sum();
    let skipped_lines: u64 = skipped.iter().map(|(_, lines)| lines).sum();
    writeln!(
        out,
        "{}: {} lines, {} recorded, {} rejected, {} skipped; {} bytes",
        source.name,
        grouped(recorded + rejected_lines + skipped_lines),
        grouped(*recorded),
        grouped(rejected_lines),
        grouped(skipped_lines),
        grouped(*bytes),
    )?;
    for (reason, lines) in rejected.iter().filter(|(_, lines)| *lines > 0) {
        writeln!(out, "  rejected, {reason}: {}", grouped(*lines))?;
    }
    let families = match source.families.len() {
        1 => "1 family".to_owned(),
        number => format!("{number} families"),
    };
    let routes = counted(source.routes.names.len(), "route");
    writeln!(
        out,
        "  {} series of {families}, {routes}",
        grouped(series(source))
    )?;
    match &source.input {
        SavedInput::Stream => writeln!(out, "  a stream, of which nothing can be read again"),
        SavedInput::Files(files) => write_files(out, files),
        SavedInput::Journal { unit, cursor } => {
            writeln!(out, "  the journal of {unit} up to the entry {cursor}")
        }
    }
}

/// Writes which files are read, and how far.
fn write_files(out: &mut impl Write, files: &SavedFiles) -> io::Result<()> {
    for (path, offset) in read_files(files) {
        writeln!(out, "  {path} up to byte {}", grouped(offset))?;
    }
    let finished = counted(files.records.len(), "finished text");
    writeln!(out, "  {finished}, of which nothing is counted again")
}

/// Returns the paths of the files that are read, and how much of each was counted.
fn read_files(files: &SavedFiles) -> impl Iterator<Item = (String, u64)> {
    let open = files.open.iter().map(|file| (&file.path, file.offset));
    let archives = files.archives.iter().map(|file| (&file.path, file.offset));
    let text = |path: &Vec<u8>| String::from_utf8_lossy(path).escape_debug().to_string();
    open.chain(archives)
        .map(move |(path, offset)| (text(path), offset))
}

fn series(source: &SavedSource) -> u64 {
    let families = source.families.iter();
    families.map(|family| family.series.len() as u64).sum()
}

fn to_json(path: &str, inspection: &Inspection, checkpoint: &Checkpoint) -> Value {
    let (header, saved) = (checkpoint.header(), checkpoint.saved());
    let now = SystemClock::new().wall();
    json!({
        "path": path,
        "verdict": inspection.verdict.to_string(),
        "notes": remarks(&inspection.verdict, checkpoint, Host::read(), now),
        "checkpoint": header.number,
        "written": written_at(header).to_string(),
        "writer": header.writer,
        "format": header.version.to_string(),
        "durability": durability(header.durability),
        "sources": saved.sources.iter().map(source_json).collect::<Vec<_>>(),
        "links": saved.links.iter().map(link_json).collect::<Vec<_>>(),
    })
}

fn source_json(source: &SavedSource) -> Value {
    let ledger = &source.ledger;
    let families = source.families.iter();
    let families = families.map(|family| (family.name.to_string(), family.series.len().into()));
    let mut shown = json!({
        "name": source.name,
        "recorded": ledger.recorded,
        "overflow": ledger.overflow,
        "bytes": ledger.bytes,
        "rejected": by_reason(&ledger.rejected),
        "skipped": by_reason(&ledger.skipped),
        "series": Value::Object(families.collect()),
        "routes": source.routes.names.len(),
    });
    let input = match &source.input {
        SavedInput::Stream => json!("stream"),
        SavedInput::Files(files) => {
            let file = |(path, offset)| json!({"path": path, "offset": offset});
            shown["files"] = read_files(files).map(file).collect();
            json!("files")
        }
        SavedInput::Journal { unit, cursor } => {
            shown["unit"] = json!(unit);
            shown["cursor"] = json!(cursor);
            json!("journal")
        }
    };
    shown["input"] = input;
    shown
}

fn by_reason(counts: &[(String, u64)]) -> Value {
    let counts = counts.iter();
    Value::Object(
        counts
            .map(|(reason, lines)| (reason.clone(), (*lines).into()))
            .collect(),
    )
}

fn link_json(link: &SavedLink) -> Value {
    json!({
        "front": link.front,
        "behind": link.backs,
        "waiting": link.requests.len(),
    })
}
