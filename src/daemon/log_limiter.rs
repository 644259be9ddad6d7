//! Limits how often messages of one kind are logged.
//!
//! Invariant: of each kind, a few messages are logged at once, and the others are counted and summed up, at most once in
//! [`WINDOW`]. A message is logged, or is part of one sum. Memory is bounded by the number of kinds.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::ErrorKind;
use std::time::Duration;

use tracing::Level;

use crate::model::GapReason;
use crate::source::{Loss, StreamEvent};

/// Least time between two sums of one kind.
pub(super) const WINDOW: Duration = Duration::from_mins(1);

/// Messages of one kind that are logged at once if there was none in the window before. Enough to name the logs of a small
/// site, one by one.
const AT_ONCE: u32 = 10;

/// Properties shared by the messages of one sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MessageKind {
    name: &'static str,
    /// Kind of the error that the message reports.
    error: Option<ErrorKind>,
}

/// A message to log.
#[derive(Clone, Copy)]
pub(super) enum Message<'m> {
    /// A text, of which others of the same kind differ.
    Text { level: Level, text: &'m dyn Display },
    /// Losses, which can be added up. Only the first one is logged at once.
    Lost { reason: GapReason, loss: Loss },
}

/// Messages of one kind that were not logged.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    Text {
        level: Level,
        times: u64,
        example: String,
    },
    Lost {
        reason: GapReason,
        loss: Loss,
    },
}

/// The sum of messages of one kind that were not logged. [`Display`] writes one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sum {
    held: Held,
    /// Time in which they came.
    within: Duration,
}

/// Messages of one kind in the present window.
#[derive(Debug)]
struct Window {
    since: Duration,
    logged: u32,
    held: Option<Held>,
}

/// State of all kinds. Times are monotonic.
#[derive(Debug, Default)]
pub(super) struct LogLimiter {
    windows: BTreeMap<MessageKind, Window>,
}

impl MessageKind {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, error: None }
    }

    /// Returns the kind of messages that report an error of this kind.
    pub(super) fn with_error(name: &'static str, error: ErrorKind) -> Self {
        Self {
            name,
            error: Some(error),
        }
    }
}

impl Message<'_> {
    fn at_once(&self) -> u32 {
        match self {
            Self::Text { .. } => AT_ONCE,
            Self::Lost { .. } => 1,
        }
    }

    fn add_to(self, held: &mut Option<Held>) {
        match (self, held) {
            (Self::Text { .. }, Some(Held::Text { times, .. })) => *times += 1,
            (Self::Lost { loss, .. }, Some(Held::Lost { loss: sum, .. })) => sum.add(loss),
            (Self::Text { level, text }, held) => {
                *held = Some(Held::Text {
                    level,
                    times: 1,
                    example: text.to_string(),
                });
            }
            (Self::Lost { reason, loss }, held) => *held = Some(Held::Lost { reason, loss }),
        }
    }
}

impl LogLimiter {
    /// Returns whether a message is to be logged at once; otherwise it is counted.
    pub(super) fn admit(&mut self, kind: MessageKind, message: Message<'_>, now: Duration) -> bool {
        let fresh = Window {
            since: now,
            logged: 0,
            held: None,
        };
        let window = self.windows.entry(kind).or_insert(fresh);
        if window.held.is_none() && now.saturating_sub(window.since) >= WINDOW {
            window.since = now;
            window.logged = 0;
        }
        let is_admitted = window.logged < message.at_once();
        if is_admitted {
            window.logged += 1;
        } else {
            message.add_to(&mut window.held);
        }
        is_admitted
    }

    /// Takes the sums of the windows that are over. After a sum, the messages of another window are counted.
    pub(super) fn take_due(&mut self, now: Duration) -> Vec<Sum> {
        let mut sums = Vec::new();
        self.windows.retain(|_, window| {
            let within = now.saturating_sub(window.since);
            if within < WINDOW {
                return true;
            }
            let Some(held) = window.held.take() else {
                return false;
            };
            window.since = now;
            window.logged = u32::MAX;
            sums.push(Sum { held, within });
            true
        });
        sums
    }

    /// Takes the sums of all windows, at the end.
    pub(super) fn take_all(&mut self, now: Duration) -> Vec<Sum> {
        let windows = std::mem::take(&mut self.windows).into_values();
        let sums = windows.filter_map(|window| {
            Some(Sum {
                held: window.held?,
                within: now.saturating_sub(window.since),
            })
        });
        sums.collect()
    }
}

