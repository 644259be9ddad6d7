//! Counts of both sides in the same interval, and the evidence that their pages give beside the counts.
//!
//! Invariant: counts that began again are those since then, as Prometheus reads them.

use super::counts::{Counts, Key, METRICS, view, whole};
use super::family::Family;
use super::page::Page;
use super::result::Side;

/// Fewest bytes of a line that an exporter has not read.
const LEAST_LINE: i64 = 50;
/// Name of the family that the exporter always has.
const BUILD: &str = "httplog_exporter_build_info";
const START: &str = "process_start_time_seconds";

/// The pages of both sides.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// That of django-prometheus.
    pub theirs: Page,
    /// The exporter's.
    pub ours: Page,
    /// Both at the beginning of the interval: that of django-prometheus, and the exporter's. Without them, all is compared that was
    /// ever counted.
    pub before: Option<(Page, Page)>,
    /// The exporter's immediately before that of django-prometheus was read.
    pub ours_earlier: Option<Page>,
}

/// The time of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The beginning of the interval.
    Before,
    /// Its end.
    After,
}

/// The reason for which pages cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// The exporter's page stands for that of django-prometheus.
    #[error("is the exporter's own page, not that of django-prometheus")]
    Ours(Moment),
    /// Another page stands for the exporter's.
    #[error("is not a page of httplog-exporter")]
    NotOurs(Moment),
    /// The page is not of django-prometheus.
    #[error("has no metrics of django-prometheus")]
    NotTheirs(Moment),
    /// The exporter does not count the set `django`.
    #[error("has no metrics of the set `django`")]
    NoSet,
    /// Both sides counted less at the end than at the beginning.
    #[error("has counted less than the page of before, as has the other side")]
    Swapped,
}

impl NotComparable {
    /// Returns the side and the time of the page that is wrong.
    pub const fn page(self) -> (Side, Moment) {
        match self {
            Self::Ours(moment) | Self::NotTheirs(moment) => (Side::Theirs, moment),
            Self::NotOurs(moment) => (Side::Ours, moment),
            Self::NoSet => (Side::Ours, Moment::After),
            Self::Swapped => (Side::Theirs, Moment::After),
        }
    }

    /// Returns what to do.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Ours(_) => {
                "name the page of the Django site with --django, and the exporter's with --ours"
            }
            Self::NotOurs(_) => {
                "name the exporter's /metrics with --ours; --django is for the site"
            }
            Self::NotTheirs(_) => {
                "is it the /metrics of the site, and are PrometheusBeforeMiddleware and PrometheusAfterMiddleware in MIDDLEWARE?"
            }
            Self::NoSet => {
                "enable it for one source, as docs/django.md shows: sets = [\"httplog\", \"django\"]"
            }
            Self::Swapped => {
                "--django-before and --ours-before are the pages that were saved first"
            }
        }
    }
}

/// Way in which the counters of django-prometheus began again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// The process that responded is another one, which began later, or all counters were cleared.
    Later,
    /// The process that responded is another one, which began earlier.
    Earlier,
}

/// Counts of both sides.
#[derive(Debug)]
pub(super) struct Interval {
    pub(super) theirs: Counts,
    pub(super) ours: Counts,
    /// Requests counted here while the page of django-prometheus was read.
    pub(super) meanwhile: Counts,
    /// Size of the page of django-prometheus.
    pub(super) page_bytes: usize,
    pub(super) has_before: bool,
    /// The page of django-prometheus is that of one process, which may be one of several.
    pub(super) is_one_process: bool,
    pub(super) restart: Option<Restart>,
    /// The counts here began again.
    pub(super) our_restart: Option<Restart>,
    /// Requests that django-prometheus saw begin and not end, less those of before.
    pub(super) begun: i64,
    /// Most requests whose lines were not read or rejected.
    pub(super) unread: i64,
    /// Attempts that the server made again.
    pub(super) retried: i64,
    /// Requests of joined logs that the front did not log.
    pub(super) other_way: i64,
    /// The log tells which requests were passed on.
    pub(super) knows_upstream: bool,
}

