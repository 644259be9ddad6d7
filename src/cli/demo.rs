//! `demo`: runs the daemon on recorded traffic of an embedded site.
//!
//! Invariant: real logs are written, rotated and followed; only the daemon counts.

mod site;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use clap::Args;

use super::exit::{Exit, Failure};
use super::run::start;
use super::summary::grouped;
use crate::clock::Waker;
use crate::config::{self, Config, Input, Source};
use crate::daemon::{Shards, Stop};
use crate::http::Address;
use crate::pattern::Preset;
use crate::source::PathPattern;
use site::{Site, TICK, TICKS_PER_SECOND, Tally};

/// Preset of both sources; the lines of the second one do not match it.
const PRESET: &str = "nginx-django";
/// Longest time without progress before the last lines count as lost.
const DRAIN: Duration = Duration::from_secs(5);

/// Run the exporter on the traffic of an embedded site.
///
/// Writes recorded traffic to a temporary log, rotates it every ten seconds, and follows it. Open the
/// printed address, where there is something to find: a slow view, a burst of errors, and a log whose format is not its
/// pattern. Or let Prometheus scrape it. Press Ctrl-C to stop.
#[derive(Debug, Args)]
pub struct Demo {
    /// Listen address
    #[arg(long, short, value_name = "ADDR", default_value = config::DEFAULT_LISTEN)]
    listen: Address,
    /// Lines written per second
    #[arg(long, value_name = "LINES", default_value_t = 200, value_parser = clap::value_parser!(u64).range(20..=1_000_000))]
    rate: u64,
    /// Stop after this many seconds, with exit code 1 unless every line was counted
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

impl Demo {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let folder = tempfile::Builder::new()
            .prefix("httplog-exporter-demo-")
            .tempdir()
            .map_err(Failure::cannot("make a temporary folder"))?;
        let [path, other] = ["access.log", "api.log"].map(|name| folder.path().join(name));
        let site = Site::new(&path, &other, self.rate);
        let site = site.map_err(Failure::cannot("write the log"))?;
        let sources = vec![source("nginx", &path)?, source("api", &other)?];
        let config = Config::with_sources(vec![self.listen.clone()], sources);
        let Some(mut daemon) = start(&config, None)? else {
            return Ok(());
        };
        let shards = daemon.shards();
        let address = daemon.addresses().into_iter().next().unwrap_or_default();
        introduce(&path, &address, self.rate)?;
        let (tally, waker) = (Tally::default(), Waker::default());
        let stop = daemon.take_stop();
        let seconds = self.seconds;
        let ticks = seconds.map(|seconds| seconds.saturating_mul(TICKS_PER_SECOND));
        thread::scope(|scope| {
            let writer = thread::Builder::new()
                .name("demo".into())
                .spawn_scoped(scope, || {
                    write_log(site, &tally, &shards, &waker, ticks, stop)
                })
                .map_err(Failure::cannot("start a thread"))?;
            let ran = daemon.run();
            waker.wake();
            let wrote = writer.join();
            ran.map_err(|error| Failure::new(Exit::Runtime, error))?;
            // A panic would have ended the process.
            wrote.unwrap_or(Ok(()))
        })?;
        let (written, other) = tally.lines();
        let ledger = shards.ledger();
        let (counted, rejected) = (ledger.recorded, ledger.rejected_lines());
        say(&tally, &shards, "\n")?;
        if seconds.is_some() && (written, other) != (counted, rejected) {
            let message = format!(
                "{} written, {counted} counted; {other} of another format written, {rejected} rejected",
                crate::model::counted(written, "line")
            );
            return Err(Failure::message(Exit::Runtime, message));
        }
        Ok(())
    }
}

fn source(name: &str, path: &Path) -> Result<Source, Failure> {
    let preset = Preset::find(PRESET).ok_or_else(|| {
        Failure::message(Exit::Runtime, format!("the preset {PRESET} is missing"))
    })?;
    let input = Input::log(PathPattern::literal(path.to_owned()));
    Ok(Source::new(name.into(), input, Arc::new(preset.pattern()?)))
}

fn introduce(path: &Path, address: &str, rate: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let path = path.display();
    write!(
        out,
        "A Django site's recorded traffic, {rate} lines a second, written to\n  {path}\n\
         and rotated every ten seconds. Open\n  {address}/          the page\n  \
         {address}/metrics   what Prometheus scrapes\n\
         Find on the page:\n  \
         a slow view                     `slow`, by its p95\n  \
         a burst of errors               `articles:list`, five seconds of each minute; open its details for the lines behind them\n  \
         a log that is not its pattern   the source `api`, with the command that shows why\n\
         Press Ctrl-C to stop.\n\n"
    )?;
    out.flush()
}

/// Writes until woken or for `ticks` ticks, then waits until the last line is counted.
fn write_log(
    mut site: Site,
    tally: &Tally,
    shards: &Shards,
    waker: &Waker,
    ticks: Option<u64>,
    stop: Option<Stop>,
) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    let mut tick = 0;
    while ticks.is_none_or(|ticks| tick < ticks) {
        let written = site.tick(tick, tally);
        written.map_err(Failure::cannot("write the log"))?;
        tick += 1;
        if terminal && tick.is_multiple_of(10) {
            say(tally, shards, "\r")?;
        } else if !terminal && tick.is_multiple_of(100) {
            say(tally, shards, "\n")?;
        }
        if waker.wait(TICK) {
            return Ok(());
        }
    }
    let (written, other) = tally.lines();
    let (mut counted, mut waited) = (shards.ledger().lines(), Duration::ZERO);
    while counted != written + other && waited < DRAIN && !waker.wait(TICK) {
        let before = std::mem::replace(&mut counted, shards.ledger().lines());
        waited = if counted == before {
            waited + TICK
        } else {
            Duration::ZERO
        };
    }
    if let Some(stop) = stop {
        stop.stop();
    }
    Ok(())
}

fn say(tally: &Tally, shards: &Shards, end: &str) -> io::Result<()> {
    let counted = shards.ledger().recorded;
    let (written, _) = tally.lines();
    let rotations = tally.rotations.load(Ordering::Acquire);
    let mut out = io::stdout().lock();
    write!(
        out,
        "written {}  counted {}  rotations {rotations}{end}",
        grouped(written.max(counted)),
        grouped(counted)
    )?;
    out.flush()
}
