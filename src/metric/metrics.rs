//! The metrics of one source, and the options that apply to all of them.

use std::sync::Arc;

use super::declaration::Metric;
use super::initial::Initial;
use super::set::Set;
use crate::label::{Hosts, Label, OwnLabel};

/// The metrics of one source. Clones share the list.
#[derive(Clone, Debug, PartialEq)]
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

    /// Adds labels that are the same for all lines to all metrics but those of rejected lines.
    #[must_use]
    pub fn with_constants(&self, constants: &[Arc<OwnLabel>]) -> Self {
        let labels: Vec<Label> = constants.iter().cloned().map(Label::Own).collect();
        let list = self.list.iter().cloned().map(|mut metric| {
            metric.add_labels(&labels);
            metric
        });
        Self {
            list: list.collect(),
            ..self.clone()
        }
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
