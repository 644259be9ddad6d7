//! Opened inputs: followed files, or a stream that another thread receives.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::descriptors::files_per_source;
use super::event_sink::EventSink;
use crate::clock::{Clock, Waker};
use crate::config::{Config, Files, Input, Source};
use crate::model::{Batch, GapReason, SavedFiles, SavedInput, SecretKey};
use crate::source::{
    FILE_GAP_REASONS, FileSettings, FileSource, Fs, Notifier, OpenLog, Progress, ReadBuffer,
    RealFs, Rehearsal, SavedFilesFault, SharedFs, StreamReceiver, StreamThread, Watch,
    WatchedFiles,
};

/// Poll interval while inotify is active and something happens now and then: with the daemon's own wake-ups,
/// less than one a second. `FileSource` polls four times as seldom while a log is quiet.
pub(super) const SLOW_POLL: Duration = Duration::from_millis(1_500);
/// Poll interval of files that are not watched with inotify.
const LONE_POLL: Duration = Duration::from_millis(250);
/// Quiet time after which a rotated file is closed.
const ROTATE_WAIT: Duration = Duration::from_mins(1);

/// An opened input of a source.
pub(super) enum OpenInput<F: Fs = RealFs> {
    /// Followed files.
    Files(Box<WatchedFiles<SharedFs<F>>>),
    /// A pipe, socket or journal; `due` is the latest time of its next poll.
    Stream {
        receiver: Box<StreamReceiver>,
        due: Duration,
    },
}

/// Parts of the daemon that every input is opened with.
pub(super) struct Surroundings<'a, F: Fs = RealFs> {
    pub(super) limits: InputLimits,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) notifier: &'a Arc<Notifier>,
    pub(super) files: &'a SharedFs<F>,
    pub(super) streams: &'a StreamThread,
    /// Key of all fingerprints.
    pub(super) key: SecretKey,
}

/// Bounds of an input.
#[derive(Clone, Copy)]
pub(super) struct InputLimits {
    /// Longest line, in bytes.
    pub(super) line_bytes: usize,
    /// Most files open at a time.
    pub(super) open_files: usize,
}

impl InputLimits {
    /// Returns the bounds of each input of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            line_bytes: config.limits.line_bytes,
            open_files: files_per_source(config.sources.len()),
        }
    }
}

impl<F: Fs> OpenInput<F> {
    /// Prepares the input of a source, which opens nothing before [`Self::begin`]; files are followed from a saved position.
    /// `waker` is woken when it may have something to poll. Fails if the system has no thread or descriptor left.
    pub(super) fn prepare(
        wanted: &Source,
        from: SavedInput,
        waker: &Waker,
        with: &Surroundings<'_, F>,
    ) -> io::Result<Self> {
        let limits = with.limits;
        Ok(match &wanted.input {
            Input::Files(files) => {
                let clock = Arc::clone(with.clock);
                let settings = file_settings(files, limits);
                let new =
                    || FileSource::new(&settings, with.files.clone(), Arc::clone(&clock), with.key);
                let source = if let SavedInput::Files(saved) = from {
                    let clock = Arc::clone(&clock);
                    let resumed =
                        FileSource::resume(&settings, with.files.clone(), clock, with.key, &saved);
                    resumed.unwrap_or_else(|fault| {
                        let source = &wanted.name;
                        tracing::error!(source, "the saved position cannot be used: {fault}");
                        new()
                    })
                } else {
                    new()
                };
                let watch = watch(files, waker, with);
                Self::Files(Box::new(WatchedFiles::new(source, watch)))
            }
            Input::Stream(stream) => {
                let (stream, waker) = (stream.clone(), waker.clone());
                let line_bytes = limits.line_bytes;
                let receiver = StreamReceiver::prepare(stream, line_bytes, waker, with.streams)?;
                Self::Stream {
                    receiver: Box::new(receiver),
                    due: Duration::ZERO,
                }
            }
        })
    }

    /// Lets a prepared input open what it names. A journal is read on from a position in the same unit's.
    pub(super) fn begin(&mut self, from: &SavedInput) {
        if let Self::Stream { receiver, .. } = self {
            receiver.begin(match from {
                SavedInput::Journal { unit, cursor } => Some((unit, cursor)),
                SavedInput::Files(_) | SavedInput::Stream => None,
            });
        }
    }

    /// Returns the position up to which everything was handed over.
    pub(super) fn save(&self) -> SavedInput {
        match self {
            Self::Files(files) => SavedInput::Files(Box::new(files.source().save())),
            Self::Stream { receiver, .. } => match receiver.journal_position() {
                Some((unit, cursor)) => SavedInput::Journal {
                    unit: unit.to_owned(),
                    cursor: cursor.to_owned(),
                },
                None => SavedInput::Stream,
            },
        }
    }

    /// Returns all open logs, or those of which more was handed over since the last call.
    pub(super) fn take_logs(&mut self, all: bool) -> Vec<Box<dyn OpenLog>> {
        match self {
            Self::Files(files) => files.source_mut().take_logs(all),
            Self::Stream { .. } => Vec::new(),
        }
    }

