//! The history of routes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::model::{Families, Value};
use crate::status::buckets::BucketHistory;
use crate::status::reading::{CLASSES, Reading, SERVER_ERRORS, class_of, exact, series, source_of};
use crate::status::ring::{Growth, POINTS, Ring};

/// Routes whose history is kept; further ones have none.
pub const MAX_ROUTES: usize = 2_000;

/// The last hour of all routes.
#[derive(Debug, Default)]
pub(in crate::status) struct Routes {
    /// By source and route.
    sources: BTreeMap<Arc<str>, HashMap<Arc<str>, RouteHistory, RandomState>>,
    /// Number of all routes in [`Self::sources`].
    pub(in crate::status) kept: usize,
    /// Routes beyond [`MAX_ROUTES`].
    pub(in crate::status) omitted: usize,
    classes: [Growth; CLASSES.len()],
}

/// The last hour of a route.
#[derive(Debug, Default)]
pub(in crate::status) struct RouteHistory {
    total: Growth,
    error_total: Growth,
    pub(in crate::status) requests: Ring<POINTS>,
    /// Requests with a status from 500 to 599.
    pub(in crate::status) errors: Ring<POINTS>,
    /// The p95 of each point, in microseconds; 0 without an observation.
    pub(in crate::status) p95_micros: Ring<POINTS>,
    pub(in crate::status) durations: BucketHistory,
}

impl RouteHistory {
    /// Returns the requests of the last hour and those of them with a status from 500 to 599, up to these totals.
    pub(in crate::status) fn until(&self, total: u64, error_total: u64) -> (u64, u64) {
        let requests = self.requests.sum() + self.total.since(total);
        (
            requests,
            self.errors.sum() + self.error_total.since(error_total),
        )
    }
}

impl Routes {
    /// Returns the history of a route, if it is kept.
    pub(in crate::status) fn get(&self, source: &str, name: &str) -> Option<&RouteHistory> {
        self.sources.get(source)?.get(name)
    }

    pub(super) fn begin(&mut self, is_slot: bool) {
        for route in self.all() {
            route.requests.begin();
            route.errors.begin();
            route.p95_micros.begin();
            if is_slot {
                route.durations.begin();
            }
        }
    }

    /// Reads a sample. Returns the growth of each class, of sources that are not behind another; 0 for a base.
    pub(super) fn read(
        &mut self,
        reading: &Reading,
        families: &Families,
        behind: &BTreeSet<&str>,
        is_base: bool,
    ) -> [u64; CLASSES.len()] {
        let mut omitted = BTreeSet::new();
        for series in series(families, reading.requests) {
            let (count, class, source) = (exact(series), class_of(series), source_of(series));
            if !behind.contains(source) {
                self.classes[class].note(count);
            }
            let Some(name) = reading.route_of(series).filter(|_| count > 0) else {
                continue;
            };
            let Some(route) = self.entry(source, name) else {
                omitted.insert((source, name));
                continue;
            };
            route.total.note(count);
            if class == SERVER_ERRORS {
                route.error_total.note(count);
            }
        }
        self.omitted = omitted.len();
        for series in series(families, reading.durations) {
            let name = reading.route_of(series);
            if let (Some(name), Value::Histogram(histogram)) = (name, &series.value)
                && let Some(route) = self.find(source_of(series), name)
            {
                route.durations.note(histogram);
            }
        }
        self.advance(is_base);
        let grown = self.classes.each_mut().map(Growth::advance);
        if is_base { Default::default() } else { grown }
    }

    /// Ends the sample; routes without requests were removed.
    fn advance(&mut self, is_base: bool) {
        for route in self.all() {
            let (requests, errors) = (route.total.advance(), route.error_total.advance());
            let p95_micros = route.durations.advance(is_base);
            if !is_base {
                route.requests.add(requests);
                route.errors.add(errors);
                route.p95_micros.add(p95_micros);
            }
        }
        for routes in self.sources.values_mut() {
            routes.retain(|_, route| route.total.total() > 0);
        }
        self.sources.retain(|_, routes| !routes.is_empty());
        self.kept = self.sources.values().map(HashMap::len).sum();
    }

    fn all(&mut self) -> impl Iterator<Item = &mut RouteHistory> {
        self.sources.values_mut().flat_map(HashMap::values_mut)
    }

    fn find(&mut self, source: &str, name: &str) -> Option<&mut RouteHistory> {
        self.sources.get_mut(source)?.get_mut(name)
    }

    /// Returns the history of a route, which begins if there is room.
    fn entry(&mut self, source: &str, name: &str) -> Option<&mut RouteHistory> {
        if self.find(source, name).is_none() {
            if self.kept >= MAX_ROUTES {
                return None;
            }
            self.kept += 1;
            let routes = self.sources.entry(source.into()).or_default();
            routes.insert(name.into(), RouteHistory::default());
        }
        self.find(source, name)
    }
}
