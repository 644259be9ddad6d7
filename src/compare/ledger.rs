//! Differences of responses by method, status and view, and their causes: what all other families follow from.
//!
//! Invariant: for each series, the difference is the sum of what the causes explain and of what is left.

use std::collections::BTreeMap;

use super::class::Class;
use super::counts::{Key, METRICS, method, status, view};
use super::family::Family;
use super::interval::{Interval, Restart};

/// View of an unresolved path.
const UNNAMED: &str = "<unnamed view>";
/// View beyond a limit.
const OTHER: &str = "<other>";

/// Statuses of a server whose upstream did not respond, or whose client left.
const GIVEN_UP: [&str; 3] = ["499", "502", "504"];
/// Other statuses of a server, or of an application server, that did not ask Django.
const REFUSED: [&str; 24] = [
    "301", "302", "307", "308", "400", "401", "403", "405", "408", "411", "413", "414", "416",
    "417", "421", "429", "431", "444", "494", "495", "496", "497", "501", "503",
];
/// Statuses of middlewares that answer by themselves, which are tried first.
const OF_MIDDLEWARE: [&str; 9] = [
    "301", "302", "307", "308", "400", "401", "403", "429", "503",
];
/// Statuses of responses and those that replace them: redirects and pages that a middleware found; what the client has already; and
/// anything, where the server gave up.
const REWRITTEN: [(Option<&str>, &[&str]); 3] = [
    (Some("404"), &["200", "301", "302", "307", "308", "410"]),
    (Some("200"), &["304", "412"]),
    (None, &GIVEN_UP),
];
/// Number of requests of one kind that others must have served if they served so many on average.
const SURE: i64 = 20;

/// Causes of the differences.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    causes: BTreeMap<Key, BTreeMap<Class, i64>>,
    left: BTreeMap<Key, i64>,
}

impl Ledger {
    /// Finds the causes of all differences.
    pub(super) fn new(interval: &Interval) -> Self {
        let family = Family::ByStatusView;
        let (theirs, ours) = (&interval.theirs, &interval.ours);
        let mut ledger = Self::default();
        for key in theirs.keys_with(ours, family) {
            let difference = ours.get(family, key) - theirs.get(family, key);
            if difference != 0 {
                ledger.left.insert(key.clone(), difference);
            }
        }
        ledger.find_other_names();
        ledger.find_surplus(interval);
        ledger.find_missing(interval);
        ledger
    }

    /// Returns the causes of each difference.
    pub(super) fn causes(&self) -> impl Iterator<Item = (&Key, &BTreeMap<Class, i64>)> {
        self.causes.iter()
    }

    /// Returns the sum of what is left of a sign.
    fn total(&self, is_meant: impl Fn(&Key, i64) -> bool) -> i64 {
        let left = self.left.iter().filter(|(key, left)| is_meant(key, **left));
        left.map(|(_, left)| *left).sum()
    }

    /// Pairs responses that both sides have counted with other labels.
    fn find_other_names(&mut self) {
        let is_folded = |key: &Key| view(key).starts_with('/');
        let is_unknown = |key: &Key| is_folded(key) || matches!(view(key), UNNAMED | OTHER);
        let by_status = |key: &Key| [method(key), status(key)].map(str::to_owned);
        self.pair(Class::View, by_status, is_folded, |_| true);
        let scrapes = self.keys(|key, left| view(key) == METRICS && left <= 2);
        for (key, left) in scrapes {
            self.take(&key, Class::Scrape, left);
        }
        let by_view = |key: &Key| [method(key), view(key)].map(str::to_owned);
        self.pair_rewritten(by_view, |_| true);
        self.pair(Class::View, by_status, is_unknown, |_| true);
        let is_unnamed = |key: &Key| view(key) == UNNAMED;
        self.pair(Class::View, by_status, |_| true, is_unnamed);
        let by_method = |key: &Key| [method(key), ""].map(str::to_owned);
        self.pair_rewritten(by_method, is_unknown);
    }

    /// Pairs responses of a group whose status was changed in a known way.
    fn pair_rewritten(
        &mut self,
        group: impl Fn(&Key) -> [String; 2],
        is_meant: impl Fn(&Key) -> bool,
    ) {
        for (inner, outer) in REWRITTEN {
            self.pair(
                Class::Rewritten,
                &group,
                |ours| outer.contains(&status(ours)) && is_meant(ours),
                |theirs| inner.is_none_or(|inner| status(theirs) == inner),
            );
        }
    }

