//! Events of sources, brought into the exporter's own metrics and log.

use crate::source::{FileEvent, StreamEvent};
use crate::telemetry::SourceTelemetry;

/// Receiver of one source's events.
pub(super) struct EventSink {
    pub(super) telemetry: SourceTelemetry,
}

impl EventSink {
    /// Counts and logs an event of followed files.
    pub(super) fn file_event(&self, event: &FileEvent) {
        if let Some(reason) = event.gap_reason() {
            self.telemetry.gaps(reason, 1);
        }
        let name = self.telemetry.name();
        match event {
            FileEvent::Truncated { copy: None, .. }
            | FileEvent::Damaged { .. }
            | FileEvent::Forgotten { .. }
            | FileEvent::Unreadable { .. }
            | FileEvent::Unwatched { .. } => {
                tracing::warn!(source = name, "{event}");
            }
            FileEvent::Finished { .. } => tracing::debug!(source = name, "{event}"),
            FileEvent::Opened { .. }
            | FileEvent::Truncated { .. }
            | FileEvent::Rotated { .. }
            | FileEvent::Missing { .. }
            | FileEvent::Readable { .. }
            | FileEvent::Dropped { .. } => tracing::info!(source = name, "{event}"),
        }
    }

    /// Counts and logs an event of a pipe, socket or journal.
    pub(super) fn stream_event(&self, event: &StreamEvent) {
        if let Some((reason, times)) = event.gap() {
            self.telemetry.gaps(reason, times);
        }
        let name = self.telemetry.name();
        if event.is_trouble() {
            tracing::warn!(source = name, "{event}");
        } else {
            tracing::info!(source = name, "{event}");
        }
    }
}
