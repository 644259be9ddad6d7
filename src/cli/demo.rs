//! `demo`: runs the daemon on recorded traffic of an embedded site.
//!
//! Invariant: a real log is written, rotated and followed; only the daemon counts.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::iter::Cycle;
use std::path::{Path, PathBuf};
use std::str::Lines;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Traffic recorded from nginx in front of a small Django site.
const TRAFFIC: &str = include_str!("../../fixtures/demo/access.log");
/// Preset of the traffic.
const PRESET: &str = "nginx-django";
/// Writes per second.
const TICKS_PER_SECOND: u64 = 20;
/// Pause between two writes.
const TICK: Duration = Duration::from_millis(1_000 / TICKS_PER_SECOND);
/// Ticks between two rotations.
const ROTATE_TICKS: u64 = 200;
/// Ticks during which a rotated file is still written, as nginx does until USR1.
const LATE_TICKS: u64 = 4;
/// Longest time without progress before the last lines count as lost.
const DRAIN: Duration = Duration::from_secs(5);

/// Run the exporter on the traffic of an embedded site.
///
/// Writes recorded traffic to a temporary log, rotates it every ten seconds, and follows it. Open the
/// printed address, or let Prometheus scrape it. Press Ctrl-C to stop.
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

/// Writer of the log, in place of nginx and logrotate.
struct Site {
    path: PathBuf,
    log: File,
    /// The rotated file while it is still written to.
    old: Option<File>,
    lines_per_tick: u64,
    /// The recorded traffic, repeated endlessly.
    lines: Cycle<Lines<'static>>,
}

/// Progress of the writer.
#[derive(Debug, Default)]
struct Tally {
    written: AtomicU64,
    rotations: AtomicU64,
}

impl Demo {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let folder = tempfile::Builder::new()
            .prefix("httplog-exporter-demo-")
            .tempdir()
            .map_err(Failure::cannot("make a temporary folder"))?;
        let path = folder.path().join("access.log");
        let site = Site::new(&path, self.rate).map_err(Failure::cannot("write the log"))?;
        let Some(mut daemon) = start(&config(&path, &self.listen)?, None)? else {
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
            wrote.map_err(|_| Failure::message(Exit::Runtime, "the demo's writer panicked"))?
        })?;
        let written = tally.written.load(Ordering::Acquire);
        let counted = shards.ledger().recorded;
        say(&tally, &shards, "\n")?;
        if seconds.is_some() && written != counted {
            let message = format!("{written} lines written, {counted} counted");
            return Err(Failure::message(Exit::Runtime, message));
        }
        Ok(())
    }
}

fn config(path: &Path, listen: &Address) -> Result<Config, Failure> {
    let preset = Preset::find(PRESET).ok_or_else(|| {
        Failure::message(Exit::Runtime, format!("the preset {PRESET} is missing"))
    })?;
    let input = Input::log(PathPattern::literal(path.to_owned()));
    let source = Source::new("nginx".into(), input, Arc::new(preset.pattern()?));
    Ok(Config::with_sources(vec![listen.clone()], vec![source]))
}

fn introduce(path: &Path, address: &str, rate: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let path = path.display();
    write!(
        out,
        "A Django site's recorded traffic, {rate} lines a second, written to\n  {path}\n\
         and rotated every ten seconds. Open\n  {address}/          the page\n  \
         {address}/metrics   what Prometheus scrapes\nPress Ctrl-C to stop.\n\n"
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
    let written = tally.written.load(Ordering::Acquire);
    let (mut counted, mut waited) = (shards.ledger().recorded, Duration::ZERO);
    while counted != written && waited < DRAIN && !waker.wait(TICK) {
        let before = std::mem::replace(&mut counted, shards.ledger().recorded);
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
    let written = tally.written.load(Ordering::Acquire);
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

impl Site {
    fn new(path: &Path, rate: u64) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            log: append(path)?,
            old: None,
            lines_per_tick: (rate / TICKS_PER_SECOND).max(1),
            lines: TRAFFIC.lines().cycle(),
        })
    }

    /// Writes the lines of a tick; rotates when it is time.
    fn tick(&mut self, tick: u64, tally: &Tally) -> io::Result<()> {
        if tick > 0 && tick.is_multiple_of(ROTATE_TICKS) {
            self.rotate()?;
            tally.rotations.fetch_add(1, Ordering::AcqRel);
        }
        if tick % ROTATE_TICKS == LATE_TICKS {
            self.old = None;
        }
        let mut text = String::new();
        for _ in 0..self.lines_per_tick {
            text.push_str(self.lines.next().unwrap_or_default());
            text.push('\n');
        }
        let log = self.old.as_mut().unwrap_or(&mut self.log);
        log.write_all(text.as_bytes())?;
        let written = &tally.written;
        written.fetch_add(self.lines_per_tick, Ordering::AcqRel);
        Ok(())
    }

    /// Renames the log and creates a new one, as logrotate does. The old file is still written for a while.
    #[expect(
        clippy::disallowed_methods,
        reason = "plays logrotate; durability does not matter"
    )]
    fn rotate(&mut self) -> io::Result<()> {
        std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
        self.old = Some(std::mem::replace(&mut self.log, append(&self.path)?));
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}
