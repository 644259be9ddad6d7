//! Drafts the exporter's configuration from the access logs that nginx and gunicorn are configured to
//! write.
//!
//! Invariant: configurations are never run, and files are read through [`Files`] only.

mod backend;
mod backend_remark;
mod draft;
mod files;
mod glob;
pub mod gunicorn;
mod names;
pub mod nginx;
mod place;
mod remark;
mod render;
mod resolve;
mod rewrites;
mod snippets;
mod source;
mod toml;

pub use draft::{Draft, draft};
pub use files::{Dump, Files};
pub use glob::{is_glob, name_matches};
pub use gunicorn::Gunicorn;
pub use names::unique;
pub use nginx::Nginx;

#[cfg(test)]
#[cfg(feature = "daemon")]
mod tests;
