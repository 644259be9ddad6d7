//! Follows logs beyond what was in them, as the daemon does.
//!
//! Invariant: the follower of a log reads it from its first byte on, so that nothing lies between what was in the log and
//! what is written to it. All logs are opened at one instant: no rotation lies between two of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::opened::can_only_be_read_whole;
use super::part::FirstBatch;
use super::session::Session;
use crate::cli::exit::{Exit, Failure};
use crate::cli::overlap::check_distinct;
use crate::cli::run::unreadable;
use crate::cli::stop::Stop;
use crate::clock::{Clock, SystemClock, Waker};
use crate::config::Files;
use crate::daemon::{follow_settings, raise_descriptor_limit};
use crate::model::SecretKey;
use crate::source::{
    FileEvent, FileId, FileSource, Frame, Fs as _, Notifier, PathPattern, Progress, ReadBuffer,
    RealFs, SharedFs, Start, Watch, WatchedFiles, path_before_rotation,
};

/// Attempts to open all logs without a rotation meanwhile.
const ATTEMPTS: usize = 100;

/// Logs that are followed.
pub(crate) struct Following {
    clock: Arc<dyn Clock>,
    stop: Stop,
    buffer: ReadBuffer,
    logs: Vec<FollowedLog>,
}

/// The reason why following was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// The format of a log became known.
    Format,
    /// The stop was requested.
    Stop,
}

/// A log in the sequence of the command line.
pub(super) enum Named {
    /// Read once; a regular file is open.
    Once(PathBuf, Option<File>),
    /// Followed, by its number.
    Followed(usize),
}

struct FollowedLog {
    path: PathBuf,
    files: WatchedFiles<SharedFs<RealFs>>,
    /// Woken when the log may have changed.
    waker: Waker,
    /// Number of its format, once it is known.
    format: Option<usize>,
    progress: Progress,
    /// Time of the next round without a wake-up.
    due: Duration,
    /// True once it was there.
    was_opened: bool,
    /// The first lines. They are read when the log is opened: a log whose text is known is recognised after a rotation.
    first: Vec<FirstBatch>,
    /// Events that were not reported yet.
    events: Vec<FileEvent>,
}

/// Parts that all followed logs share.
struct Surroundings {
    clock: Arc<dyn Clock>,
    notifier: Arc<Notifier>,
    files: SharedFs<RealFs>,
    line_bytes: usize,
    sources: usize,
}

impl Following {
    /// Opens logs, which are read in the sequence that is returned.
    pub(super) fn begin(
        paths: &[PathBuf],
        line_bytes: usize,
        stop: &Stop,
    ) -> Result<(Self, Vec<Named>), Failure> {
        check_distinct(paths)?;
        raise_descriptor_limit();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let notifier = Notifier::new(Arc::clone(&clock));
        if let Err(why) = notifier.connect() {
            warn(&format_args!(
                "no notifications about files, polling instead: {why}"
            ));
        }
        let with = Surroundings {
            files: SharedFs::new(RealFs, Arc::clone(&clock)),
            clock: Arc::clone(&clock),
            notifier,
            line_bytes,
            sources: paths.len(),
        };
        let mut buffer = ReadBuffer::default();
        for _ in 0..ATTEMPTS {
            let before = identities(paths);
            let (mut logs, named) = open(paths, &with, &mut buffer)?;
            if identities(paths) != before {
                continue;
            }
            for log in &mut logs {
                log.waker.forward_to(stop.waker());
                log.report();
            }
            let following = Self {
                clock,
                stop: stop.clone(),
                buffer,
                logs,
            };
            return Ok((following, named));
        }
        Err(Failure::message(
            Exit::Io,
            "the logs are replaced faster than they are opened",
        ))
    }

