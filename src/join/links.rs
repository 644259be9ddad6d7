//! All links of a configuration.
//!
//! Invariant: a link that stays keeps its counts and what waits in it.

use std::sync::Arc;

use super::{End, Limits, Link};
use crate::model::Family;

/// The links; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Links(Arc<[Arc<Link>]>);

impl Links {
    /// The links of these front sources, each with those behind it; the ones that are there
    /// already stay.
    #[must_use]
    pub fn reconfigure<'s>(
        &self,
        fronts: impl IntoIterator<Item = (&'s str, Vec<&'s str>)>,
        limits: Limits,
    ) -> Self {
        let link = |(front, backs): (&str, Vec<&str>)| {
            let same = self.0.iter().find(|link| link.is_between(front, &backs));
            let Some(same) = same else {
                return Arc::new(Link::new(front, &backs, limits));
            };
            same.set_limits(limits);
            Arc::clone(same)
        };
        Self(fronts.into_iter().map(link).collect())
    }

    /// A source's side of the link that it is in.
    pub fn end(&self, source: &str) -> Option<End> {
        self.0.iter().find_map(|link| link.end(source))
    }

    /// Those of which lines were read on both sides.
    #[must_use]
    pub fn read(&self, is_read: impl Fn(&str) -> bool) -> Self {
        let both =
            |link: &&Arc<Link>| is_read(&link.front) && link.backs.iter().any(|back| is_read(back));
        Self(self.0.iter().filter(both).cloned().collect())
    }

    /// Gives up waiting: no more lines will come.
    pub fn finish(&self) {
        self.0.iter().for_each(|link| link.finish());
    }

    /// Lines given up before their wait was over, for want of room.
    pub fn evicted(&self) -> u64 {
        self.0.iter().map(|link| link.evicted()).sum()
    }

    /// The families of the product.
    pub fn families(&self) -> Vec<Family> {
        self.0.iter().flat_map(|link| link.families()).collect()
    }

    /// What became of every line, as metrics of the exporter itself.
    pub fn outcomes(&self) -> Vec<Family> {
        self.0.iter().flat_map(|link| link.outcomes()).collect()
    }
}
