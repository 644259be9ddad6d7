//! Interns route names.
//!
//! Invariant: an id keeps its name, and a name has one id.

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

    /// Returns all names, in the order of their ids.
    pub(super) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    /// Returns the name of an id.
    pub(super) fn name(&self, id: RouteId) -> Arc<str> {
        let known = self.texts.get(id.0 as usize).or(self.texts.first());
        known.map_or_else(|| "<other>".into(), Arc::clone)
    }
}

fn bytes(texts: &[Arc<str>], id: u32) -> &[u8] {
    texts.get(id as usize).map_or(b"", |name| name.as_bytes())
}
