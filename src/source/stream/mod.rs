//! Receives lines from pipes, sockets and the journal.
//!
//! Invariant: one thread receives into a bounded queue and does nothing else; its owner takes the
//! lines from there. Senders that can wait do so while the queue is full; lines of senders that
//! cannot are counted as lost.

mod context;
mod datagram;
mod deframe;
mod event;
mod journal;
mod kernel;
mod listen;
mod peers;
mod pipe;
mod poller;
mod queue;
mod receiver;
mod settings;

pub use datagram::SHORT_QUEUE;
pub use deframe::{BadFrame, Deframer, LineBuffer};
pub use event::{Loss, STREAM_GAP_REASONS, StreamEvent};
pub use journal::{JOURNAL_PROGRAM, JournalMessages, is_journal_export};
pub use kernel::unix_queue_length;
pub use receiver::StreamReceiver;
pub use settings::{Journal, Stream, Syslog, SyslogAddress, SyslogAddressError};

#[cfg(test)]
mod tests;
