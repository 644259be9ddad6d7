//! `state show`: what is kept.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use super::super::exit::{Exit, Failure};
use super::super::summary::{grouped, grouped_count};
use super::next::Next;
use super::place::{Place, shown};
use super::text::{describe, durability, remarks, written_at};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::model::{Saved, SavedInput, SavedLedger, SavedLink, SavedSource, SecretKey, counted};
use crate::state::{Checkpoint, Directory as _, Host, Inspection, inspect};

/// Show what is kept, and what the next start would do with the logs.
///
/// Shows lines, series and positions of each source, in the copy that the next start would use; `state check` says why. With a
/// configuration, each log is read as the next start would read it, and nothing is counted or changed: it says where a log stands
/// that was rotated or compressed since, how much there is to read, and what is lost.
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
        let (directory, config) = self.place.open_configured()?;
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
        let config = config.as_ref();
        if self.json {
            let shown = to_json(&path, &inspection, checkpoint, config);
            writeln!(out, "{shown:#}")?;
        } else {
            write(&mut out, &path, &inspection, checkpoint, config)?;
        }
        Ok(())
    }
}

fn write(
    out: &mut impl Write,
    path: &str,
    inspection: &Inspection,
    checkpoint: &Checkpoint,
    config: Option<&Config>,
) -> io::Result<()> {
    let now = SystemClock::new().wall();
    writeln!(out, "{path}: {}", describe(checkpoint.header(), now))?;
    for remark in remarks(&inspection.verdict, checkpoint, Host::read(), now) {
        writeln!(out, "note: {remark}")?;
    }
    let saved = checkpoint.saved();
    for source in in_sequence(saved, config) {
        write_source(out, source)?;
        Next::of(source, config, SecretKey(saved.key)).write(out, source)?;
    }
    for name in added(saved, config) {
        writeln!(out, "{name}: the next start begins to count it")?;
    }
    for link in &saved.links {
        let (fronts, backs) = (link.fronts().collect::<Vec<_>>(), link.backs.join(", "));
        let fronts = fronts.join(", ");
        let waiting = counted(link.requests.len(), "request");
        writeln!(out, "{fronts} before {backs}: {waiting} may be joined")?;
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
        "{}: {}, {} recorded, {} rejected, {} skipped; {}",
        source.name,
        grouped_count(recorded + rejected_lines + skipped_lines, "line"),
        grouped(*recorded),
        grouped(rejected_lines),
        grouped(skipped_lines),
        grouped_count(*bytes, "byte"),
    )?;
    for (reason, lines) in rejected.iter().filter(|(_, lines)| *lines > 0) {
        writeln!(out, "  rejected, {reason}: {}", grouped(*lines))?;
    }
    for gap in source.gaps.iter().filter(|gap| gap.events > 0) {
        let (reason, events) = (&gap.reason, grouped(gap.events));
        writeln!(out, "  gaps, {reason}: {events}")?;
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
        SavedInput::Files(files) => {
            let finished = counted(files.records.len(), "finished text");
            writeln!(out, "  {finished}, of which nothing is counted again")
        }
        SavedInput::Journal { unit, cursor } => {
            writeln!(out, "  the journal of {unit} up to the entry {cursor}")
        }
    }
}

/// Returns the sources, in the sequence of the configuration; others come last.
fn in_sequence<'s>(saved: &'s Saved, config: Option<&Config>) -> Vec<&'s SavedSource> {
    let configured = config.map_or(&[][..], |config| &config.sources);
    let place = |saved: &&SavedSource| {
        let mut names = configured.iter().map(|source| &source.name);
        names
            .position(|name| *name == saved.name)
            .unwrap_or(usize::MAX)
    };
    let mut sources: Vec<_> = saved.sources.iter().collect();
    sources.sort_by_cached_key(place);
    sources
}

/// Returns the names of the sources that the configuration adds.
fn added<'c>(saved: &Saved, config: Option<&'c Config>) -> impl Iterator<Item = &'c str> {
    let sources = config.map_or(&[][..], |config| &config.sources);
    let names = sources.iter().map(|source| source.name.as_str());
    names.filter(|name| !saved.sources.iter().any(|source| source.name == *name))
}

fn series(source: &SavedSource) -> u64 {
    let families = source.families.iter();
    families.map(|family| family.series.len() as u64).sum()
}

fn to_json(
    path: &str,
    inspection: &Inspection,
    checkpoint: &Checkpoint,
    config: Option<&Config>,
) -> Value {
    let (header, saved) = (checkpoint.header(), checkpoint.saved());
    let now = SystemClock::new().wall();
    let source = |source| {
        let mut shown = source_json(source);
        Next::of(source, config, SecretKey(saved.key)).add_json(&mut shown, source);
        shown
    };
    json!({
        "path": path,
        "verdict": inspection.verdict.to_string(),
        "notes": remarks(&inspection.verdict, checkpoint, Host::read(), now),
        "checkpoint": header.number,
        "written": written_at(header).to_string(),
        "writer": header.writer,
        "format": header.version.to_string(),
        "durability": durability(header.durability),
        "sources": in_sequence(saved, config).into_iter().map(source).collect::<Vec<_>>(),
        "added_sources": added(saved, config).collect::<Vec<_>>(),
        "links": saved.links.iter().map(link_json).collect::<Vec<_>>(),
    })
}

fn source_json(source: &SavedSource) -> Value {
    let ledger = &source.ledger;
    let gaps = source.gaps.iter();
    let gaps: Vec<_> = gaps.map(|gap| (gap.reason.clone(), gap.events)).collect();
    let families = source.families.iter();
    let families = families.map(|family| (family.name.to_string(), family.series.len().into()));
    let mut shown = json!({
        "name": source.name,
        "recorded": ledger.recorded,
        "overflow": ledger.overflow,
        "bytes": ledger.bytes,
        "rejected": by_reason(&ledger.rejected),
        "skipped": by_reason(&ledger.skipped),
        "gaps": by_reason(&gaps),
        "series": Value::Object(families.collect()),
        "routes": source.routes.names.len(),
    });
    let input = match &source.input {
        SavedInput::Stream => json!("stream"),
        SavedInput::Files(_) => json!("files"),
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
        "fronts": link.fronts().collect::<Vec<_>>(),
        "behind": link.backs,
        "waiting": link.requests.len(),
    })
}
