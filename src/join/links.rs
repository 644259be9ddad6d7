//! The links of a configuration.
//!
//! Invariant: a link that a new configuration contains too keeps its counts and its waiting lines.

use std::sync::Arc;

use super::link::{End, Limits, Link};
use super::linked::Linked;
use crate::model::{Family, Micros, SavedLink};

/// All links. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Links(Arc<[Arc<Link>]>);

impl Links {
    /// Continues saved links. Those that the configuration does not contain end at the next [`Self::reconfigure`].
    pub fn resume(saved: &[SavedLink], limits: Limits, now: Micros) -> Self {
        let link = |saved| Arc::new(Link::resume(saved, limits, now));
        Self(saved.iter().map(link).collect())
    }

    /// Returns the place of the link that contains a source.
    pub fn place(&self, source: &str) -> Option<usize> {
        self.0.iter().position(|link| link.end(source).is_some())
    }

    /// Returns the links between these sources. Existing ones between the same sources are kept.
    #[must_use]
    pub fn reconfigure(&self, linked: &[Linked<'_>], limits: Limits) -> Self {
        let link = |between: &Linked<'_>| {
            let same = self.0.iter().find(|link| link.is_between(between));
            let Some(same) = same else {
                return Arc::new(Link::new(between, limits));
            };
            same.set_limits(limits);
            Arc::clone(same)
        };
        Self(linked.iter().map(link).collect())
    }

    /// Returns the end of a link at a source.
    pub fn end(&self, source: &str) -> Option<End> {
        self.0.iter().find_map(|link| link.end(source))
    }

    /// Returns the links with lines read on both sides.
    #[must_use]
    pub fn read(&self, is_read: impl Fn(&str) -> bool) -> Self {
        let links = self.0.iter();
        let read = links.filter(|link| link.has_both_sides(&is_read));
        Self(read.cloned().collect())
    }

    /// Ends the wait of all lines: no more will come.
    pub fn finish(&self) {
        self.0.iter().for_each(|link| link.finish());
    }

    /// Returns the number of lines dropped before their wait was over, because a table was full.
    pub fn evicted(&self) -> u64 {
        self.0.iter().map(|link| link.evicted()).sum()
    }

    /// Returns the families of the product.
    pub fn families(&self) -> Vec<Family> {
        self.0.iter().flat_map(|link| link.families()).collect()
    }

    /// Returns the outcomes of all lines, as metrics of the exporter itself.
    pub fn outcomes(&self) -> Vec<Family> {
        self.0.iter().flat_map(|link| link.outcomes()).collect()
    }
}
