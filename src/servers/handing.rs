//! What a source's `[routes.NAME]` would have to say of the paths that nginx changes.
//!
//! Invariant: it stands in comments, for only a person knows which paths lead to Django.

use std::fmt::Write as _;

use super::nginx::{Change, Handed};
use super::toml::{key_of, shown, string};
use crate::diag::Place;

/// What cannot be said with prefixes is shown so often.
const SHOWN: usize = 20;

/// Paths that Django sees otherwise than the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Handing {
    /// Prefixes, each once, and what replaces them.
    pairs: Vec<(String, String, Place)>,
    /// What else changes paths.
    others: Vec<(String, Place)>,
}

impl Handing {
    /// Of all that nginx does to the paths of one log.
    pub(super) fn of(handed: &[Handed]) -> Self {
        let mut handing = Self::default();
        // What changes a path goes before what leaves it in another server.
        let (same, changed): (Vec<_>, Vec<_>) = handed.iter().partition(|handed| handed.is_same());
        for handed in changed.into_iter().chain(same) {
            match &handed.change {
                Change::Prefix { from, to } => handing.add(from, to, &handed.place),
                Change::Other(words) => handing.others.push((words.clone(), handed.place.clone())),
            }
        }
        handing
    }

    fn add(&mut self, from: &str, to: &str, place: &Place) {
        let is_known = |(known, _, _): &&(String, String, Place)| known == from;
        if let Some((_, known, first)) = self.pairs.iter().find(is_known) {
            if known != to {
                let first = shown(first);
                let words = format!("{from} becomes {to}, but {known} in {first}");
                self.others.push((words, place.clone()));
            }
            return;
        }
        // One that stays matters only below one that does not.
        let is_below =
            |(shorter, _, _): &(String, String, Place)| from.starts_with(shorter.as_str());
        if from != to || self.pairs.iter().any(is_below) {
            let place = place.clone();
            self.pairs.push((from.to_owned(), to.to_owned(), place));
        }
    }

    /// Lines of comment behind the source of this name; empty if Django sees the paths of the log.
    pub(super) fn comment(&self, name: &str) -> String {
        let mut text = String::new();
        if !self.pairs.is_empty() {
            let (key, value) = (key_of(name), string(name));
            let _ = write!(
                text,
                "nginx hands these paths on under another prefix, which is what Django resolves. To count by its views,\n\
                 write routes = {value} above and this below, without what does not lead to Django:\n\
                 [routes.{key}]\nurlconf = \"urlconf.jsonl\"\n[routes.{key}.rewrite]"
            );
            for (from, to, place) in &self.pairs {
                let (from, to, place) = (key_of(from), string(to), shown(place));
                let _ = write!(text, "\n{from} = {to} # {place}");
            }
        }
        if !self.others.is_empty() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(
                "Where these lead to Django, check which path it sees: routes.NAME.rewrite replaces prefixes, no more.",
            );
            for (words, place) in self.others.iter().take(SHOWN) {
                let _ = write!(text, "\n  {}: {words}", shown(place));
            }
            if let Some(more) = self
                .others
                .len()
                .checked_sub(SHOWN)
                .filter(|more| *more > 0)
            {
                let _ = write!(text, "\n  and {more} more");
            }
        }
        text
    }
}