    /// Returns whether there is nothing to follow: what was read has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.logs.is_empty()
    }

    /// Returns whether the format of a log is not known yet.
    pub(crate) fn awaits_format(&self) -> bool {
        self.known_formats() < self.logs.len()
    }

    fn known_formats(&self) -> usize {
        let logs = self.logs.iter();
        logs.filter(|log| log.format.is_some()).count()
    }

    /// Passes the lines that a log holds to a session.
    pub(super) fn read(&mut self, number: usize, session: &mut Session<'_>) -> Result<(), Failure> {
        let Some(log) = self.logs.get_mut(number) else {
            return Ok(());
        };
        for first in std::mem::take(&mut log.first) {
            session.feed_followed(&log.path, &mut log.format, &first.get())?;
        }
        while log.progress == Progress::More {
            log.poll(session, &mut self.buffer)?;
        }
        if let Some(at) = log.format {
            session.end_examples(at, &log.path);
        }
        log.due = self.clock.monotonic() + log.files.until_due();
        Ok(())
    }

    /// Passes lines to a session as they are written.
    pub(crate) fn run(&mut self, session: &mut Session<'_>) -> Result<Interruption, Failure> {
        while !self.stop.is_requested() {
            let known = self.known_formats();
            let mut has_more = false;
            for log in &mut self.logs {
                let now = self.clock.monotonic();
                if log.waker.take() || log.progress == Progress::More || log.due <= now {
                    log.round(session, &*self.clock, &mut self.buffer)?;
                    log.due = now.saturating_add(log.files.until_due());
                }
                has_more |= log.progress == Progress::More;
            }
            if self.known_formats() > known {
                return Ok(Interruption::Format);
            }
            if !has_more {
                let due = self.logs.iter().map(|log| log.due).min();
                let now = self.clock.monotonic();
                let until = due.map_or(Duration::MAX, |due| due.saturating_sub(now));
                self.stop.waker().wait(until);
            }
        }
        Ok(Interruption::Stop)
    }
}

impl FollowedLog {
    /// Opens a log, and reads one buffer of it.
    fn open(path: &Path, with: &Surroundings, buffer: &mut ReadBuffer) -> Result<Self, Failure> {
        let absolute = std::path::absolute(path).map_err(|error| unreadable(path, error))?;
        let followed = Files {
            paths: vec![PathPattern::literal(absolute)],
            places: Vec::new(),
            start: Start::Beginning,
            frame: Frame::Auto,
            watch: true,
        };
        let settings = follow_settings(&followed, with.line_bytes, with.sources);
        let (files, clock) = (with.files.clone(), Arc::clone(&with.clock));
        let source = FileSource::new(&settings, files, clock, SecretKey::random());
        let waker = Waker::default();
        let watch = Watch::new(&with.notifier, waker.clone());
        let mut log = Self {
            path: path.to_owned(),
            files: WatchedFiles::new(source, Some(watch)),
            waker,
            format: None,
            progress: Progress::More,
            due: Duration::ZERO,
            was_opened: false,
            first: Vec::new(),
            events: Vec::new(),
        };
        log.discover(&*with.clock);
        let (first, events) = (&mut log.first, &mut log.events);
        log.files.source_mut().poll(
            buffer,
            &mut |batch| first.push(FirstBatch::copy(batch)),
            &mut |event| events.push(event),
        );
        Ok(log)
    }

    fn discover(&mut self, clock: &dyn Clock) {
        let events = &mut self.events;
        self.files.discover(clock, &mut |event| events.push(event));
    }

    /// Discovers files if that is due, and passes on what can be read.
    fn round(
        &mut self,
        session: &mut Session<'_>,
        clock: &dyn Clock,
        buffer: &mut ReadBuffer,
    ) -> Result<(), Failure> {
        if self.files.until_due().is_zero() {
            self.discover(clock);
        }
        self.poll(session, buffer)
    }