impl Sum {
    /// Returns the level of the messages.
    pub(super) fn level(&self) -> Level {
        match self.held {
            Held::Text { level, .. } => level,
            Held::Lost { .. } => Level::WARN,
        }
    }
}

impl Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.within.as_secs();
        match &self.held {
            Held::Text {
                times: 1, example, ..
            } => f.write_str(example),
            Held::Text { times, example, .. } => {
                write!(f, "{times} more like this in {seconds} s: {example}")
            }
            Held::Lost { reason, loss } => {
                let (reason, loss) = (*reason, *loss);
                write!(f, "{}, in {seconds} s", StreamEvent::Lost { reason, loss })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::STREAM_GAP_REASONS;
    use proptest::prelude::*;

    const KIND: MessageKind = MessageKind {
        name: "x",
        error: None,
    };

    fn text(text: &dyn Display) -> Message<'_> {
        let level = Level::INFO;
        Message::Text { level, text }
    }

    fn lost(count: u64) -> Message<'static> {
        let reason = STREAM_GAP_REASONS[0];
        let loss = Loss { count, bytes: 0 };
        Message::Lost { reason, loss }
    }

    fn shown(sums: &[Sum]) -> Vec<String> {
        sums.iter().map(Sum::to_string).collect()
    }

    #[test]
    fn a_few_messages_are_logged_and_the_others_summed_up_once_a_minute() {
        let mut limiter = LogLimiter::default();
        let at = Duration::from_secs;
        let mut logged = 0;
        for n in 0..2_000 {
            logged += u32::from(limiter.admit(KIND, text(&n), at(1)));
        }
        assert_eq!(logged, AT_ONCE);
        assert_eq!(limiter.take_due(at(60)), []);
        let sums = limiter.take_due(at(61));
        assert_eq!(shown(&sums), ["1990 more like this in 60 s: 10"]);
        assert_eq!(sums[0].level(), Level::INFO);
        // The flood goes on: one sum a minute.
        assert!(!limiter.admit(KIND, text(&"a"), at(70)));
        assert!(!limiter.admit(KIND, text(&"b"), at(200)));
        let sums = limiter.take_due(at(201));
        assert_eq!(shown(&sums), ["2 more like this in 140 s: a"]);
        // A single message is not introduced as a sum.
        assert!(!limiter.admit(KIND, text(&"c"), at(202)));
        assert_eq!(shown(&limiter.take_due(at(261))), ["c"]);
        // After a quiet minute, messages are logged again.
        assert_eq!(limiter.take_due(at(330)), []);
        assert!(limiter.admit(KIND, text(&"d"), at(331)));
    }

    #[test]
    fn losses_are_added_up() {
        let mut limiter = LogLimiter::default();
        let at = Duration::from_secs;
        assert!(limiter.admit(KIND, lost(3), at(0)));
        for second in 1..60 {
            assert!(!limiter.admit(KIND, lost(25), at(second)));
        }
        assert_eq!(
            shown(&limiter.take_due(at(60))),
            [
                "lines may be lost: 1475 datagrams dropped by the kernel, whose receive buffer was full, in 60 s"
            ]
        );
    }

    #[test]
    fn kinds_do_not_hide_each_other() {
        let mut limiter = LogLimiter::default();
        let denied = MessageKind::with_error("x", ErrorKind::PermissionDenied);
        while limiter.admit(KIND, text(&"a"), Duration::ZERO) {}
        assert!(limiter.admit(denied, text(&"b"), Duration::ZERO));
    }

    proptest! {
        #[test]
        fn every_message_is_logged_or_in_one_sum(steps in proptest::collection::vec((0..40_u64, 1..30_u64, any::<bool>()), 0..60)) {
            let mut limiter = LogLimiter::default();
            let (mut now, mut sent, mut seen, mut lines) = (Duration::ZERO, 0, 0, 0);
            let count = |sums: Vec<Sum>| sums.iter().map(|sum| match &sum.held {
                Held::Text { times, .. } => *times,
                Held::Lost { loss, .. } => loss.count,
            }).sum::<u64>();
            for (seconds, messages, takes) in steps {
                now += Duration::from_secs(seconds);
                for _ in 0..messages {
                    sent += 1;
                    if limiter.admit(KIND, lost(1), now) {
                        seen += 1;
                        lines += 1;
                    }
                }
                if takes {
                    let sums = limiter.take_due(now);
                    lines += sums.len() as u64;
                    seen += count(sums);
                }
            }
            seen += count(limiter.take_all(now));
            prop_assert_eq!(seen, sent);
            prop_assert!(lines <= 2 + 2 * now.as_secs() / WINDOW.as_secs());
        }
    }
}
