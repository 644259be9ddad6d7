//! The drafted `[routes.NAME]` for paths that nginx changes before Django sees them.
//!
//! Invariant: it is rendered as a comment, because only a person can say which paths lead to Django.

use std::fmt::Write as _;

use super::nginx::{Change, PathChange};
use super::place::{file_and_line, list};
use super::toml::{key, string};
use crate::diag::Place;

/// Differences between the paths in the log and those that Django sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rewrites {
    /// Replaced prefixes, each once.
    prefixes: Vec<Prefix>,
    /// Other changes, in words.
    others: Vec<(String, Place)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    from: String,
    to: String,
    place: Place,
}

impl Rewrites {
    /// Collects the path changes of one log.
    pub(super) fn collect(changes: &[PathChange]) -> Self {
        let mut rewrites = Self::default();
        // A change takes precedence over an unchanged prefix in another server.
        let (kept, replaced): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| change.keeps_path());
        for PathChange { change, place } in replaced.into_iter().chain(kept) {
            match change {
                Change::Prefix { from, to } => rewrites.add(from, to, place),
                Change::Other(words) => rewrites.others.push((words.clone(), place.clone())),
            }
        }
        rewrites
    }

    fn add(&mut self, from: &str, to: &str, place: &Place) {
        if let Some(known) = self.prefixes.iter().find(|known| known.from == from) {
            if known.to != to {
                let first = file_and_line(&known.place);
                let words = format!("{from} becomes {to}, but {} in {first}", known.to);
                self.others.push((words, place.clone()));
            }
            return;
        }
        // An unchanged prefix matters only below a changed one.
        let is_below = |known: &Prefix| from.starts_with(known.from.as_str());
        if from != to || self.prefixes.iter().any(is_below) {
            self.prefixes.push(Prefix {
                from: from.to_owned(),
                to: to.to_owned(),
                place: place.clone(),
            });
        }
    }

    /// Renders the comment below the source of this name. Empty if Django sees the paths of the log.
    pub(super) fn comment(&self, name: &str) -> String {
        let mut text = String::new();
        if !self.prefixes.is_empty() {
            let (table, value) = (key(name), string(name));
            let _ = write!(
                text,
                "nginx passes these paths on with another prefix, and Django resolves the result. To count by Django's views,\n\
                 add routes = {value} above and these tables below, without the lines that do not lead to Django:\n\
                 [routes.{table}]\nurlconf = \"urlconf.jsonl\"\n[routes.{table}.rewrite]"
            );
            for prefix in &self.prefixes {
                let (from, to) = (key(&prefix.from), string(&prefix.to));
                let _ = write!(text, "\n{from} = {to} # {}", file_and_line(&prefix.place));
            }
        }
        if !self.others.is_empty() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(
                "Check which paths Django sees after these changes: routes.NAME.rewrite replaces prefixes only.",
            );
            text.push_str(&list(&self.others));
        }
        text
    }
}
