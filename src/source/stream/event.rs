//! Events of streams.
//!
//! Invariant: an event is reported once per change, and contains no text of a log.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Gap reason: the kernel's buffer was full.
pub(super) const KERNEL_DROP: &str = "kernel_drop";
/// Gap reason: the queue of received lines was full.
pub(super) const QUEUE_FULL: &str = "queue_full";
/// Gap reason: the limit of connections was reached.
pub(super) const REFUSED_CONNECTION: &str = "refused_connection";
/// Gap reason: a connection was closed for broken framing.
pub(super) const BAD_FRAME: &str = "bad_frame";
/// Gap reason: the journal does not hold the entry after which to resume.
pub(super) const JOURNAL_GAP: &str = "journal_gap";

/// All gap reasons of streams; those of files are `FILE_GAP_REASONS`.
pub const STREAM_GAP_REASONS: [&str; 5] = [
    KERNEL_DROP,
    QUEUE_FULL,
    REFUSED_CONNECTION,
    BAD_FRAME,
    JOURNAL_GAP,
];

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
    },
    /// The kernel queues few datagrams per unix socket.
    ShortQueue {
        /// Value of `net.unix.max_dgram_qlen`.
        length: u64,
    },
    /// Standard input has ended.
    Ended,
    /// Lines were lost, or may have been.
    Lost {
        /// One of [`STREAM_GAP_REASONS`].
        reason: &'static str,
        /// Number of losses since the last such event.
        count: u64,
    },
    /// The program that reads the journal exited without being stopped, and will be restarted.
    ReaderEnded {
        /// Exit status or signal.
        how: String,
        /// Time until the restart.
        pause: Duration,
    },
    /// The cursor reached in the journal could not be saved; it is retried.
    Unsaved {
        /// Path of the cursor file.
        path: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
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
    /// Returns the gap reason and the number of losses, if lines may have been lost.
    pub fn gap(&self) -> Option<(&'static str, u64)> {
        match self {
            Self::Lost { reason, count } => Some((reason, *count)),
            _ => None,
        }
    }

    /// Returns whether the event calls for an operator's attention.
    pub fn is_trouble(&self) -> bool {
        !matches!(self, Self::Opened { .. } | Self::Ended)
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
            Self::Unavailable { what, error } => {
                write!(f, "cannot read {what}: {error}; retrying every second")
            }
            Self::ShortQueue { length } => write!(
                f,
                "the kernel queues at most {length} datagrams per unix socket, and senders drop \
                 lines when the queue is full: run `sysctl -w net.unix.max_dgram_qlen=512 \
                 net.core.wmem_default=4194304`, then restart the exporter and the senders"
            ),
            Self::Ended => f.write_str("standard input has ended; its counts are kept"),
            Self::Lost { reason, count } => {
                let what = match *reason {
                    KERNEL_DROP => "datagrams dropped by the kernel, whose receive buffer was full",
                    QUEUE_FULL => "datagrams dropped, because counting could not keep up",
                    REFUSED_CONNECTION => "connections refused, because max_connections are open",
                    BAD_FRAME => "connections closed for a broken frame",
                    _ => "gaps in the journal, whose entries were deleted before they were read",
                };
                write!(f, "lines may be lost: {count} {what}")
            }
            Self::ReaderEnded { how, pause } => {
                write!(f, "journalctl exited ({how}); restarting it in {pause:?}")
            }
            Self::Unsaved { path, error } => write!(
                f,
                "cannot save the journal cursor to {}: {error}",
                path.to_string_lossy().escape_debug()
            ),
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
                let event = StreamEvent::Lost { reason, count: 3 };
                assert_eq!(event.gap(), Some((*reason, 3)));
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
