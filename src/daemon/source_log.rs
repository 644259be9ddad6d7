//! The log of one source: few messages of each kind, and sums of the others.
//!
//! Invariant: no client, no log line and no directory of files decides how many lines are logged.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Level;

use super::log_limiter::{LogLimiter, Message, MessageKind, Sum};
use crate::clock::Clock;
use crate::model::GapReason;
use crate::source::Loss;

/// Logs messages of one source.
pub(super) struct SourceLog {
    source: String,
    clock: Arc<dyn Clock>,
    limiter: Mutex<LogLimiter>,
}

impl SourceLog {
    pub(super) fn new(source: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            source: source.to_owned(),
            clock,
            limiter: Mutex::default(),
        }
    }

    /// Logs a text, or counts it for the next sum.
    pub(super) fn text(&self, kind: MessageKind, level: Level, text: &dyn Display) {
        let message = Message::Text { level, text };
        if self.admits(kind, message) {
            write(&self.source, level, text);
        }
    }

    /// Logs losses as `event` describes them, or adds them to the next sum.
    pub(super) fn lost(&self, reason: GapReason, loss: Loss, event: &dyn Display) {
        let kind = MessageKind::new(reason.name);
        if self.admits(kind, Message::Lost { reason, loss }) {
            write(&self.source, Level::WARN, event);
        }
    }

    /// Logs the sums that are due.
    pub(super) fn flush(&self) {
        let now = self.clock.monotonic();
        self.write_all(self.lock().take_due(now));
    }

    /// Logs all sums, at the end.
    pub(super) fn finish(&self) {
        let now = self.clock.monotonic();
        self.write_all(self.lock().take_all(now));
    }

    fn admits(&self, kind: MessageKind, message: Message<'_>) -> bool {
        let now = self.clock.monotonic();
        self.lock().admit(kind, message, now)
    }

    fn write_all(&self, sums: Vec<Sum>) {
        for sum in sums {
            write(&self.source, sum.level(), &sum);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogLimiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a text with its source.
fn write(source: &str, level: Level, text: &dyn Display) {
    match level {
        Level::ERROR => tracing::error!(source, "{text}"),
        Level::WARN => tracing::warn!(source, "{text}"),
        Level::INFO => tracing::info!(source, "{text}"),
        Level::DEBUG => tracing::debug!(source, "{text}"),
        Level::TRACE => tracing::trace!(source, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::fmt::Write as _;
    use std::sync::Mutex;
    use std::time::Duration;
    use tracing::field::{Field, Visit};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    /// Collects messages with their level.
    #[derive(Clone, Default)]
    struct Logged(Arc<Mutex<Vec<String>>>);

    impl<S: tracing::Subscriber> Layer<S> for Logged {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            struct Text(String);
            impl Visit for Text {
                fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                    let _ = write!(self.0, " {}={value:?}", field.name());
                }
            }
            let mut text = Text(event.metadata().level().to_string());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }

    #[test]
    fn a_flood_is_a_few_lines_and_a_sum_that_the_end_does_not_lose() {
        let logged = Logged::default();
        let subscriber = tracing_subscriber::registry().with(logged.clone());
        tracing::subscriber::with_default(subscriber, || {
            let clock = Arc::new(ManualClock::default());
            let log = SourceLog::new("nginx", clock.clone());
            let kind = MessageKind::new("unreadable");
            let flood = |files: u32| {
                for file in 0..files {
                    log.text(kind, Level::WARN, &file);
                }
                log.flush();
            };
            let take = || std::mem::take(&mut *logged.0.lock().unwrap());
            flood(50_000);
            assert_eq!(take().len(), 10);
            clock.advance(Duration::from_mins(1));
            log.flush();
            let sum = r#"WARN message=49990 more like this in 60 s: 10 source="nginx""#;
            assert_eq!(take(), [sum]);
            flood(3);
            assert!(take().is_empty());
            clock.advance(Duration::from_secs(5));
            log.finish();
            log.finish();
            let last = r#"WARN message=3 more like this in 5 s: 0 source="nginx""#;
            assert_eq!(take(), [last]);
        });
    }
}
