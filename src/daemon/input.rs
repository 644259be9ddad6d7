//! What a thread reads: files that it follows, or a stream that another thread receives.
//!
//! Invariant: the thread treats both alike; what either reads goes through the same pipeline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::ROTATE_WAIT;
use super::worker::{LONE_POLL, Listener, SLOW_POLL};
use crate::clock::{Clock, Waker};
use crate::config::{Input as Wanted, Limits};
use crate::model::Batch;
use crate::source::{
    FILE_GAP_REASONS, FileEvent, FileSettings, FileSource, Progress, RealFs, Receiver, Watch,
};

/// Where a source's lines come from, opened.
pub(super) enum Input {
    /// Files, and whether notifications may wake us.
    Files {
        source: Box<FileSource<RealFs>>,
        watch: bool,
    },
    /// Anything else, and when its thread is to come round at the latest.
    Stream {
        receiver: Box<Receiver>,
        due: Duration,
    },
}

impl Input {
    /// Opens what is wanted, at most so many files at one time; `waker` is woken when there may be
    /// something to poll.
    pub(super) fn open(
        wanted: &Wanted,
        limits: Limits,
        open_files: usize,
        waker: &Waker,
        clock: &Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Ok(match wanted {
            Wanted::Files(files) => {
                let settings = file_settings(files, limits, open_files);
                let source = FileSource::new(settings, RealFs, Arc::clone(clock));
                Self::Files {
                    source: Box::new(source),
                    watch: files.watch,
                }
            }
            Wanted::Stream(stream) => {
                let (waker, clock) = (waker.clone(), Arc::clone(clock));
                let receiver = Receiver::start(stream.clone(), limits.line_bytes, waker, clock)?;
                Self::Stream {
                    receiver: Box::new(receiver),
                    due: Duration::ZERO,
                }
            }
        })
    }

    /// Whether it can go on as what is wanted now.
    pub(super) fn keeps(&self, wanted: &Wanted, limits: Limits) -> bool {
        match (self, wanted) {
            (Self::Files { .. }, Wanted::Files(_)) => true,
            (Self::Stream { receiver, .. }, Wanted::Stream(stream)) => {
                receiver.is(stream, limits.line_bytes)
            }
            _ => false,
        }
    }

    /// Follows the files that are wanted now.
    pub(super) fn reconfigure(
        &mut self,
        wanted: &Wanted,
        limits: Limits,
        open_files: usize,
        events: &mut dyn FnMut(FileEvent),
    ) {
        if let (Self::Files { source, watch }, Wanted::Files(files)) = (self, wanted) {
            source.reconfigure(file_settings(files, limits, open_files), events);
            *watch = files.watch;
        }
    }

    /// How long until it is to be looked for files without a wake-up.
    pub(super) fn until_due(&self, now: Duration) -> Duration {
        match self {
            Self::Files { source, .. } => source.until_due(),
            Self::Stream { due, .. } => due.saturating_sub(now),
        }
    }

    /// Whether its directories are to be watched.
    pub(super) fn is_watched(&self) -> bool {
        matches!(self, Self::Files { watch: true, .. })
    }

    /// Looks for files.
    pub(super) fn discover(
        &mut self,
        now: Duration,
        watch: Option<&mut Watch>,
        events: &mut Listener,
    ) {
        match self {
            Self::Files { source, .. } => {
                let mut hear = |event| events.hear(&event);
                source.discover(&mut hear);
                if let Some(watch) = watch {
                    watch.refresh(source.directories(), &mut hear);
                    source.set_watched(watch.is_whole());
                }
            }
            Self::Stream { due, .. } => *due = now + SLOW_POLL,
        }
    }

    /// Hands over what there is to read. Never waits.
    pub(super) fn poll(
        &mut self,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &mut Listener,
    ) -> Progress {
        match self {
            Self::Files { source, .. } => source.poll(sink, &mut |event| events.hear(&event)),
            Self::Stream { receiver, .. } => {
                receiver.poll(sink, &mut |event| events.hear_of_stream(&event))
            }
        }
    }

    /// Whether everything was looked for.
    pub(super) fn has_looked(&self) -> bool {
        match self {
            Self::Files { .. } => true,
            Self::Stream { receiver, .. } => receiver.has_looked(),
        }
    }

    /// Bytes known to be there that were not read.
    pub(super) fn lag_bytes(&self) -> u64 {
        match self {
            Self::Files { source, .. } => source.lag_bytes(),
            Self::Stream { receiver, .. } => receiver.lag_bytes(),
        }
    }

    /// Files, pipes, sockets and connections that are open.
    pub(super) fn open_count(&self) -> usize {
        match self {
            Self::Files { source, .. } => source.open_files(),
            Self::Stream { receiver, .. } => receiver.open(),
        }
    }

    /// Stops receiving; what was received until then can still be polled.
    pub(super) fn stop(&mut self) {
        if let Self::Stream { receiver, .. } = self {
            receiver.stop();
        }
    }
}

/// Why lines of an input can be lost.
pub(super) fn gap_reasons(wanted: &Wanted) -> &'static [&'static str] {
    match wanted {
        Wanted::Files(_) => &FILE_GAP_REASONS,
        Wanted::Stream(stream) => stream.gap_reasons(),
    }
}

fn file_settings(files: &crate::config::Files, limits: Limits, open_files: usize) -> FileSettings {
    FileSettings {
        paths: files.paths.clone(),
        start: files.start,
        line_bytes: limits.line_bytes,
        rotate_wait: ROTATE_WAIT,
        poll: if files.watch { SLOW_POLL } else { LONE_POLL },
        open_files,
    }
}