    /// Explains what was counted here and not there.
    fn find_surplus(&mut self, interval: &Interval) {
        let meanwhile = &interval.meanwhile;
        for (key, left) in self.keys(|_, left| left > 0) {
            let most = meanwhile.get(Family::ByStatusView, &key);
            self.take(&key, Class::InFlight, left.min(most));
        }
        self.explain_surplus(Class::Unreached, i64::MAX, |key| {
            GIVEN_UP.contains(&status(key))
        });
        // Each response that the outer middleware saw and the inner one did not.
        let (responses, seen) = (Family::Responses, Family::ByStatusView);
        let answered = interval.theirs.total(responses) - interval.theirs.total(seen);
        let of_middleware = |key: &Key| OF_MIDDLEWARE.contains(&status(key));
        let rest = self.explain_surplus(Class::Middleware, answered, of_middleware);
        self.explain_surplus(Class::Middleware, rest, |_| true);

        let is_refused = |key: &Key| {
            REFUSED.contains(&status(key)) || view(key) == UNNAMED && !is_success(status(key))
        };
        let is_file = |key: &Key| !interval.knows_upstream && view(key) == UNNAMED;
        let is_unreached = |key: &Key| is_refused(key) || is_file(key);
        let is_lost = self.total(|key, left| left > 0 && !is_unreached(key)) > 0;
        let loss = match interval.restart {
            Some(Restart::Earlier) => Some(Class::Workers),
            Some(Restart::Later) => Some(Class::Reset),
            None if interval.is_one_process && self.is_share(interval) => Some(Class::Workers),
            None if interval.surplus_before() > 0 => Some(Class::Beginning),
            None => None,
        };
        // Where successful responses are missing there, others are, too.
        if !is_lost {
            self.explain_surplus(Class::Unreached, i64::MAX, is_unreached);
        }
        if let Some(loss) = loss {
            self.explain_surplus(loss, i64::MAX, |_| true);
        } else {
            self.explain_surplus(Class::Unreached, i64::MAX, is_unreached);
        }
    }

    /// Returns whether what is left may be the share of other processes: they have a part of everything that is frequent.
    fn is_share(&self, interval: &Interval) -> bool {
        let (family, ours) = (Family::ByStatusView, &interval.ours);
        let lost = self.total(|_, left| left > 0);
        let all = ours.total(family).max(1);
        ours.cells(family).all(|(key, count)| {
            let is_whole = count <= interval.theirs.get(family, key);
            !is_whole || i128::from(count) * i128::from(lost) < i128::from(all) * i128::from(SURE)
        })
    }

    /// Explains what was counted there and not here.
    fn find_missing(&mut self, interval: &Interval) {
        self.explain_deficit(Class::Retried, interval.retried);
        self.explain_deficit(Class::OtherWay, interval.other_way);
        self.explain_deficit(Class::Unread, interval.unread);
        self.explain_deficit(Class::InFlight, interval.served_meanwhile());
        if interval.our_restart.is_some() {
            self.explain_deficit(Class::Reset, i64::MAX);
        }
        if interval.restart.is_some() && interval.is_one_process {
            self.explain_deficit(Class::Workers, i64::MAX);
        }
        if interval.surplus_before() < 0 {
            self.explain_deficit(Class::Beginning, i64::MAX);
        }
    }

    /// Pairs surpluses with deficits of the same group.
    fn pair(
        &mut self,
        class: Class,
        group: impl Fn(&Key) -> [String; 2],
        is_surplus: impl Fn(&Key) -> bool,
        is_deficit: impl Fn(&Key) -> bool,
    ) {
        let mut deficits: BTreeMap<[String; 2], Vec<(Key, i64)>> = BTreeMap::new();
        for (key, left) in self.keys(|key, left| left < 0 && is_deficit(key)) {
            deficits.entry(group(&key)).or_default().push((key, -left));
        }
        for (surplus, mut left) in self.keys(|key, left| left > 0 && is_surplus(key)) {
            let own = deficits.entry(group(&surplus)).or_default();
            while let Some((deficit, rest)) = own.last_mut().filter(|_| left > 0) {
                let part = left.min(*rest);
                self.take(&surplus, class, part);
                self.take(deficit, class, -part);
                left -= part;
                *rest -= part;
                if *rest == 0 {
                    own.pop();
                }
            }
        }
    }

    /// Explains surpluses up to a number in all; returns the rest of the number.
    fn explain_surplus(&mut self, class: Class, most: i64, is_meant: impl Fn(&Key) -> bool) -> i64 {
        let mut rest = most.max(0);
        for (key, left) in self.keys(|key, left| left > 0 && is_meant(key)) {
            let part = left.min(rest);
            self.take(&key, class, part);
            rest -= part;
        }
        rest
    }

    /// Explains deficits up to a number in all.
    fn explain_deficit(&mut self, class: Class, most: i64) {
        let mut rest = most.max(0);
        for (key, left) in self.keys(|_, left| left < 0) {
            let part = (-left).min(rest);
            self.take(&key, class, -part);
            rest -= part;
        }
    }

    fn keys(&self, is_meant: impl Fn(&Key, i64) -> bool) -> Vec<(Key, i64)> {
        let left = self.left.iter().map(|(key, left)| (key, *left));
        let meant = left.filter(|(key, left)| is_meant(key, *left));
        meant.map(|(key, left)| (key.clone(), left)).collect()
    }

    fn take(&mut self, key: &Key, class: Class, count: i64) {
        if count == 0 {
            return;
        }
        let causes = self.causes.entry(key.clone()).or_default();
        *causes.entry(class).or_default() += count;
        let left = self.left.entry(key.clone()).or_default();
        *left -= count;
        if *left == 0 {
            self.left.remove(key);
        }
    }
}

fn is_success(status: &str) -> bool {
    status.starts_with('2') || status == "304"
}
