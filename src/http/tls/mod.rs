//! TLS of connections.
//!
//! Invariant: what costs time in a handshake runs on another thread, for one connection after the other; the socket and its deadlines
//! stay with the connection's task.

mod handshake;
mod stream;

pub(super) use handshake::{Handshakes, NotAccepted};
