//! Context of a receiver, and its retries of what cannot be opened.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use super::event::StreamEvent;
use super::kernel::UdpTable;
use super::queue::{Queue, RETRY_INTERVAL};
use crate::clock::Clock;

/// State that a receiver shares with its owner.
pub(super) struct ReceiveContext {
    pub(super) queue: Arc<Queue>,
    /// Longest line held, in bytes.
    pub(super) line_bytes: usize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) udp: Arc<UdpTable>,
}

impl ReceiveContext {
    /// Calls `open` until it succeeds, and reports each error that differs from the last one.
    /// Returns `None` if the receiver was stopped first.
    pub(super) async fn open<T>(
        &self,
        what: &(impl Display + Sync),
        open: impl Fn() -> io::Result<T>,
    ) -> Option<T> {
        let mut reported = String::new();
        while !self.queue.is_stopped() {
            match open() {
                Ok(opened) => return Some(opened),
                Err(error) => {
                    self.queue.set_open(0);
                    let is_missing = error.kind() == io::ErrorKind::NotFound;
                    let error = error.to_string();
                    if error != reported {
                        reported.clone_from(&error);
                        let what = what.to_string();
                        self.queue.report(StreamEvent::Unavailable {
                            what,
                            error,
                            is_missing,
                        });
                    }
                    self.queue.wait(Vec::new(), Some(RETRY_INTERVAL)).await;
                }
            }
        }
        None
    }
}
