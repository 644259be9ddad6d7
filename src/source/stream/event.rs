//! Events of streams.
//!
//! Invariant: an event is reported once per change, and contains no text of a log.

use std::fmt;
use std::time::Duration;

use crate::model::{Gap, GapBound, GapReason, counted};

/// The kernel's buffer was full. The kernel counts datagrams, not bytes.
pub(super) const KERNEL_DROP: GapReason = reason("kernel_drop", &[]);
/// The queue of received lines was full.
pub(super) const QUEUE_FULL: GapReason = reason("queue_full", &[GapBound::Min, GapBound::Max]);
/// The limit of connections was reached.
pub(super) const REFUSED_CONNECTION: GapReason = reason("refused_connection", &[]);
/// A connection that sent no lines was closed to make room for another one.
pub(super) const DISPLACED_CONNECTION: GapReason = reason("displaced_connection", &[]);
/// A connection was closed for broken framing.
pub(super) const BAD_FRAME: GapReason = reason("bad_frame", &[]);
/// journald dropped messages of the unit, which exceeded its rate limit.
pub(super) const SUPPRESSED: GapReason = reason("suppressed", &[]);
/// The journal does not hold the entry after which to resume.
pub(super) const JOURNAL_GAP: GapReason = reason("journal_gap", &[]);

/// All gap reasons of streams; those of files are `FILE_GAP_REASONS`.
pub const STREAM_GAP_REASONS: [GapReason; 7] = [
    KERNEL_DROP,
    QUEUE_FULL,
    REFUSED_CONNECTION,
    DISPLACED_CONNECTION,
    BAD_FRAME,
    JOURNAL_GAP,
    SUPPRESSED,
];

const fn reason(name: &'static str, bounds: &'static [GapBound]) -> GapReason {
    GapReason { name, bounds }
}

/// A change in the state of a stream. [`fmt::Display`] writes one line.
#[derive(Debug)]
pub enum StreamEvent {
    /// The stream is open.
    Opened {
        /// Name of the stream.
        what: String,
        /// Receive buffer of a UDP socket.
        buffer: Option<ReceiveBuffer>,
    },
    /// The stream cannot be opened, or reading it failed; it is retried every second.
    Unavailable {
        /// Name of the stream.
        what: String,
        /// Error of the system.
        error: String,
        /// True if it does not exist yet.
        is_missing: bool,
    },
    /// The kernel queues few datagrams per unix socket.
    ShortQueue {
        /// Value of `net.unix.max_dgram_qlen`.
        length: u64,
    },
    /// The kernel's count of datagrams that it dropped cannot be read.
    DropsUnknown,
    /// Standard input has ended.
    Ended,
    /// Lines were lost, or may have been.
    Lost {
        /// One of [`STREAM_GAP_REASONS`].
        reason: GapReason,
        /// Losses since the last such event.
        loss: Loss,
    },
    /// The program that reads the journal wrote to its standard error.
    ReaderSaid {
        /// A line, cut off after some bytes.
        text: String,
        /// False for the last line of a run that is passed on.
        goes_on: bool,
    },
    /// The program that reads the journal exited without being stopped, and will be restarted.
    ReaderEnded {
        /// Exit status or signal.
        how: String,
        /// Time until the restart.
        pause: Duration,
    },
}

/// Number of losses for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Datagrams, messages or connections.
    pub count: u64,
    /// Lost bytes, if the reason tells them.
    pub bytes: u64,
}

impl Loss {
    /// Adds the losses of another.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// The size of a socket's receive buffer, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveBuffer {
    /// Size requested by the configuration.
    pub requested: usize,
    /// Size granted by the kernel.
    pub granted: usize,
}

impl StreamEvent {
    /// Returns what was lost, and why.
    pub fn gap(&self) -> Option<Gap> {
        match self {
            Self::Lost { reason, loss } => Some(Gap {
                reason: *reason,
                count: loss.count,
                at_least: loss.bytes,
                at_most: loss.bytes,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for StreamEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { what, buffer } => {
                write!(f, "reading {what}")?;
                match buffer {
                    None => Ok(()),
                    Some(ReceiveBuffer { requested, granted }) if granted < requested => write!(
                        f,
                        " (receive buffer: {granted} of the {requested} bytes requested; raise net.core.rmem_max)"
                    ),
                    Some(it) => write!(f, " (receive buffer: {} bytes)", it.granted),
                }
            }
            Self::Unavailable { what, error, .. } => {
                write!(f, "cannot read {what}: {error}; retrying every second")
            }
            Self::ShortQueue { length } => write!(
                f,
                "the kernel queues at most {} per unix socket, and senders drop \
                 lines when the queue is full: run `sysctl -w net.unix.max_dgram_qlen=512 \
                 net.core.wmem_default=4194304`, then restart the exporter and the senders",
                counted(*length, "datagram")
            ),
            Self::DropsUnknown => f.write_str(
                "/proc/self/net/udp does not show how many datagrams the kernel dropped: lines lost in this way are not \
                 counted",
            ),
            Self::Ended => f.write_str("standard input has ended; its counts are kept"),
            Self::Lost { reason, loss } => {
                let (what, how) = match *reason {
                    KERNEL_DROP => (
                        "datagram",
                        "dropped by the kernel, whose receive buffer was full",
                    ),
                    QUEUE_FULL => ("datagram", "dropped, because counting could not keep up"),
                    REFUSED_CONNECTION => (
                        "connection",
                        "refused, because max_connections are open and send lines",
                    ),
                    DISPLACED_CONNECTION => (
                        "connection",
                        "closed for others, because max_connections were open and these had sent no line for longest",
                    ),
                    BAD_FRAME => ("connection", "closed for a broken frame"),
                    SUPPRESSED => (
                        "message",
                        "dropped by journald, because the unit exceeded its rate limit; raise LogRateLimitBurst= in the unit",
                    ),
                    _ => ("gap", "in the journal, whose entries were deleted before they were read"),
                };
                write!(f, "lines may be lost: {} {how}", counted(loss.count, what))
            }
            Self::ReaderSaid { text, goes_on } => {
                write!(f, "journalctl: {}", text.escape_debug())?;
                if *goes_on {
                    return Ok(());
                }
                f.write_str(" (what else it writes is dropped until it is restarted)")
            }
            Self::ReaderEnded { how, pause } => {
                write!(f, "journalctl exited ({how}); restarting it in {pause:?}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gap_reason_has_its_own_description() {
        let texts: std::collections::BTreeSet<String> = STREAM_GAP_REASONS
            .iter()
            .map(|reason| {
                let loss = Loss { count: 3, bytes: 7 };
                let reason = *reason;
                let event = StreamEvent::Lost { reason, loss };
                let gap = event.gap().unwrap();
                assert_eq!((gap.reason, gap.count), (reason, 3));
                assert!(gap.bounds().all(|(_, bytes)| bytes == 7));
                event.to_string()
            })
            .collect();
        assert_eq!(texts.len(), STREAM_GAP_REASONS.len());
        assert!(texts.iter().all(|line| !line.contains('\n')));
    }

    #[test]
    fn a_receive_buffer_smaller_than_requested_is_mentioned() {
        let opened = |requested, granted| {
            let what = "udp://127.0.0.1:5514".to_owned();
            let buffer = Some(ReceiveBuffer { requested, granted });
            StreamEvent::Opened { what, buffer }.to_string()
        };
        assert!(opened(8, 4).contains("4 of the 8 bytes requested"));
        assert!(!opened(8, 8).contains("requested"));
    }
}
