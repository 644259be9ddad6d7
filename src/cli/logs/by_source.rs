//! Counts logs as `run` does: each source of a configuration under its own name, with its own options.
//!
//! Invariant: every source has counts, also one without a log, since its series may start at 0.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use super::pool::Threads;
use super::session::Session;
use crate::cli::exit::Failure;
use crate::cli::rejects::Rejects;
use crate::cli::views::Views;
use crate::config::{Config, Limits, Resolvers};
use crate::join::Links;
use crate::label::Budget;

/// A log, and the number of the source that it belongs to; `None` if its lines decide.
pub(crate) type Owned = (PathBuf, Option<usize>);

/// Counts all lines of logs with the sources of the configuration at `path`, with `series` in place of its `limits.series`.
pub(crate) fn count_sources(
    config: &Config,
    path: &Path,
    resolvers: &Resolvers,
    logs: &[Owned],
    series: usize,
) -> Result<Session<'static>, Failure> {
    let paths: Vec<PathBuf> = logs.iter().map(|(log, _)| log.clone()).collect();
    // Where the number of processors is not known, one thread counts.
    let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = Threads::new(processors);
    // The lines of the first log wait until the second one is read.
    let waiting = config.limits.join(Limits::PENDING_REQUESTS_IN_REPLAY);
    let mut session = Session {
        links: Links::default().reconfigure(&config.linked(), waiting),
        all_sources: config.sources.clone(),
        metrics: config.metrics.clone(),
        budget: Budget::new(series),
        rejects: Rejects::new(Some(path.to_owned())),
        progress: super::progress(&paths),
        is_by_source: true,
        ..Session::new(config.limits, Views::choose(true, None, None)?, threads)
    };
    for source in &config.sources {
        session.add_source(source, resolvers)?;
    }
    session.read_all(logs.iter().map(|(log, owner)| (&**log, *owner)))?;
    session.end()?;
    Ok(session)
}
