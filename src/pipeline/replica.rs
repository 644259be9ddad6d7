//! Counts parts of a text on several threads, with the result of one.
//!
//! A line whose route and row are known counts the same whatever stands before it. A replica counts such lines, and defers
//! all others to the pipeline that it is a replica of, which counts them in their sequence and learns from them. What that
//! pipeline learns is published, for replicas to adopt.
//!
//! Invariant: what a replica has adopted was learned from lines before those that it counts. As nothing that was learned
//! is forgotten, the result is that of the pipeline alone.

use std::path::Path;

use super::{NarrowedPatterns, Pipeline, Settings};
use crate::aggregate::{Registration, Shard};
use crate::label::Budget;
use crate::route::LearnedNames;

/// Knowledge that a pipeline and its shard gained from lines. It only grows.
#[derive(Debug, Default)]
pub struct Learned {
    names: LearnedNames,
    rows: Vec<Registration>,
}

impl Pipeline {
    /// Creates a replica of the pipeline with these settings. It counts nothing before it has adopted something.
    pub fn replica(settings: Settings) -> Self {
        // A thread runs expressions of its own faster than shared ones.
        let settings = Settings {
            narrowed: NarrowedPatterns::default(),
            ..settings
        };
        let pipeline = Self::new(settings, Budget::new(0));
        Self {
            router: pipeline.router.replica(),
            deferred: Some(Box::default()),
            ..pipeline
        }
    }

    /// Returns the settings, from which a replica can be made, and prepares the empty shard for [`Self::publish`]. `None` if
    /// the result depends on the sequence of all lines: if they are joined with others, or counted by time.
    pub fn replica_settings(&self, shard: &mut Shard) -> Option<Settings> {
        let is_alone = self.tap.is_none() && self.step.is_none();
        is_alone.then(|| {
            shard.keep_order();
            self.settings.clone()
        })
    }

    /// Adds what the pipeline learned since the last call with the same `learned`.
    pub fn publish(&self, shard: &Shard, learned: &mut Learned) {
        self.router.publish(&mut learned.names);
        learned.rows.extend(shard.registrations(learned.rows.len()));
    }

    /// Adopts what the pipeline of this replica has published.
    pub fn adopt(&mut self, shard: &mut Shard, learned: &Learned) {
        self.router.adopt(&learned.names);
        let known = shard.registered();
        for row in learned.rows.get(known..).unwrap_or_default() {
            shard.adopt(row);
        }
    }

    /// Returns the number of bytes of deferred lines.
    pub fn deferred_bytes(&self) -> usize {
        self.deferred
            .as_ref()
            .map_or(0, |deferred| deferred.text.len())
    }

    /// Removes and returns the deferred lines.
    pub fn take_deferred(&mut self) -> Vec<u8> {
        let deferred = self.deferred.as_mut();
        deferred.map_or_else(Vec::new, |deferred| std::mem::take(&mut deferred.text))
    }

    /// Counts lines of a log that a replica deferred. The replica counts their bytes.
    pub fn feed_deferred(&mut self, shard: &mut Shard, log: &Path, text: &[u8]) {
        self.begin_file(Some(log));
        self.feed_lines(shard, text, &mut ());
    }

    /// Returns the number of lines that were counted into the shard or deferred.
    pub fn lines(&self, shard: &Shard) -> u64 {
        let deferred = self.deferred.as_ref();
        shard.ledger().lines() + deferred.map_or(0, |deferred| deferred.lines)
    }
}
