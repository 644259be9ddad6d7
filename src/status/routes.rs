//! The routes of a status.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::document::{Route, Trend};
use super::history::{History, INTERVAL, MINUTE, RouteHistory};
use super::pastes::{Logs, Pastes};
use super::reading::{Reading, SERVER_ERRORS, class_of, exact, series, source_of};
use super::ring::{POINTS, Ring};
use super::setup::Setup;
use crate::model::Families;

/// Most routes that a status lists.
pub const MAX_LISTED: usize = 500;

/// Most numbers of a course that is shown for a route.
const TREND_POINTS: usize = 60;

/// A route as the metrics have it now.
struct Counted<'f> {
    source: &'f str,
    name: &'f str,
    total: u64,
    error_total: u64,
    /// Requests of the last hour, and those with a status from 500 to 599.
    requests: u64,
    errors: u64,
    /// `None` before its first sample, and beyond the limit of routes.
    history: Option<&'f RouteHistory>,
}

/// The logs of each source; `None` if they cannot be read again.
type LogsOf<'s> = BTreeMap<&'s str, Option<Arc<Logs>>>;

/// Returns the routes with the most requests of the last hour, and the number of further ones.
pub(super) fn routes(families: &Families, history: &History, setup: &Setup) -> (Vec<Route>, u64) {
    let Some(reading) = history.reading else {
        return (Vec::new(), 0);
    };
    let mut all = count(families, history, reading);
    all.sort_unstable_by(|a, b| {
        (b.requests, b.total)
            .cmp(&(a.requests, a.total))
            .then_with(|| (a.name, a.source).cmp(&(b.name, b.source)))
    });
    let omitted = all.len().saturating_sub(MAX_LISTED);
    all.truncate(MAX_LISTED);
    let logs_of = logs_of(setup);
    let routes = all
        .iter()
        .map(|route| describe(route, reading, history, &logs_of));
    (routes.collect(), omitted as u64)
}

/// Returns all routes that have requests.
fn count<'f>(families: &'f Families, history: &'f History, reading: &Reading) -> Vec<Counted<'f>> {
    let mut places = HashMap::with_hasher(RandomState::default());
    let mut all: Vec<Counted<'f>> = Vec::new();
    let mut last = 0;
    for series in series(families, reading.requests) {
        let count = exact(series);
        let Some(name) = reading.route_of(series).filter(|_| count > 0) else {
            continue;
        };
        let source = source_of(series);
        // Series of one route and method follow each other.
        let is_last = |route: &Counted<'_>| (route.source, route.name) == (source, name);
        if !all.get(last).is_some_and(is_last) {
            last = *places.entry((source, name)).or_insert_with(|| {
                all.push(Counted {
                    source,
                    name,
                    total: 0,
                    error_total: 0,
                    requests: 0,
                    errors: 0,
                    history: history.routes.get(source, name),
                });
                all.len() - 1
            });
        }
        all[last].total += count;
        if class_of(series) == SERVER_ERRORS {
            all[last].error_total += count;
        }
    }
    for route in &mut all {
        (route.requests, route.errors) = match route.history {
            Some(history) => history.until(route.total, route.error_total),
            // It may be older than the process.
            None if history.routes.omitted > 0 => (0, 0),
            None => (route.total, route.error_total),
        };
    }
    all
}

fn logs_of(setup: &Setup) -> LogsOf<'_> {
    let sources = setup.sources.iter();
    let logs = sources.map(|source| {
        let logs = source.logs.as_ref().map(|names| Logs {
            options: setup.lines_options(source),
            names: names.clone(),
        });
        (&*source.name, logs.map(Arc::new))
    });
    logs.collect()
}

fn describe(
    route: &Counted<'_>,
    reading: &'static Reading,
    history: &History,
    logs_of: &LogsOf<'_>,
) -> Route {
    let source = (!route.source.is_empty()).then_some(route.source);
    let label = reading.route.unwrap_or_default();
    // Without the label, the only source is meant.
    let logs = match source {
        Some(source) => logs_of.get(source),
        None if logs_of.len() == 1 => logs_of.values().next(),
        None => None,
    };
    let known = route.history;
    let durations = known.and_then(|known| known.durations.quantiles());
    Route {
        route: route.name.to_owned(),
        source: source.map(str::to_owned),
        requests_total: route.total,
        requests: route.requests,
        errors: route.errors,
        requests_per_second: known.and_then(|known| history.a_second(known.requests.last(MINUTE))),
        trend: known.map(|known| trend(history, known)).unwrap_or_default(),
        pastes: Pastes::new(
            reading.requests,
            durations.map(|_| reading.durations),
            [("source", source), (label, Some(route.name))],
            logs.cloned().flatten(),
        ),
        durations,
    }
}

/// Returns the course of the last hour: each point, or each minute.
fn trend(history: &History, route: &RouteHistory) -> Trend {
    let known = history.known();
    let step = if known > TREND_POINTS { MINUTE } else { 1 };
    // Whole minutes, so that all numbers are of the same time.
    let known = known - known % step;
    let sums = |points: &Ring<POINTS>| folded(points, known, step, sum_of_minute);
    Trend {
        interval_seconds: (INTERVAL.0 / 1_000_000) * step as u64,
        requests: sums(&route.requests),
        errors: sums(&route.errors),
        p95_micros: folded(&route.p95_micros, known, step, max_of_minute),
    }
}

fn sum_of_minute(points: &[u32; MINUTE]) -> u32 {
    points.iter().copied().fold(0, u32::saturating_add)
}

fn max_of_minute(points: &[u32; MINUTE]) -> u32 {
    points.iter().copied().fold(0, u32::max)
}

/// Returns the last `known` points, or one number for each minute of them.
fn folded(
    points: &Ring<POINTS>,
    known: usize,
    step: usize,
    fold: impl Fn(&[u32; MINUTE]) -> u32,
) -> Vec<u32> {
    let [older, newer] = points.last(known);
    if step == 1 {
        return [older, newer].concat();
    }
    if points.sum() == 0 {
        return vec![0; known / step];
    }
    // On the stack: this is done three times a route.
    let mut whole = [0; POINTS];
    whole[..older.len()].copy_from_slice(older);
    whole[older.len()..known].copy_from_slice(newer);
    let (minutes, _) = whole[..known].as_chunks();
    minutes.iter().map(fold).collect()
}
