//! Compares all families, which follow from the responses by method, status and view.
//!
//! Invariant: what one family has in addition to that is evidence of the page of django-prometheus itself.

use std::collections::{BTreeMap, BTreeSet};

use super::class::Class;
use super::counts::{Counts, INVALID, Key, METRICS, method, status, view};
use super::family::Family;
use super::interval::{Interval, NotComparable, Pages};
use super::ledger::Ledger;
use super::result::{Comparison, FamilyResult, Reason, SeriesResult, Sums};

/// Resolution of a server's times, in seconds.
const RESOLUTION: f64 = 0.001;

type Causes = BTreeMap<Class, i64>;

/// Compares the pages of both sides.
///
/// # Errors
///
/// A page is not what it should be.
pub fn compare(pages: &Pages) -> Result<Comparison, NotComparable> {
    let interval = Interval::new(pages)?;
    let ledger = Ledger::new(&interval);
    let by_view = |family, project: fn(Family, &Key) -> Key| {
        let mut sums: BTreeMap<Key, i64> = BTreeMap::new();
        for (key, count) in interval.theirs.cells(family) {
            *sums.entry(project(Family::ByView, key)).or_default() += count;
        }
        sums
    };
    let responses = interval.ours.cells(Family::ByStatusView);
    let left = responses.filter(|(key, count)| status(key) == "499" && *count > 0);
    let comparer = Comparer {
        answered: by_view(Family::ByStatusView, project),
        called: by_view(Family::ByView, group),
        left: left.map(|(key, _)| project(Family::ByView, key)).collect(),
        interval: &interval,
        ledger: &ledger,
    };
    Ok(Comparison {
        families: Family::ALL.map(|family| comparer.family(family)).into(),
        has_before: interval.has_before,
        is_one_process: interval.is_one_process,
    })
}

struct Comparer<'i> {
    interval: &'i Interval,
    ledger: &'i Ledger,
    /// Responses of django-prometheus, by method and view.
    answered: BTreeMap<Key, i64>,
    /// Calls of views there, likewise.
    called: BTreeMap<Key, i64>,
    /// Methods and views whose clients left before the response.
    left: BTreeSet<Key>,
}

