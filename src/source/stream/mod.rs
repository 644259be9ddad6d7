//! Receives lines from pipes, sockets and the journal.
//!
//! Invariant: one thread receives all streams, each into a bounded queue, and does nothing else; the owner of a receiver
//! takes its lines from there. Senders that can wait do so while their queue is full; lines of senders that cannot are
//! counted as lost.

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
mod thread;
mod wait;

pub use datagram::SHORT_QUEUE;
pub use deframe::{BadFrame, Deframer, LineBuffer};
pub use event::{Loss, STREAM_GAP_REASONS, StreamEvent};
pub use journal::{JOURNAL_PROGRAM, JournalMessages, is_journal_export};
pub use kernel::unix_queue_length;
pub use receiver::StreamReceiver;
pub use settings::{Journal, Stream, Syslog, SyslogAddress, SyslogAddressError};
pub use thread::StreamThread;

#[cfg(test)]
mod tests;
