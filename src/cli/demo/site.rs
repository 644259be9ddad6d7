//! Writes the logs of the demo, in place of nginx and logrotate.

use std::fs::File;
use std::io::{self, Write};
use std::iter::Cycle;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::Lines;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Traffic recorded from nginx in front of a small Django site.
const TRAFFIC: &str = include_str!("../../../fixtures/demo/access.log");
/// Line of the other log, as nginx writes it without a `log_format` of its own.
const OTHER: &str =
    "127.0.0.1 - - [22/Nov/2026:20:19:39 +0000] \"GET /api/ HTTP/1.1\" 200 13 \"-\" \"-\"\n";
/// Writes per second.
pub(super) const TICKS_PER_SECOND: u64 = 20;
/// Pause between two writes.
pub(super) const TICK: Duration = Duration::from_millis(1_000 / TICKS_PER_SECOND);
/// Ticks between two rotations.
const ROTATE_TICKS: u64 = 200;
/// Ticks during which a rotated file is still written, as nginx does until USR1.
const LATE_TICKS: u64 = 4;
/// Ticks of a minute.
const MINUTE_TICKS: u64 = 60 * TICKS_PER_SECOND;
/// Ticks of each minute in which a view fails.
const BURST: Range<u64> = 15 * TICKS_PER_SECOND..20 * TICKS_PER_SECOND;
/// End of the lines of that view.
const FAILING: &str = "view=\"articles:list\"";
/// Part of its lines, and what replaces it then.
const STATUS: [&str; 2] = ["HTTP/1.1\" 200 ", "HTTP/1.1\" 502 "];

/// Writer of the logs.
pub(super) struct Site {
    path: PathBuf,
    log: File,
    /// The rotated file while it is still written to.
    old: Option<File>,
    lines_per_tick: u64,
    /// The recorded traffic, repeated endlessly.
    lines: Cycle<Lines<'static>>,
    /// The log of another format.
    other: File,
}

/// Progress of the writer.
#[derive(Debug, Default)]
pub(super) struct Tally {
    written: AtomicU64,
    /// Lines of another format.
    other: AtomicU64,
    pub(super) rotations: AtomicU64,
}

impl Tally {
    /// Returns the number of lines written, and of lines of another format.
    pub(super) fn lines(&self) -> (u64, u64) {
        let other = self.other.load(Ordering::Acquire);
        (self.written.load(Ordering::Acquire), other)
    }
}

impl Site {
    pub(super) fn new(path: &Path, other: &Path, rate: u64) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            log: append(path)?,
            old: None,
            lines_per_tick: (rate / TICKS_PER_SECOND).max(1),
            lines: TRAFFIC.lines().cycle(),
            other: append(other)?,
        })
    }

    /// Writes the lines of a tick; rotates when it is time.
    pub(super) fn tick(&mut self, tick: u64, tally: &Tally) -> io::Result<()> {
        if tick > 0 && tick.is_multiple_of(ROTATE_TICKS) {
            self.rotate()?;
            tally.rotations.fetch_add(1, Ordering::AcqRel);
        }
        if tick % ROTATE_TICKS == LATE_TICKS {
            self.old = None;
        }
        if tick.is_multiple_of(TICKS_PER_SECOND) {
            self.other.write_all(OTHER.as_bytes())?;
            tally.other.fetch_add(1, Ordering::AcqRel);
        }
        let is_burst = BURST.contains(&(tick % MINUTE_TICKS));
        let mut text = String::new();
        for _ in 0..self.lines_per_tick {
            let line = self.lines.next().unwrap_or_default();
            if is_burst && line.ends_with(FAILING) {
                let [good, bad] = STATUS;
                text.push_str(&line.replacen(good, bad, 1));
            } else {
                text.push_str(line);
            }
            text.push('\n');
        }
        let log = self.old.as_mut().unwrap_or(&mut self.log);
        log.write_all(text.as_bytes())?;
        let written = &tally.written;
        written.fetch_add(self.lines_per_tick, Ordering::AcqRel);
        Ok(())
    }

    /// Renames the log and creates another one, as logrotate does. The old file is still written for a while.
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
