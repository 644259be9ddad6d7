//! What the servers' own configurations say of their access logs, and the configuration of ours
//! that follows from it.
//!
//! Invariant: nothing of a configuration is run, and nothing is read but through [`Files`].

mod behind;
mod draft;
mod files;
mod formats;
mod glob;
pub mod gunicorn;
mod handing;
mod names;
pub mod nginx;
mod paste;
mod remark;
#[cfg(test)]
#[cfg(feature = "daemon")]
mod tests;
mod toml;

pub use draft::{Draft, draft};
pub use files::{Dump, Files};
pub use glob::{is_glob, name_matches};
pub use gunicorn::Gunicorn;
pub use nginx::Nginx;
