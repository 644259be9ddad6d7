//! Events of sources, brought into the exporter's own metrics and log.
//!
//! Invariant: metrics count every event; the log names a few of each kind and sums up the others.

use std::sync::Arc;

use tracing::Level;

use super::access::AccessRecord;
use super::log_limiter::MessageKind;
use super::shared_shard::SharedShard;
use super::source_log::SourceLog;
use crate::model::Gap;
use crate::source::{FileError, FileEvent, StreamEvent};
use crate::telemetry::SourceTelemetry;

/// Receiver of one source's events.
pub(super) struct EventSink {
    pub(super) telemetry: SourceTelemetry,
    pub(super) log: Arc<SourceLog>,
    pub(super) access: Arc<AccessRecord>,
    pub(super) shard: Arc<SharedShard>,
}

impl EventSink {
    /// Counts a gap, which is committed as lines are.
    fn count_gap(&self, gap: Option<Gap>) {
        if let Some(gap) = gap {
            self.telemetry.gap(&gap);
            self.shard.revise();
        }
    }

    /// Counts and logs an event of followed files.
    pub(super) fn file_event(&self, event: &FileEvent) {
        self.access.file_event(event);
        self.count_gap(event.gap());
        let (name, level) = match event {
            FileEvent::Truncated { copy: None, .. } => ("truncated", Level::WARN),
            FileEvent::Gone { .. } => ("gone", Level::WARN),
            FileEvent::Damaged { .. } => ("damaged", Level::WARN),
            FileEvent::Forgotten { .. } => ("forgotten", Level::WARN),
            FileEvent::Unreadable { .. } => ("unreadable", Level::WARN),
            FileEvent::ManyUnreadable { .. } => ("unreadable_many", Level::WARN),
            FileEvent::Waiting { .. } => ("waiting", Level::WARN),
            FileEvent::Unwatched { .. } => ("unwatched", Level::WARN),
            FileEvent::Opened { .. } => ("opened", Level::INFO),
            FileEvent::OpenedMany { .. } => ("opened_many", Level::INFO),
            FileEvent::ManyMissing { .. } => ("missing_many", Level::INFO),
            FileEvent::Truncated { .. } => ("copytruncate", Level::INFO),
            FileEvent::Rotated { .. } => ("rotated", Level::INFO),
            FileEvent::Rewritten { .. } => ("rewritten", Level::INFO),
            FileEvent::Missing { .. } => ("missing", Level::INFO),
            FileEvent::Readable { .. } => ("readable", Level::INFO),
            FileEvent::Dropped { .. } => ("dropped", Level::INFO),
            FileEvent::Finished { .. } => ("finished", Level::DEBUG),
        };
        let kind = match event {
            // That many files cannot be opened must not hide why another one cannot.
            FileEvent::Unreadable {
                error: FileError::Io(error),
                ..
            }
            | FileEvent::ManyUnreadable {
                error: FileError::Io(error),
                ..
            } => MessageKind::with_error(name, error.kind()),
            _ => MessageKind::new(name),
        };
        self.log.text(kind, level, event);
    }

    /// Counts and logs an event of a pipe, socket or journal.
    pub(super) fn stream_event(&self, event: &StreamEvent) {
        self.access.stream_event(event);
        self.count_gap(event.gap());
        let (name, level) = match event {
            StreamEvent::Lost { reason, loss } => return self.log.lost(*reason, *loss, event),
            StreamEvent::Opened { .. } => ("opened", Level::INFO),
            StreamEvent::Ended => ("ended", Level::INFO),
            StreamEvent::Unavailable { .. } => ("unavailable", Level::WARN),
            StreamEvent::DropsUnknown => ("drops_unknown", Level::WARN),
            StreamEvent::ShortQueue { .. } => ("short_queue", Level::WARN),
            StreamEvent::ReaderSaid { .. } => ("reader_said", Level::WARN),
            StreamEvent::ReaderEnded { .. } => ("reader_ended", Level::WARN),
        };
        self.log.text(MessageKind::new(name), level, event);
    }
}