    /// Passes on what can be read: at most one buffer of each file.
    fn poll(&mut self, session: &mut Session<'_>, buffer: &mut ReadBuffer) -> Result<(), Failure> {
        let mut outcome = Ok(());
        let (path, format, events) = (&self.path, &mut self.format, &mut self.events);
        self.progress = self.files.source_mut().poll(
            buffer,
            &mut |batch| {
                if outcome.is_ok() {
                    outcome = session.feed_followed(path, format, batch);
                }
            },
            &mut |event| events.push(event),
        );
        self.report();
        outcome
    }

    /// Warns of lines that are lost, and of what keeps the log from being read.
    fn report(&mut self) {
        for event in std::mem::take(&mut self.events) {
            match event {
                FileEvent::Opened { .. } | FileEvent::OpenedMany { .. } => self.was_opened = true,
                // Between the two steps of a rotation, there is none either.
                FileEvent::Missing { .. } if self.was_opened => {}
                FileEvent::Missing { .. } => {
                    warn(&format_args!("{event}; it is read once it is there"));
                }
                FileEvent::Truncated { copy: None, .. }
                | FileEvent::Gone { .. }
                | FileEvent::Damaged { .. }
                | FileEvent::Forgotten { .. }
                | FileEvent::Unreadable { .. }
                | FileEvent::ManyUnreadable { .. }
                | FileEvent::Waiting { .. }
                | FileEvent::Unwatched { .. } => warn(&event),
                FileEvent::ManyMissing { .. }
                | FileEvent::Truncated { .. }
                | FileEvent::Rotated { .. }
                | FileEvent::Rewritten { .. }
                | FileEvent::Readable { .. }
                | FileEvent::Dropped { .. }
                | FileEvent::Finished { .. } => {}
            }
        }
    }
}

/// Opens all logs.
fn open(
    paths: &[PathBuf],
    with: &Surroundings,
    buffer: &mut ReadBuffer,
) -> Result<(Vec<FollowedLog>, Vec<Named>), Failure> {
    let named: BTreeSet<PathBuf> = paths.iter().filter_map(absolute).collect();
    let is_rotated = |path: &PathBuf| {
        let before = absolute(path).and_then(|path| path_before_rotation(&path));
        before.is_some_and(|before| named.contains(&before))
    };
    let mut logs = Vec::new();
    let mut sequence = Vec::new();
    let mut may_wait = false;
    for path in paths {
        let failed = |error| unreadable(path, error);
        let is_regular = match std::fs::metadata(path) {
            _ if path == Path::new("-") => false,
            Ok(meta) => meta.is_file(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !is_regular {
            may_wait = true;
            sequence.push(Named::Once(path.clone(), None));
            continue;
        }
        let file = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_rotated(path) => None,
            Err(error) => return Err(failed(error)),
        };
        let is_whole = match &file {
            Some(file) => is_rotated(path) || can_only_be_read_whole(file).map_err(failed)?,
            None => false,
        };
        if is_whole {
            sequence.push(Named::Once(path.clone(), file));
        } else {
            sequence.push(Named::Followed(logs.len()));
            logs.push(FollowedLog::open(path, with, buffer)?);
        }
    }
    if logs.is_empty() && !may_wait {
        let failure = Failure::message(Exit::Usage, "no log to follow: archives are read once");
        return Err(failure.help("name the log that the server writes to, or leave out --follow"));
    }
    Ok((logs, sequence))
}

fn absolute(path: &PathBuf) -> Option<PathBuf> {
    std::path::absolute(path).ok()
}

/// Returns the files to which paths lead.
fn identities(paths: &[PathBuf]) -> Vec<Option<FileId>> {
    let identity = |path: &PathBuf| Some(RealFs.stat(path).ok()?.id);
    paths.iter().map(identity).collect()
}

/// Warns on standard error.
fn warn(what: &dyn std::fmt::Display) {
    // The result is on standard output: that its warnings cannot be written does not make it wrong.
    let _ = writeln!(io::stderr(), "warning: {what}");
}
