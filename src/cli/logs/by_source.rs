//! Counts logs as `run` does: each source of a configuration under its own name, with its own options.
//!
//! Invariant: every source has counts, also one without a log, since its series may start at 0.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use super::pool::{Pool, Threads};
use super::session::{Aim, Session};
use crate::cli::exit::Failure;
use crate::cli::format_names::FormatNames;
use crate::cli::rejects::Rejects;
use crate::cli::stop::Stop;
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
        sources: Vec::new(),
        all_sources: config.sources.clone(),
        names: FormatNames::default(),
        pattern: None,
        limits: config.limits,
        views: Views::choose(true, None, None)?,
        metrics: config.metrics.clone(),
        budget: Budget::new(series),
        formats: Vec::new(),
        rejects: Rejects::new(Some(path.to_owned())),
        aim: Aim::Families,
        left_out: Vec::new(),
        suppressed: Vec::new(),
        progress: super::progress(&paths),
        selector: None,
        pool: Pool::start(threads),
        part_bytes: threads.part_bytes,
        warm_up_bytes: threads.warm_up_bytes,
        merged_lines: 0,
        stop: Stop::default(),
        is_by_source: true,
        next_log: None,
        carry: None,
    };
    for source in &config.sources {
        session.add_source(source, resolvers)?;
    }
    for (at, (log, owner)) in logs.iter().enumerate() {
        session.next_log = logs.get(at + 1).map(|(log, _)| log.clone());
        if let Err(failure) = session.read(log, None, *owner) {
            // A log before it may have failed first.
            session.merge_all()?;
            return Err(failure);
        }
    }
    session.end()?;
    Ok(session)
}
