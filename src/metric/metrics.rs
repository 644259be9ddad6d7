//! The metrics of one source, and the options that apply to all of them.

use std::sync::Arc;

use super::declaration::Metric;
use super::initial::Initial;
use super::set::Set;
use crate::label::Hosts;

/// The metrics of one source. Clones share the list.
#[derive(Clone, Debug)]
pub struct Metrics {
    list: Arc<[Metric]>,
    initial: Option<Arc<Initial>>,
    hosts: Hosts,
}

impl Metrics {
    /// Creates a list of metrics whose series exist from their first event on.
    pub fn new(metrics: Vec<Metric>) -> Self {
        Self {
            list: metrics.into(),
            initial: None,
            hosts: Hosts::default(),
        }
    }

    /// Starts known series at 0 if there is an `initial`.
    #[must_use]
    pub fn starting_with(self, initial: Option<Arc<Initial>>) -> Self {
        Self { initial, ..self }
    }

    /// Sets the hosts that the label `host` distinguishes.
    #[must_use]
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// Returns the hosts that the label `host` distinguishes.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Iterates over the metrics.
    pub fn iter(&self) -> impl Iterator<Item = &Metric> {
        self.list.iter()
    }

    /// Returns the options for series that start at 0, if any do.
    pub fn initial(&self) -> Option<&Arc<Initial>> {
        self.initial.as_ref()
    }
}

impl Default for Metrics {
    /// Returns the metrics of the default set.
    fn default() -> Self {
        Self::new(Set::DEFAULT.metrics())
    }
}