impl Interval {
    pub(super) fn new(pages: &Pages) -> Result<Self, NotComparable> {
        let prefix = prefix(&pages.theirs, Moment::After)?;
        check_ours(&pages.ours, Moment::After)?;
        let mut theirs = Counts::read(&pages.theirs, prefix);
        let mut ours = Counts::read(&pages.ours, "");
        if !ours.has(Family::ByStatusView) {
            return Err(NotComparable::NoSet);
        }
        let mut interval = Self {
            theirs: Counts::default(),
            ours: Counts::default(),
            meanwhile: Counts::default(),
            page_bytes: pages.theirs.bytes,
            has_before: pages.before.is_some(),
            is_one_process: pages.theirs.has(START) || pages.theirs.has("python_info"),
            restart: None,
            our_restart: None,
            begun: begun(&theirs),
            unread: unread(&pages.ours),
            retried: retried(&pages.ours),
            other_way: other_way(&pages.ours),
            knows_upstream: pages.ours.has("httplog_upstream_duration_seconds_count"),
        };
        if let Some(page) = &pages.ours_earlier {
            let earlier = Counts::read(page, "");
            if !ours.is_less_than(&earlier) {
                interval.meanwhile = ours.since(&earlier);
            }
        }
        if let Some((their_page, our_page)) = &pages.before {
            let their_prefix = self::prefix(their_page, Moment::Before)?;
            check_ours(our_page, Moment::Before)?;
            let their_before = Counts::read(their_page, their_prefix);
            let our_before = Counts::read(our_page, "");
            let start = |page: &Page| page.sum(START, None);
            let (began, began_before) = (start(&pages.theirs), start(their_page));
            let is_other = (began - began_before).abs() > 0.005;
            let is_less = theirs.is_less_than(&their_before);
            let is_our_reset = ours.is_less_than(&our_before);
            if is_less && is_our_reset && !is_other {
                return Err(NotComparable::Swapped);
            }
            if is_less || is_other {
                let is_earlier = is_other && began < began_before;
                interval.restart = Some(if is_earlier {
                    Restart::Earlier
                } else {
                    Restart::Later
                });
            } else {
                interval.begun -= begun(&their_before);
                theirs = theirs.since(&their_before);
            }
            if is_our_reset {
                interval.our_restart = Some(Restart::Later);
            } else {
                ours = ours.since(&our_before);
                interval.unread -= rejected(our_page);
                interval.retried -= retried(our_page);
                interval.other_way -= other_way(our_page);
            }
        }
        interval.theirs = theirs;
        interval.ours = ours;
        Ok(interval)
    }
}

impl Interval {
    /// Returns the number of requests that were counted here while the page of django-prometheus was read, without those for it.
    pub(super) fn served_meanwhile(&self) -> i64 {
        let is_other = |key: &Key| view(key) != METRICS;
        (self.meanwhile.total_of(Family::ByStatusView, is_other)).max(0)
    }

    /// Returns how many more requests the exporter has counted than django-prometheus, if it may be that it began earlier.
    pub(super) fn surplus_before(&self) -> i64 {
        if self.has_before {
            return 0;
        }
        self.ours.total(Family::Requests) - self.theirs.total(Family::Requests)
    }
}

/// Returns what stands before the names of a page of django-prometheus (`PROMETHEUS_METRIC_NAMESPACE`).
fn prefix(page: &Page, moment: Moment) -> Result<&str, NotComparable> {
    if page.has(BUILD) {
        return Err(NotComparable::Ours(moment));
    }
    let name = Family::Requests.name();
    let mut prefixes = page
        .samples
        .iter()
        .filter_map(|one| one.name.strip_suffix(name));
    prefixes.next().ok_or(NotComparable::NotTheirs(moment))
}

fn check_ours(page: &Page, moment: Moment) -> Result<(), NotComparable> {
    if page.has(BUILD) {
        Ok(())
    } else {
        Err(NotComparable::NotOurs(moment))
    }
}

/// Returns the number of requests that have begun and not ended.
fn begun(counts: &Counts) -> i64 {
    counts.total(Family::Requests) - counts.total(Family::Responses)
}

fn rejected(page: &Page) -> i64 {
    let outcome = ("outcome", &["rejected"][..]);
    whole(page.sum("httplog_exporter_lines_total", Some(outcome)))
}

fn unread(page: &Page) -> i64 {
    let lag = whole(page.sum("httplog_exporter_lag_bytes", None)).max(0);
    rejected(page) + (lag + LEAST_LINE - 1) / LEAST_LINE
}

fn retried(page: &Page) -> i64 {
    whole(page.sum("httplog_upstream_retries_total", None))
}

fn other_way(page: &Page) -> i64 {
    let outcomes = ("outcome", &["unfronted", "no_id"][..]);
    whole(page.sum("httplog_exporter_join_lines_total", Some(outcomes)))
}
