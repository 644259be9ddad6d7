//! What the servers' own configurations say of their access logs, and the configuration of ours
//! that follows from it.
//!
//! Invariant: nothing of a configuration is run, and nothing is read but through [`Files`].

mod files;
mod glob;
pub mod gunicorn;
pub mod nginx;

pub use files::{Dump, Files};
pub use glob::name_matches;
