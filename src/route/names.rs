//! Interns route names, and the patterns that lead to views.
//!
//! Invariant: an id keeps its name and its pattern, and a name has one id without a pattern and one with each pattern.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// A route of one [`Router`](super::Router).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

impl RouteId {
    /// The route of every request that no other route counts.
    pub const OTHER: Self = Self(0);
    /// The route of a request that depends on lines before it, in a [`Router::replica`](super::Router::replica). It has no
    /// name.
    pub(super) const UNDECIDED: Self = Self((1 << Self::BITS) - 1);
    /// Bits of the largest number: more than 4 million names, where a dump of a URLconf has room for fewer.
    pub const BITS: u32 = 22;
}

/// Separates a view from its pattern. The names of views and folded paths do not contain it.
const SEPARATOR: char = '\n';

/// Route names and their ids.
#[derive(Debug)]
pub(super) struct Names {
    texts: Vec<Arc<str>>,
    ids: HashTable<u32>,
    hasher: RandomState,
}

impl Names {
    /// Makes a table without names. `other` is the name of [`RouteId::OTHER`], which `find` never returns.
    pub(super) fn new(other: &str) -> Self {
        Self {
            texts: vec![other.into()],
            ids: HashTable::new(),
            hasher: RandomState::default(),
        }
    }

    /// Looks up the id of a name.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<RouteId> {
        let hash = self.hasher.hash_one(name);
        let is_it = |id: &u32| bytes(&self.texts, *id) == name;
        self.ids.find(hash, is_it).map(|id| RouteId(*id))
    }

    /// Returns the id of a name, adding the name if it is missing; [`RouteId::OTHER`] if it is not UTF-8, or there are
    /// too many.
    pub(super) fn intern(&mut self, name: &[u8]) -> RouteId {
        if let Some(known) = self.find(name) {
            return known;
        }
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let Ok(text) = std::str::from_utf8(name).map(Arc::from) else {
            return RouteId::OTHER;
        };
        if id >= RouteId::UNDECIDED.0 {
            return RouteId::OTHER;
        }
        self.texts.push(text);
        let (texts, hasher) = (&self.texts, &self.hasher);
        let rehash = |id: &u32| hasher.hash_one(bytes(texts, *id));
        self.ids.insert_unique(hasher.hash_one(name), id, rehash);
        RouteId(id)
    }

    /// Returns the id of a view's requests that match a pattern, adding it if it is missing. The view has its own id.
    pub(super) fn intern_pattern(&mut self, view: &str, pattern: &str) -> RouteId {
        self.intern(format!("{view}{SEPARATOR}{pattern}").as_bytes())
    }

    /// Returns all names, in the order of their ids, those of patterns with their views.
    pub(super) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    /// Returns the names without patterns but that of [`RouteId::OTHER`], in the order of their ids.
    pub(super) fn plain(&self) -> impl Iterator<Item = &Arc<str>> {
        let texts = self.texts.iter().skip(1);
        texts.filter(|text| !text.contains(SEPARATOR))
    }

    /// Returns the name of an id, without a pattern.
    pub(super) fn name(&self, id: RouteId) -> Arc<str> {
        let known = self.texts.get(id.0 as usize).or(self.texts.first());
        let Some(text) = known else {
            return "<other>".into();
        };
        let Some((view, _)) = text.split_once(SEPARATOR) else {
            return Arc::clone(text);
        };
        let plain = self.find(view.as_bytes());
        let shared = plain.and_then(|plain| self.texts.get(plain.0 as usize));
        shared.map_or_else(|| view.into(), Arc::clone)
    }

    /// Returns the pattern of an id, if it has one.
    pub(super) fn pattern(&self, id: RouteId) -> Option<&str> {
        let (_, pattern) = self.texts.get(id.0 as usize)?.split_once(SEPARATOR)?;
        Some(pattern)
    }
}

fn bytes(texts: &[Arc<str>], id: u32) -> &[u8] {
    texts.get(id as usize).map_or(b"", |name| name.as_bytes())
}
