//! How many files may be open.
//!
//! Invariant: files that are followed never take the descriptors that connections, sockets and the
//! program itself need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is left to the web side (`http::Limits::connections`), to streams and to the program.
const RESERVED: u64 = 640;
/// The part of all descriptors that is left where there are few.
const LEAST_PART: u64 = 4;

/// Takes as many as the system grants.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}

/// How many each of so many sources may have open.
pub(super) fn share(sources: usize) -> usize {
    let all = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let reserved = RESERVED.min(all - all / LEAST_PART);
    usize::try_from(all - reserved).unwrap_or(usize::MAX) / sources.max(1)
}