impl Comparer<'_> {
    fn family(&self, family: Family) -> FamilyResult {
        let is_compared = self.interval.ours.has(family);
        let mut result = FamilyResult {
            name: family.name(),
            labels: family.labels(),
            is_compared,
            series: Vec::new(),
        };
        if is_compared {
            let mut causes = self.causes(family);
            let mut groups: BTreeMap<Key, Vec<SeriesResult>> = BTreeMap::new();
            let (theirs, ours) = (&self.interval.theirs, &self.interval.ours);
            for key in theirs.keys_with(ours, family) {
                groups
                    .entry(group(family, key))
                    .or_default()
                    .push(SeriesResult {
                        labels: key.clone(),
                        theirs: theirs.get(family, key),
                        ours: ours.get(family, key),
                        ..SeriesResult::default()
                    });
            }
            let mut begun = self.interval.begun;
            let mut meanwhile = self.interval.served_meanwhile();
            for (group, mut series) in groups {
                let mut causes = causes.remove(&group).unwrap_or_default();
                self.add_own(family, &group, &series, &mut causes, &mut begun);
                // A page of several processes is not of one instant: what is served while it is made is in some families.
                let difference: i64 = series.iter().map(|one| one.ours - one.theirs).sum();
                let rest = difference - causes.values().sum::<i64>();
                let part = rest.clamp(-meanwhile, meanwhile);
                meanwhile -= part.abs();
                *causes.entry(Class::InFlight).or_default() += part;
                explain(family, &mut series, causes);
                for one in &mut series {
                    one.sums = self.sums(family, one);
                    if family == Family::LatencyByView && one.labels[0] == INVALID {
                        one.renamed = theirs.renamed.get(&one.labels[1]).copied().unwrap_or(0);
                    }
                }
                result.series.extend(series);
            }
            result
                .series
                .sort_by(|one, other| one.labels.cmp(&other.labels));
        }
        result
    }

    /// Returns what the ledger says about each group of a family.
    fn causes(&self, family: Family) -> BTreeMap<Key, Causes> {
        let mut causes: BTreeMap<Key, Causes> = BTreeMap::new();
        for (key, own) in self.ledger.causes() {
            let group = project(family, key);
            // The set counts no times of upgraded connections, and the outer middleware sees what an inner one answers.
            if family.is_timed() && status(key) == "101" {
                continue;
            }
            for (class, count) in own {
                if !(family.is_outermost() && *class == Class::Middleware) {
                    *causes
                        .entry(group.clone())
                        .or_default()
                        .entry(*class)
                        .or_default() += count;
                }
            }
        }
        causes
    }

    /// Adds the causes of differences that this family alone has.
    fn add_own(
        &self,
        family: Family,
        group: &Key,
        series: &[SeriesResult],
        causes: &mut Causes,
        begun: &mut i64,
    ) {
        let theirs = &self.interval.theirs;
        let mut add = |class, count| {
            if count != 0 {
                *causes.entry(class).or_default() += count;
            }
        };
        match family {
            Family::ByView => match self.answered(group) - self.called.get(group).unwrap_or(&0) {
                refused @ 1.. => add(Class::BeforeView, refused),
                more if is_scrape(group) => add(Class::Scrape, more),
                more => add(Class::InFlight, more),
            },
            Family::LatencyByView => {
                let twice = theirs.get(family, group) - self.answered(group);
                let view = group.last().map_or("", String::as_str);
                let raised = theirs.raised.get(view).copied().unwrap_or(0);
                add(Class::Raised, -twice.clamp(0, raised.max(0)));
            }
            Family::ResponseBytes => add(Class::Streamed, theirs.streamed),
            _ if family.is_of_requests() => {
                let difference: i64 = series.iter().map(|one| one.ours - one.theirs).sum();
                let rest = difference - causes.values().sum::<i64>();
                // Requests that have begun there count in one of the groups.
                let part = if *begun >= 0 {
                    rest.clamp(-*begun, 0)
                } else {
                    rest.clamp(0, -*begun)
                };
                *begun += part;
                // The page itself is written while it is requested.
                let own = if self.interval.has_before {
                    0
                } else {
                    part.max(-1)
                };
                *causes.entry(Class::Scrape).or_default() += own;
                *causes.entry(Class::InFlight).or_default() += part - own;
            }
            _ => {}
        }
    }

    /// Compares the sums of a histogram; returns them if they differ.
    fn sums(&self, family: Family, series: &SeriesResult) -> Option<Sums> {
        let key = &series.labels;
        let (theirs, ours) = (
            self.interval.theirs.sum(family, key),
            self.interval.ours.sum(family, key),
        );
        let most = theirs.abs().max(ours.abs());
        if !family.is_histogram() || (ours - theirs).abs() <= 1e-6 + most * 1e-9 {
            return None;
        }
        let is_explained = if family.is_timed() {
            // The server's clock stops when a client leaves, and a time that is observed twice counts twice.
            let is_shortened = series.reasons.iter().any(|reason| reason.count < 0)
                || self.has_left(family, key)
                || is_scrape(key);
            #[expect(clippy::cast_precision_loss, reason = "an allowance for rounding")]
            let allowance =
                RESOLUTION * series.theirs.max(series.ours) as f64 + self.scrape_seconds();
            is_shortened || ours + allowance >= theirs
        } else {
            // Bodies that are compressed, or of unknown length, are less; more are those of other requests.
            ours <= theirs + self.scraped_bytes()
                || !series.reasons.is_empty()
                || self.has_rewritten()
        };
        let class = if family.is_timed() {
            Class::Clock
        } else {
            Class::Bytes
        };
        Some(Sums {
            theirs,
            ours,
            class: is_explained.then_some(class),
        })
    }

    /// Returns how many responses django-prometheus has counted of a method and a view.
    fn answered(&self, group: &Key) -> i64 {
        self.answered.get(group).copied().unwrap_or(0)
    }

    /// Returns whether clients of these requests left.
    fn has_left(&self, family: Family, key: &Key) -> bool {
        if family == Family::LatencyByView {
            self.left.contains(key)
        } else {
            !self.left.is_empty()
        }
    }

    /// Returns how much longer the first request for the page of django-prometheus may have taken than the last one, with middlewares.
    fn scrape_seconds(&self) -> f64 {
        let key = ["GET", METRICS].map(str::to_owned);
        2.0 * self
            .interval
            .theirs
            .sum(Family::LatencyByView, &key)
            .max(0.0)
    }

    /// Returns how much the first and the last page of django-prometheus may differ, of which each side has counted one.
    #[expect(clippy::cast_precision_loss, reason = "an allowance")]
    fn scraped_bytes(&self) -> f64 {
        let is_read = |counts: &Counts| counts.total_of(Family::ByStatusView, is_scrape) > 0;
        if is_read(&self.interval.ours) || is_read(&self.interval.theirs) {
            self.interval.page_bytes as f64
        } else {
            0.0
        }
    }

    /// Returns whether a server has replaced responses.
    fn has_rewritten(&self) -> bool {
        let mut causes = self.ledger.causes();
        causes.any(|(_, own)| own.contains_key(&Class::Rewritten))
    }
}

