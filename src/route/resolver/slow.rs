//! Routes that tokens cannot express, tried one by one.
//!
//! Invariant: the result is that of trying all of them in order. A route is left out only if the path lacks a text that
//! each of its paths contains.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::chain::{Chain, required_texts};
use super::trie::NONE;
use crate::route::urlconf::Route;

/// Fewest routes for which the search for texts pays.
const MANY: usize = 4;
/// Shortest text that is searched for, in bytes.
const TEXT_BYTES: usize = 2;
/// Largest sum of texts, in bytes, for which the search has the faster and larger tables.
const DENSE_BYTES: usize = 16 << 10;
/// Most routes that one path selects; beyond, all are tried.
const SELECTED: usize = 32;

/// The slow routes of a URLconf.
#[derive(Clone, Debug, Default)]
pub(super) struct SlowRoutes {
    /// Orders and chains, ascending.
    routes: Box<[(u32, Chain)]>,
    /// `None` if there are few routes.
    finder: Option<Finder>,
}

/// Finds the routes whose text is in a path.
#[derive(Clone, Debug)]
struct Finder {
    automaton: AhoCorasick,
    /// By text: the indices of the routes.
    by_text: Box<[Box<[u32]>]>,
    /// Routes without a text, ascending.
    always: Box<[u32]>,
}

/// Indices of the routes that a path selects.
#[derive(Default)]
struct Selection {
    indices: [u32; SELECTED],
    count: usize,
}

impl SlowRoutes {
    /// Makes the slow routes; `all` are the routes of the URLconf.
    pub(super) fn new(routes: Vec<(u32, Chain)>, all: &[Route]) -> Self {
        let finder = (routes.len() > MANY)
            .then(|| Finder::new(&routes, all))
            .flatten();
        Self {
            routes: routes.into(),
            finder,
        }
    }

    /// Returns the first route, or `NONE`.
    pub(super) fn first(&self) -> u32 {
        self.routes.first().map_or(NONE, |(order, _)| *order)
    }

    /// Returns the first route that matches `path`, without its first slash, and is admitted, if it precedes `best`;
    /// else `best`.
    #[inline(never)]
    pub(super) fn find(&self, path: &[u8], best: u32, admits: impl Fn(u32) -> bool) -> u32 {
        let is_match = |(order, chain): &&(u32, Chain)| chain.matches(path) && admits(*order);
        let found = if let Some(selection) = self.select(path, best) {
            let selected = selection.as_slice().iter();
            let mut selected = selected.filter_map(|index| self.routes.get(*index as usize));
            selected.find(is_match)
        } else {
            let mut before = self.routes.iter().take_while(|(order, _)| *order < best);
            before.find(is_match)
        };
        found.map_or(best, |(order, _)| *order)
    }

    /// Returns the routes before `best` whose text is in the path, ascending; `None` if all are to be tried.
    fn select(&self, path: &[u8], best: u32) -> Option<Selection> {
        let finder = self.finder.as_ref()?;
        let mut selection = Selection::default();
        let is_before = |index: &&u32| {
            let route = self.routes.get(**index as usize);
            route.is_some_and(|(order, _)| *order < best)
        };
        for index in finder.always.iter().take_while(is_before) {
            selection.push(*index)?;
        }
        for found in finder.automaton.find_overlapping_iter(path) {
            let routes = finder.by_text.get(found.pattern().as_usize())?;
            for index in routes.iter().take_while(is_before) {
                selection.push(*index)?;
            }
        }
        selection.sort();
        Some(selection)
    }
}

impl Finder {
    /// Makes the search; `None` if it cannot be built.
    fn new(routes: &[(u32, Chain)], all: &[Route]) -> Option<Self> {
        let texts_of = |order: u32| {
            let route = all.get(order as usize);
            let mut texts = route.map_or_else(Vec::new, |route| required_texts(&route.chain));
            texts.retain(|text| text.len() >= TEXT_BYTES);
            texts
        };
        let texts: Vec<_> = routes.iter().map(|(order, _)| texts_of(*order)).collect();
        let mut uses: BTreeMap<&[u8], usize> = BTreeMap::new();
        for text in texts.iter().flatten() {
            *uses.entry(text).or_default() += 1;
        }
        // The rarest text of a route selects the fewest others.
        let mut by_text: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
        let mut always = Vec::new();
        for (texts, index) in texts.iter().zip(0..) {
            let rarest = texts
                .iter()
                .min_by_key(|text| (uses.get(&***text).copied(), usize::MAX - text.len()));
            match rarest {
                Some(text) => by_text.entry(text).or_default().push(index),
                None => always.push(index),
            }
        }
        let bytes: usize = by_text.keys().map(|text| text.len()).sum();
        let dense = (bytes <= DENSE_BYTES).then_some(AhoCorasickKind::DFA);
        let automaton = AhoCorasick::builder()
            .kind(dense)
            .build(by_text.keys())
            .ok()?;
        Some(Self {
            automaton,
            by_text: by_text.into_values().map(Vec::into).collect(),
            always: always.into(),
        })
    }
}

impl Selection {
    /// Adds an index once; `None` if there are too many.
    fn push(&mut self, index: u32) -> Option<()> {
        if !self.as_slice().contains(&index) {
            *self.indices.get_mut(self.count)? = index;
            self.count += 1;
        }
        Some(())
    }

    fn as_slice(&self) -> &[u32] {
        self.indices.get(..self.count).unwrap_or_default()
    }

    fn sort(&mut self) {
        if let Some(used) = self.indices.get_mut(..self.count) {
            used.sort_unstable();
        }
    }
}