    /// Returns whether a reload can keep this input for the configured one.
    pub(super) fn keeps(&self, wanted: &Input, line_bytes: usize) -> bool {
        match (self, wanted) {
            (Self::Files(_), Input::Files(_)) => true,
            (Self::Stream { receiver, .. }, Input::Stream(stream)) => {
                receiver.matches(stream, line_bytes)
            }
            _ => false,
        }
    }

    /// Follows the configured files from here on; streams stay as they are.
    pub(super) fn reconfigure(
        &mut self,
        wanted: &Input,
        waker: &Waker,
        with: &Surroundings<'_, F>,
    ) {
        if let (Self::Files(followed), Input::Files(files)) = (self, wanted) {
            let source = followed.source_mut();
            source.reconfigure(&file_settings(files, with.limits));
            followed.set_watch(watch(files, waker, with));
        }
    }

    /// Returns the time until the next discovery that needs no further wake-up.
    pub(super) fn until_due(&self, now: Duration) -> Duration {
        match self {
            Self::Files(files) => files.until_due(),
            Self::Stream { due, .. } => due.saturating_sub(now),
        }
    }

    /// Discovers files and refreshes the watched directories.
    pub(super) fn discover(&mut self, clock: &dyn Clock, events: &EventSink) {
        match self {
            Self::Files(files) => files.discover(clock, &mut |event| events.file_event(&event)),
            Self::Stream { due, .. } => *due = clock.monotonic() + SLOW_POLL,
        }
    }

    /// Hands what can be read to `sink`. Never waits.
    pub(super) fn poll(
        &mut self,
        buffer: &mut ReadBuffer,
        sink: &mut dyn FnMut(&Batch<'_>),
        events: &EventSink,
    ) -> Progress {
        match self {
            Self::Files(files) => {
                let mut events = |event| events.file_event(&event);
                files.source_mut().poll(buffer, sink, &mut events)
            }
            Self::Stream { receiver, .. } => {
                receiver.poll(sink, &mut |event| events.stream_event(&event))
            }
        }
    }

    /// Returns whether an attempt to open everything that exists was made.
    pub(super) fn open_was_tried(&self) -> bool {
        match self {
            Self::Files(_) => true,
            Self::Stream { receiver, .. } => receiver.open_was_tried(),
        }
    }

    /// Returns the number of bytes that are known and not yet read.
    pub(super) fn lag_bytes(&self) -> u64 {
        match self {
            Self::Files(files) => files.source().lag_bytes(),
            Self::Stream { receiver, .. } => receiver.lag_bytes(),
        }
    }

    /// Returns whether bytes are known that were not read, or may be there.
    pub(super) fn is_behind(&self) -> bool {
        let is_decided = match self {
            Self::Files(files) => files.source().is_decided(),
            Self::Stream { .. } => true,
        };
        self.lag_bytes() > 0 || !is_decided
    }

    /// Returns the number of open files, pipes, sockets and connections.
    pub(super) fn open_count(&self) -> usize {
        match self {
            Self::Files(files) => files.source().open_files(),
            Self::Stream { receiver, .. } => receiver.open(),
        }
    }

    /// Requests the end of receiving; what has arrived until then can still be polled.
    pub(super) fn stop(&mut self) {
        if let Self::Stream { receiver, .. } = self {
            receiver.stop();
        }
    }

    /// Requests the end of receiving at once; what was received until then can still be polled.
    pub(super) fn close(&mut self) {
        if let Self::Stream { receiver, .. } = self {
            receiver.close();
        }
    }

    /// Returns whether nothing more is received after one more poll. Files are not received.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Files(_) => true,
            Self::Stream { receiver, .. } => receiver.has_ended(),
        }
    }
}

/// Rehearses what a start would do with the files of one of these sources.
pub fn rehearse(
    files: &Files,
    config: &Config,
    key: SecretKey,
    saved: &SavedFiles,
) -> Result<Rehearsal, SavedFilesFault> {
    let settings = file_settings(files, InputLimits::of(config));
    Rehearsal::run(&settings, RealFs, key, saved)
}

/// Returns the settings with which files are followed, by one of so many sources.
pub fn follow_settings(files: &Files, line_bytes: usize, sources: usize) -> FileSettings {
    let limits = InputLimits {
        line_bytes,
        open_files: files_per_source(sources),
    };
    file_settings(files, limits)
}

/// Returns the reasons for which lines of an input can be lost.
pub(super) fn gap_reasons(wanted: &Input) -> &'static [GapReason] {
    match wanted {
        Input::Files(_) => &FILE_GAP_REASONS,
        Input::Stream(stream) => stream.gap_reasons(),
    }
}

/// Returns the watch of a source that wants one.
fn watch<F: Fs>(files: &Files, waker: &Waker, with: &Surroundings<'_, F>) -> Option<Watch> {
    if !files.watch {
        return None;
    }
    if let Err(why) = with.notifier.connect() {
        tracing::warn!("no notifications about files, polling instead: {why}");
    }
    Some(Watch::new(with.notifier, waker.clone()))
}

fn file_settings(files: &Files, limits: InputLimits) -> FileSettings {
    FileSettings {
        paths: files.paths.clone(),
        start: files.start,
        line_bytes: limits.line_bytes,
        frame: files.frame,
        rotate_wait: ROTATE_WAIT,
        poll: if files.watch { SLOW_POLL } else { LONE_POLL },
        open_files: limits.open_files,
    }
}
