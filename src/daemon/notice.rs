//! Messages from the threads of the sources to the daemon.
//!
//! Invariant: each thread sends its end.

use super::access::Access;

/// Message from a worker to the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Every input that exists was discovered, or the state of the input has changed.
    Access { source: String, access: Access },
    /// The thread of this number ended.
    Ended(u64),
}
