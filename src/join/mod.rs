//! Joins the two log lines of one request, that of a front server and that of the server behind it, by the request's
//! id.
//!
//! Invariant: every line of a linked source has exactly one outcome, or still waits for the other line. An id is hashed
//! with a secret key and then dropped; no result contains it.

mod account;
mod link;
mod linked;
mod links;
mod outcome;
mod pending;
mod saved;

pub use account::{FAMILIES, QUEUE_BOUNDS};
pub use link::{End, Limits, Link, Side, Tap};
pub use linked::Linked;
pub use links::Links;
pub use outcome::{Outcome, Reason};

#[cfg(test)]
mod tests;
