//! What a stream has to say besides its lines.
//!
//! Invariant: as with files: told once per change, and never in words of the log.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Gap reason: the kernel had no room for what came.
pub(super) const KERNEL_DROP: &str = "kernel_drop";
/// Gap reason: we had no room for what the kernel gave.
pub(super) const QUEUE_FULL: &str = "queue_full";
/// Gap reason: there were too many connections.
pub(super) const REFUSED_CONNECTION: &str = "refused_connection";
/// Gap reason: a connection broke the rules of its framing and was closed.
pub(super) const BAD_FRAME: &str = "bad_frame";
/// Gap reason: the journal no longer holds the place where reading was to go on.
pub(super) const JOURNAL_GAP: &str = "journal_gap";

/// Every gap reason of streams; those of files are `GAP_REASONS`.
pub const STREAM_GAP_REASONS: [&str; 5] = [
    KERNEL_DROP,
    QUEUE_FULL,
    REFUSED_CONNECTION,
    BAD_FRAME,
    JOURNAL_GAP,
];

/// A change of what is being received. [`fmt::Display`] is one line.
#[derive(Debug)]
pub enum StreamEvent {
    /// Lines can come from now on.
    Opened {
        /// What was opened.
        what: String,
        /// Bytes asked of the kernel for what waits to be received, and bytes obtained.
        buffer: Option<(usize, usize)>,
    },
    /// It can't be opened, or reading it failed. It is tried again every second.
    Unavailable {
        /// What it is.
        what: String,
        /// Why.
        error: String,
    },
    /// The kernel lets only this many datagrams wait in a unix socket.
    ShortQueue {
        /// `net.unix.max_dgram_qlen`.
        length: u64,
    },
    /// Standard input has ended.
    Ended,
    /// Lines were lost, or may have been.
    Lost {
        /// One of [`STREAM_GAP_REASONS`].
        reason: &'static str,
        /// How many times since the last such event.
        count: u64,
    },
    /// The program that reads the journal ended by itself, and is started again.
    ReaderEnded {
        /// How it ended.
        how: String,
        /// When it is started again.
        pause: Duration,
    },
    /// The place reached in the journal could not be kept. It is tried again.
    Unsaved {
        /// The file that was to keep it.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl StreamEvent {
    /// Why lines may have been lost, and how many times.
    pub fn gap(&self) -> Option<(&'static str, u64)> {
        match self {
            Self::Lost { reason, count } => Some((reason, *count)),
            _ => None,
        }
    }

    /// Whether somebody should do something about it.
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
                    Some((asked, got)) if got < asked => write!(
                        f,
                        ", the kernel buffers {got} of the {asked} bytes asked for \
                         (raise net.core.rmem_max)"
                    ),
                    Some((_, got)) => write!(f, ", the kernel buffers {got} bytes"),
                    None => Ok(()),
                }
            }
            Self::Unavailable { what, error } => {
                write!(
                    f,
                    "cannot read {what}: {error}; it is tried again every second"
                )
            }
            Self::ShortQueue { length } => write!(
                f,
                "the kernel lets {length} datagrams wait in a unix socket, writers drop lines \
                 when it is full: sysctl net.unix.max_dgram_qlen=512 \
                 net.core.wmem_default=4194304, then restart both sides"
            ),
            Self::Ended => f.write_str("standard input has ended; its counts stay"),
            Self::Lost { reason, count } => {
                let what = match *reason {
                    KERNEL_DROP => "datagrams dropped by the kernel, its buffer was full",
                    QUEUE_FULL => "datagrams dropped, counting could not keep up",
                    REFUSED_CONNECTION => "connections refused, max_connections are open",
                    BAD_FRAME => "connections closed for a broken frame",
                    _ => "places lost in the journal, entries between are gone",
                };
                write!(f, "lines may be lost: {count} {what}")
            }
            Self::ReaderEnded { how, pause } => {
                write!(f, "journalctl ended ({how}), started again in {pause:?}")
            }
            Self::Unsaved { path, error } => write!(
                f,
                "cannot keep the place in the journal in {}: {error}",
                path.to_string_lossy().escape_debug()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_in_words_of_its_own() {
        let told: std::collections::BTreeSet<String> = STREAM_GAP_REASONS
            .iter()
            .map(|reason| {
                let event = StreamEvent::Lost { reason, count: 3 };
                assert_eq!(event.gap(), Some((*reason, 3)));
                event.to_string()
            })
            .collect();
        assert_eq!(told.len(), STREAM_GAP_REASONS.len());
        assert!(told.iter().all(|line| !line.contains('\n')));
    }

    #[test]
    fn a_smaller_buffer_than_asked_for_is_said() {
        let opened = |asked, got| {
            let what = "udp://127.0.0.1:5514".to_owned();
            StreamEvent::Opened {
                what,
                buffer: Some((asked, got)),
            }
            .to_string()
        };
        assert!(opened(8, 4).contains("4 of the 8 bytes asked for"));
        assert!(!opened(8, 8).contains("asked"));
    }
}
