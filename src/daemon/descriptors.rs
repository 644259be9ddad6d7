//! Limits on the number of open files.
//!
//! Invariant: followed files never take the descriptors that connections, sockets and the program itself need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors reserved for the web side (`http::Limits::connections`), streams and the program.
const RESERVED: u64 = 640;
/// Share of all descriptors that followed files get at least: one in four.
const LEAST_PART: u64 = 4;

/// Raises the soft limit of open files to the hard limit.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("cannot raise the limit of open files: {error}");
    }
}

/// Returns how many files each of `sources` sources may have open.
pub fn files_per_source(sources: usize) -> usize {
    let all = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let reserved = RESERVED.min(all - all / LEAST_PART);
    usize::try_from(all - reserved).unwrap_or(usize::MAX) / sources.max(1)
}
