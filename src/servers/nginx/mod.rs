//! Reads the access logs from nginx's configuration.
//!
//! Invariant: a log is listed if and only if a request can be written to it.

mod access;
mod format;
mod levels;
mod log;
mod lua;
mod path_change;
mod stub;
mod token;
mod tree;
mod variables;

use super::Files;
use crate::diag::Report;

pub use format::Format;
pub use log::{Log, Nginx, StubLocation, Target};
pub use path_change::{Change, PathChange};
pub use variables::Alias;

/// Reads the configuration whose main file is at `path`. `prefix` is the directory to which relative
/// paths of logs refer. Errors that nginx would refuse go to the report.
pub fn read(path: &str, prefix: &str, files: &dyn Files, report: &mut Report) -> Nginx {
    let tree = tree::read(path, files, report);
    levels::read(&tree, prefix, report)
}

#[cfg(test)]
mod tests;