/// Returns whether the last label is the view of the page of django-prometheus.
fn is_scrape(key: &Key) -> bool {
    key.last().is_some_and(|view| view == METRICS)
}

/// Returns the labels of a series by which the ledger has its causes: a scheme or a charset is not among them.
fn group(family: Family, key: &Key) -> Key {
    match family {
        Family::ByTransport | Family::ByCharset => Key::new(),
        Family::ByView => [0, 2]
            .iter()
            .filter_map(|at| key.get(*at).cloned())
            .collect(),
        _ => key.clone(),
    }
}

/// Returns the group of a family to which a series of the ledger belongs.
fn project(family: Family, key: &Key) -> Key {
    let labels: &[&str] = match family {
        Family::ByMethod => &[method(key)],
        Family::ByStatus => &[status(key)],
        Family::LatencyByView | Family::ByView => &[method(key), view(key)],
        Family::ByStatusView => return key.clone(),
        _ => &[],
    };
    labels.iter().map(|label| (*label).to_owned()).collect()
}

/// Distributes the causes of a group among its series.
fn explain(family: Family, series: &mut [SeriesResult], mut causes: Causes) {
    causes.retain(|_, count| *count != 0);
    let between = match family {
        Family::ByTransport | Family::ByView => Class::Transport,
        _ => Class::Rewritten,
    };
    for one in &mut *series {
        one.unexplained = one.ours - one.theirs;
    }
    pair(series, between);
    if let [only] = series {
        let reasons = causes.iter().map(|(class, count)| Reason {
            class: *class,
            count: *count,
        });
        only.reasons.extend(reasons);
        only.unexplained -= causes.values().sum::<i64>();
        return;
    }
    // What cancels out within a cause is left out.
    for one in &mut *series {
        for (class, count) in &mut causes {
            let part = if *count > 0 {
                one.unexplained.clamp(0, *count)
            } else {
                one.unexplained.clamp(*count, 0)
            };
            if part != 0 {
                one.reasons.push(Reason {
                    class: *class,
                    count: part,
                });
                one.unexplained -= part;
                *count -= part;
            }
        }
    }
    // Causes of both signs in one group are of one series.
    let rest: i64 = causes.values().sum();
    if rest != 0
        && let Some(one) = series.first_mut()
    {
        one.unexplained -= rest;
        let rest = causes.into_iter().filter(|(_, count)| *count != 0);
        one.reasons
            .extend(rest.map(|(class, count)| Reason { class, count }));
    }
}

/// Pairs a surplus with a deficit of other series of a group.
fn pair(series: &mut [SeriesResult], class: Class) {
    let signs = |is_meant: fn(&i64) -> bool| -> Vec<usize> {
        let places = series.iter().enumerate();
        let meant = places.filter(|(_, one)| is_meant(&one.unexplained));
        meant.map(|(at, _)| at).collect()
    };
    let (surpluses, mut deficits) = (signs(|left| *left > 0), signs(|left| *left < 0));
    for surplus in surpluses {
        while let Some(deficit) = deficits.last().copied() {
            let part = series[surplus]
                .unexplained
                .min(-series[deficit].unexplained);
            if part == 0 {
                break;
            }
            for (at, count) in [(surplus, part), (deficit, -part)] {
                series[at].reasons.push(Reason { class, count });
                series[at].unexplained -= count;
            }
            if series[deficit].unexplained == 0 {
                deficits.pop();
            }
        }
    }
}
