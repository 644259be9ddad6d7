//! Opened inputs: followed files, or a stream that a separate thread receives.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::event_sink::EventSink;
use crate::clock::{Clock, Waker};
use crate::config::{Files, Input};
use crate::model::Batch;
use crate::source::{
    FILE_GAP_REASONS, FileSettings, FileSource, Progress, RealFs, StreamReceiver, Watch,
};

/// Poll interval while inotify is active and something happens now and then: with the daemon's own wake-ups,
/// less than one a second. `FileSource` polls four times as seldom while a log is quiet.
pub(super) const SLOW_POLL: Duration = Duration::from_millis(1_500);
/// Poll interval of files that are not watched with inotify.
const LONE_POLL: Duration = Duration::from_millis(250);
/// Quiet time after which a rotated file is closed.
const ROTATE_WAIT: Duration = Duration::from_mins(1);

/// An opened input of a source.
pub(super) enum OpenInput {
    /// Followed files; `watch` enables inotify.
    Files {
        source: Box<FileSource<RealFs>>,
        watch: bool,
    },
    /// A pipe, socket or journal; `due` is the latest time of its next poll.
    Stream {
        receiver: Box<StreamReceiver>,
        due: Duration,
    },
}

/// Bounds of an input.
#[derive(Clone, Copy)]
pub(super) struct InputLimits {
    /// Longest line, in bytes.
    pub(super) line_bytes: usize,
    /// Most files open at a time.
    pub(super) open_files: usize,
}

impl OpenInput {
    /// Opens a configured input; `waker` is woken when it may have something to poll.
    pub(super) fn open(
        wanted: &Input,
        limits: InputLimits,
        waker: &Waker,
        clock: &Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Ok(match wanted {
            Input::Files(files) => {
                let settings = file_settings(files, limits);
                let source = FileSource::new(&settings, RealFs, Arc::clone(clock));
                Self::Files {
                    source: Box::new(source),
                    watch: files.watch,
                }
            }
            Input::Stream(stream) => {
                let (waker, clock) = (waker.clone(), Arc::clone(clock));
                let receiver =
                    StreamReceiver::start(stream.clone(), limits.line_bytes, waker, clock)?;
                Self::Stream {
                    receiver: Box::new(receiver),
                    due: Duration::ZERO,
                }
            }
        })
    }

    /// Returns whether a reload can keep this input for the configured one.
    pub(super) fn keeps(&self, wanted: &Input, line_bytes: usize) -> bool {
        match (self, wanted) {
            (Self::Files { .. }, Input::Files(_)) => true,
            (Self::Stream { receiver, .. }, Input::Stream(stream)) => {
                receiver.matches(stream, line_bytes)
            }
            _ => false,
        }
    }

    /// Follows the configured files from here on; streams stay as they are.
    pub(super) fn reconfigure(&mut self, wanted: &Input, limits: InputLimits, events: &EventSink) {
        if let (Self::Files { source, watch }, Input::Files(files)) = (self, wanted) {
            source.reconfigure(&file_settings(files, limits), &mut |event| {
                events.file_event(&event);
            });
            *watch = files.watch;
        }
    }

    /// Returns the time until the next discovery that needs no wake-up.
    pub(super) fn until_due(&self, now: Duration) -> Duration {
        match self {
            Self::Files { source, .. } => source.until_due(),
            Self::Stream { due, .. } => due.saturating_sub(now),
        }
    }

    /// Returns whether inotify is to watch the directories of this input.
    pub(super) fn is_watched(&self) -> bool {
        matches!(self, Self::Files { watch: true, .. })
    }

    /// Discovers files and refreshes the watched directories.
    pub(super) fn discover(
        &mut self,
        now: Duration,
        watch: Option<&mut Watch>,
        events: &EventSink,
    ) {
        match self {
            Self::Files { source, .. } => {
                let mut sink = |event| events.file_event(&event);
                source.discover(&mut sink);
                if let Some(watch) = watch {
                    watch.refresh(source.directories(), &mut sink);
                    source.set_watched(watch.is_whole());
                }
            }
            Self::Stream { due, .. } => *due = now + SLOW_POLL,
        }
    }

    /// Hands what can be read to `sink`. Never waits.
    pub(super) fn poll(
        &mut self,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &EventSink,
    ) -> Progress {
        match self {
            Self::Files { source, .. } => source.poll(sink, &mut |event| events.file_event(&event)),
            Self::Stream { receiver, .. } => {
                receiver.poll(sink, &mut |event| events.stream_event(&event))
            }
        }
    }

    /// Returns whether an attempt to open everything that exists was made.
    pub(super) fn open_was_tried(&self) -> bool {
        match self {
            Self::Files { .. } => true,
            Self::Stream { receiver, .. } => receiver.open_was_tried(),
        }
    }

    /// Returns the number of bytes that are known and not yet read.
    pub(super) fn lag_bytes(&self) -> u64 {
        match self {
            Self::Files { source, .. } => source.lag_bytes(),
            Self::Stream { receiver, .. } => receiver.lag_bytes(),
        }
    }

    /// Returns the number of open files, pipes, sockets and connections.
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

/// Returns the reasons for which lines of an input can be lost.
pub(super) fn gap_reasons(wanted: &Input) -> &'static [&'static str] {
    match wanted {
        Input::Files(_) => &FILE_GAP_REASONS,
        Input::Stream(stream) => stream.gap_reasons(),
    }
}

fn file_settings(files: &Files, limits: InputLimits) -> FileSettings {
    FileSettings {
        paths: files.paths.clone(),
        start: files.start,
        line_bytes: limits.line_bytes,
        rotate_wait: ROTATE_WAIT,
        poll: if files.watch { SLOW_POLL } else { LONE_POLL },
        open_files: limits.open_files,
    }
}
