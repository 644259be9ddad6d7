//! Chooses the logs of a forecast, and the sources whose lines they hold.
//!
//! Invariant: a file that two sources follow is read for both, as `run` does.

use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::logs::Owned;
use crate::cli::overlap::check_distinct;
use crate::config::{Config, Input};
use crate::source::{find_files, path_before_rotation};

/// Returns the logs to read: the `given` ones, or all files that the sources follow if there are none. `source` is the name of
/// the source that all of them belong to.
pub(super) fn choose(
    config: &Config,
    given: &[PathBuf],
    source: Option<&str>,
) -> Result<Vec<Owned>, Failure> {
    let named = source.map(|name| find(config, name)).transpose()?;
    check_distinct(given)?;
    let chosen: Vec<Owned> = if given.is_empty() {
        let numbered = config.sources.iter().enumerate();
        let wanted = numbered.filter(|(at, _)| named.is_none_or(|named| named == *at));
        wanted
            .flat_map(|(at, source)| {
                let found = match &source.input {
                    Input::Files(files) => find_files(&files.paths),
                    Input::Stream(_) => Vec::new(),
                };
                found.into_iter().map(move |(path, _)| (path, Some(at)))
            })
            .collect()
    } else {
        let owned = given.iter().flat_map(|log| match named {
            Some(at) => vec![(log.clone(), Some(at))],
            None => owners(config, log),
        });
        owned.collect()
    };
    if chosen.is_empty() {
        let message = "no log to read: the sources follow no file that exists";
        let help = "name the logs: --log LOG…";
        return Err(Failure::message(Exit::NoInput, message).help(help));
    }
    Ok(chosen)
}

/// Returns a log with each source that follows it, or followed it before it was rotated; otherwise with the only source, if
/// there is one.
fn owners(config: &Config, log: &Path) -> Vec<Owned> {
    let path = std::path::absolute(log).unwrap_or_else(|_| log.to_owned());
    let following = |path: &Path| -> Vec<Owned> {
        let sources = config.sources.iter().enumerate();
        let sources = sources.filter(|(_, source)| source.input.follows(path));
        sources.map(|(at, _)| (log.to_owned(), Some(at))).collect()
    };
    let mut found = following(&path);
    if found.is_empty()
        && let Some(before) = path_before_rotation(&path)
    {
        found = following(&before);
    }
    if found.is_empty() {
        let only = (config.sources.len() == 1).then_some(0);
        found.push((log.to_owned(), only));
    }
    found
}

/// Returns the number of a source.
fn find(config: &Config, name: &str) -> Result<usize, Failure> {
    let sources = config.sources.iter();
    let at = sources.clone().position(|source| source.name == name);
    at.ok_or_else(|| {
        let failure = Failure::message(Exit::Usage, format!("no source is named `{name}`"));
        failure.suggest(name, sources.map(|source| &*source.name))
    })
}
