//! The program from outside: the built binary, real files, real servers.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests and their helpers: what goes wrong ends the test, and is shown"
)]

mod counts;
mod explain;
mod follow;
#[cfg(feature = "stack")]
mod stack;
mod support;
