//! Each class of differences on small pages: where its evidence is there, and where it is not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const BY_STATUS_VIEW: &str = "django_http_responses_total_by_status_view_method_total";
const BY_VIEW: &str = "django_http_requests_total_by_view_transport_method_total";
const BY_TRANSPORT: &str = "django_http_requests_total_by_transport_total";
const BY_METHOD: &str = "django_http_requests_total_by_method_total";
const LATENCY_BY_VIEW: &str = "django_http_requests_latency_seconds_by_view_method";
const RESPONSE_BYTES: &str = "django_http_responses_body_total_bytes";
const REQUEST_BYTES: &str = "django_http_requests_body_total_bytes";
const REQUESTS: &str = "django_http_requests_before_middlewares_total";

/// A page of one of the sides.
#[derive(Clone, Debug, Default)]
struct Sheet(BTreeMap<String, f64>);

impl Sheet {
    /// The page of django-prometheus of several processes.
    fn theirs() -> Self {
        Self::default().set(REQUESTS, 0.0)
    }

    /// The page of the exporter.
    fn ours() -> Self {
        let zero = format!("{BY_STATUS_VIEW}{{method=\"GET\",status=\"200\",view=\"home\"}}");
        Self::default()
            .set("httplog_exporter_build_info", 1.0)
            .set("httplog_upstream_duration_seconds_count", 1.0)
            .set(&zero, 0.0)
    }

    fn set(mut self, series: &str, value: f64) -> Self {
        self.0.insert(series.to_owned(), value);
        self
    }

    fn add(mut self, series: &str, more: f64) -> Self {
        *self.0.entry(series.to_owned()).or_default() += more;
        self
    }

    /// Adds requests `METHOD STATUS VIEW` that both sides count in all families.
    fn requests(self, what: &str, count: u32) -> Self {
        let count = f64::from(count);
        let [_, _, view] = words(what);
        let mut sheet = self.refused(what, count);
        if view != "<unnamed view>" {
            sheet = sheet.called(what, count);
        }
        sheet
    }

    /// Adds requests whose view is not called.
    fn refused(self, what: &str, count: f64) -> Self {
        let [method, status, view] = words(what);
        let known = if method == "FROB" {
            "<invalid method>"
        } else {
            method
        };
        let mut sheet = self.answered(count);
        for (family, labels) in [
            (BY_METHOD, format!("method=\"{known}\"")),
            (BY_TRANSPORT, "transport=\"http\"".to_owned()),
            (
                "django_http_responses_total_by_status_total",
                format!("status=\"{status}\""),
            ),
            (
                BY_STATUS_VIEW,
                format!("method=\"{known}\",status=\"{status}\",view=\"{view}\""),
            ),
            (
                "django_http_responses_total_by_charset_total",
                "charset=\"utf-8\"".to_owned(),
            ),
        ] {
            sheet = sheet.add(&format!("{family}{{{labels}}}"), count);
        }
        let labels = format!("method=\"{method}\",view=\"{view}\"");
        sheet
            .observe(LATENCY_BY_VIEW, &labels, count, 0.01)
            .observe(REQUEST_BYTES, "", count, 1.0)
            .observe(RESPONSE_BYTES, "", count, 100.0)
    }

    fn called(self, what: &str, count: f64) -> Self {
        let [method, _, view] = words(what);
        let known = if method == "FROB" {
            "<invalid method>"
        } else {
            method
        };
        let series = format!("{BY_VIEW}{{method=\"{known}\",transport=\"http\",view=\"{view}\"}}");
        self.add(&series, count)
    }

    /// Adds requests that only the outermost middleware sees.
    fn answered(self, count: f64) -> Self {
        self.add(REQUESTS, count)
            .add("django_http_responses_before_middlewares_total", count)
            .observe(
                "django_http_requests_latency_including_middlewares_seconds",
                "",
                count,
                0.02,
            )
    }

    fn observe(self, family: &str, labels: &str, count: f64, value: f64) -> Self {
        self.add(&format!("{family}_count{{{labels}}}"), count)
            .add(&format!("{family}_sum{{{labels}}}"), count * value)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (series, value) in &self.0 {
            writeln!(text, "{series} {value}").unwrap();
        }
        text
    }

    fn page(&self) -> Page {
        Page::parse(self.text().as_bytes()).unwrap()
    }
}

fn words(what: &str) -> [&str; 3] {
    let mut words = what.splitn(3, ' ');
    [0; 3].map(|_| words.next().unwrap())
}

/// Pages of an interval in which all was counted.
fn pages(theirs: &Sheet, ours: &Sheet) -> Pages {
    Pages {
        theirs: theirs.page(),
        ours: ours.page(),
        before: Some((Sheet::theirs().page(), Sheet::ours().page())),
        ours_earlier: None,
    }
}

fn result(theirs: &Sheet, ours: &Sheet) -> Comparison {
    compare(&pages(theirs, ours)).unwrap()
}

fn names(comparison: &Comparison) -> Vec<&'static str> {
    comparison.classes().into_keys().map(Class::name).collect()
}

/// Asserts that all differences are explained by these classes.
fn explained(theirs: &Sheet, ours: &Sheet, classes: &[&str]) {
    check(&result(theirs, ours), classes);
}

fn check(comparison: &Comparison, classes: &[&str]) {
    assert_eq!(unexplained(comparison), [""; 0], "{comparison:#?}");
    assert_eq!(names(comparison), classes);
}

/// Returns the families with unexplained differences, by the end of their names.
fn unexplained(comparison: &Comparison) -> Vec<&'static str> {
    let families = comparison.families.iter();
    let wrong = families.filter(|family| family.series.iter().any(|one| !one.is_explained()));
    wrong.map(|family| family.name).collect()
}

/// Asserts that the responses by status and view, at least, are unexplained.
fn doubtful(theirs: &Sheet, ours: &Sheet) {
    let found = result(theirs, ours);
    assert!(unexplained(&found).contains(&BY_STATUS_VIEW), "{found:#?}");
}

/// Pages of both sides with the same traffic.
fn same() -> (Sheet, Sheet) {
    let traffic = |sheet: Sheet| {
        sheet
            .requests("GET 200 home", 1000)
            .requests("GET 404 <unnamed view>", 30)
            .requests("POST 201 order", 50)
    };
    (traffic(Sheet::theirs()), traffic(Sheet::ours()))
}

#[test]
fn equal_pages_have_no_difference() {
    let (theirs, ours) = same();
    let found = result(&theirs, &ours);
    check(&found, &[]);
    assert!(found.families.iter().all(|family| family.is_compared));
    assert!(
        found
            .families
            .iter()
            .flat_map(|family| &family.series)
            .all(SeriesResult::is_equal)
    );
}

#[test]
fn a_family_that_the_log_lacks_is_not_compared() {
    let (theirs, mut ours) = same();
    ours.0.retain(|series, _| !series.contains("charset"));
    let found = result(&theirs, &ours);
    check(&found, &[]);
    let compared = found.families.iter().filter(|family| family.is_compared);
    assert_eq!(compared.count(), FAMILIES.len() - 1);
}

#[test]
fn requests_that_the_server_refused_or_gave_up_are_unreached() {
    let (theirs, ours) = same();
    let ours = ours
        .requests("GET 502 home", 2)
        .requests("GET 499 order", 1)
        .requests("GET 400 <unnamed view>", 3)
        .requests("GET 414 home", 1);
    explained(&theirs, &ours, &["unreached", "clock", "bytes"]);
    // A page that is found is not refused.
    let (theirs, ours) = same();
    doubtful(&theirs, &ours.requests("GET 200 order", 1));
}

#[test]
fn files_are_unreached_if_the_log_does_not_tell_what_was_passed_on() {
    let (theirs, ours) = same();
    let ours = ours.requests("GET 200 <unnamed view>", 40);
    doubtful(&theirs, &ours);
    let mut ours = ours;
    ours.0.remove("httplog_upstream_duration_seconds_count");
    explained(&theirs, &ours, &["unreached", "clock", "bytes"]);
}

#[test]
fn what_a_middleware_answers_is_seen_by_the_outer_one_alone() {
    let (theirs, ours) = same();
    let ours = ours
        .requests("GET 200 healthz", 5)
        .requests("GET 400 home", 2);
    explained(
        &theirs.clone().answered(7.0),
        &ours,
        &["middleware", "clock", "bytes"],
    );
    doubtful(&theirs.answered(4.0), &ours);
}

#[test]
fn what_is_refused_before_its_view_has_a_response_of_the_view() {
    let (theirs, ours) = same();
    let theirs = theirs.refused("POST 403 form", 4.0);
    explained(
        &theirs,
        &ours.requests("POST 403 form", 4),
        &["before_view"],
    );
}

#[test]
fn known_changes_of_responses_are_rewritten() {
    let (theirs, ours) = same();
    for (inner, outer) in [
        ("404", "301"),
        ("200", "304"),
        ("200", "499"),
        ("500", "502"),
    ] {
        let theirs = theirs.clone().requests(&format!("GET {inner} x"), 6);
        let ours = ours.clone().requests(&format!("GET {outer} x"), 6);
        explained(&theirs, &ours, &["rewritten"]);
    }
    doubtful(
        &theirs.requests("GET 200 x", 6),
        &ours.requests("GET 500 x", 6),
    );
}

#[test]
fn exceptions_are_observed_twice() {
    let (theirs, ours) = same();
    let (theirs, ours) = (
        theirs.requests("GET 500 boom", 3),
        ours.requests("GET 500 boom", 3),
    );
    let theirs = theirs.observe(LATENCY_BY_VIEW, "method=\"GET\",view=\"boom\"", 3.0, 0.01);
    let raised = "django_http_exceptions_total_by_view_total{view=\"boom\"}";
    explained(
        &theirs.clone().add(raised, 3.0),
        &ours,
        &["raised", "clock"],
    );
    let found = result(&theirs.add(raised, 2.0), &ours);
    assert_eq!(unexplained(&found), [LATENCY_BY_VIEW]);
}

#[test]
fn an_unknown_method_is_the_same_series() {
    let (theirs, ours) = same();
    let theirs = theirs.requests("FROB 405 home", 2);
    // The exporter has one name for all of them.
    let ours = ours.requests("FROB 405 home", 2);
    let series = ours.0.into_iter();
    let series = series.map(|(series, count)| (series.replace("FROB", "<invalid method>"), count));
    explained(&theirs, &Sheet(series.collect()), &["method"]);
}

#[test]
fn streamed_responses_are_not_measured() {
    let (theirs, ours) = same();
    let (theirs, ours) = (
        theirs.requests("GET 200 x", 2),
        ours.requests("GET 200 x", 2),
    );
    let theirs = theirs.observe(RESPONSE_BYTES, "", -2.0, 100.0);
    let streamed = "django_http_responses_streaming_total";
    explained(
        &theirs.clone().add(streamed, 2.0),
        &ours,
        &["streamed", "bytes"],
    );
    assert_eq!(
        unexplained(&result(&theirs.add(streamed, 1.0), &ours)),
        [RESPONSE_BYTES]
    );
}

#[test]
fn a_scheme_that_django_does_not_know_is_another_transport() {
    let (mut theirs, ours) = same();
    for (series, count) in ours
        .0
        .iter()
        .filter(|(series, _)| series.contains("transport="))
    {
        theirs.0.remove(series);
        theirs
            .0
            .insert(series.replace("\"http\"", "\"https\""), *count);
    }
    explained(&theirs, &ours, &["transport"]);
}

#[test]
fn views_without_a_name_here_are_named() {
    let (theirs, ours) = same();
    let theirs = theirs.requests("GET 200 shop:basket", 9);
    let mut folded = ours.clone().requests("GET 200 /basket/<int>/", 9);
    explained(&theirs, &folded, &["view", "clock"]);
    // Without a URLconf, unresolved paths have names, too.
    let series = folded
        .0
        .keys()
        .find(|series| series.contains("404") && series.contains("unnamed"));
    let series = series.unwrap().clone();
    folded.0.remove(&series);
    let folded = folded.add(&series.replace("<unnamed view>", "/nope"), 30.0);
    let labels = [
        "method=\"GET\",view=\"<unnamed view>\"",
        "method=\"GET\",view=\"/nope\"",
    ];
    let folded = folded
        .observe(LATENCY_BY_VIEW, labels[0], -30.0, 0.01)
        .observe(LATENCY_BY_VIEW, labels[1], 30.0, 0.01)
        .called("GET 404 /nope", 30.0);
    explained(&theirs, &folded, &["view", "clock"]);
    // Two names for two views are not one view.
    doubtful(&theirs, &ours.requests("GET 200 shop:cart", 9));
}

#[test]
fn scrapes_that_the_log_lacks_are_told() {
    let (theirs, ours) = same();
    let theirs = theirs.requests("GET 200 prometheus-django-metrics", 12);
    explained(&theirs, &ours, &["scrape", "clock", "bytes"]);
}

#[test]
fn the_pages_themselves_have_different_sizes() {
    let sum = format!("{RESPONSE_BYTES}_sum{{}}");
    let (theirs, ours) = same();
    let both = |sheet: Sheet| sheet.requests("GET 200 prometheus-django-metrics", 1);
    let size = f64::from(u32::try_from(both(theirs.clone()).text().len()).unwrap());
    let longer = |sheet: Sheet, more| both(sheet).add(&sum, more);
    explained(
        &both(theirs.clone()),
        &longer(ours.clone(), size),
        &["bytes"],
    );
    let found = result(&both(theirs), &longer(ours, size + 1.0));
    assert_eq!(unexplained(&found), [RESPONSE_BYTES]);
}

#[test]
fn what_is_served_between_the_pages_is_in_flight() {
    let (theirs, ours) = same();
    let later = ours.clone().requests("GET 200 home", 3);
    let mut pages = pages(&theirs, &later);
    assert!(unexplained(&compare(&pages).unwrap()).contains(&BY_STATUS_VIEW));
    pages.ours_earlier = Some(ours.page());
    check(&compare(&pages).unwrap(), &["in_flight", "clock", "bytes"]);
    // A page whose histograms were read earlier than its counters.
    let late = theirs
        .clone()
        .requests("GET 200 home", 2)
        .observe(RESPONSE_BYTES, "", -2.0, 100.0);
    pages.theirs = late.page();
    check(&compare(&pages).unwrap(), &["in_flight", "clock", "bytes"]);
    pages.theirs = late.observe(RESPONSE_BYTES, "", -2.0, 100.0).page();
    assert_eq!(unexplained(&compare(&pages).unwrap()), [RESPONSE_BYTES]);
    // Requests that have begun and not ended.
    let (theirs, ours) = same();
    let theirs = theirs.add(REQUESTS, 2.0);
    explained(&theirs, &ours, &["in_flight"]);
}

#[test]
fn what_the_log_cannot_have_is_not_missing() {
    let (theirs, ours) = same();
    let theirs = theirs.requests("GET 200 home", 5);
    doubtful(&theirs, &ours);
    for (series, class) in [
        (
            "httplog_exporter_join_lines_total{outcome=\"unfronted\",source=\"gunicorn\"}",
            "other_way",
        ),
        (
            "httplog_exporter_lines_total{outcome=\"rejected\",source=\"nginx\"}",
            "unread",
        ),
        (
            "httplog_upstream_retries_total{source=\"nginx\",route=\"home\"}",
            "retried",
        ),
    ] {
        explained(
            &theirs,
            &ours.clone().add(series, 5.0),
            &[class, "clock", "bytes"],
        );
        doubtful(&theirs, &ours.clone().add(series, 4.0));
    }
    let lag = "httplog_exporter_lag_bytes{source=\"nginx\"}";
    explained(
        &theirs,
        &ours.add(lag, 250.0),
        &["unread", "clock", "bytes"],
    );
}

/// Returns the page of one of several processes, which has a share of everything.
fn share() -> Sheet {
    Sheet::theirs()
        .set("python_info", 1.0)
        .set("process_start_time_seconds", 1000.0)
        .requests("GET 200 home", 130)
        .requests("GET 404 <unnamed view>", 3)
        .requests("POST 201 order", 5)
}

#[test]
fn one_of_several_processes_has_a_share_of_everything() {
    let (_, ours) = same();
    let mut pages = pages(&share(), &ours);
    let before = Sheet::theirs().set("process_start_time_seconds", 1000.0);
    pages.before = Some((before.page(), Sheet::ours().page()));
    check(&compare(&pages).unwrap(), &["workers", "clock", "bytes"]);
    // The page of all processes has everything.
    let mut all = share();
    all.0.retain(|series, _| !series.starts_with('p'));
    doubtful(&all, &ours);
    // A process that has all of one view and nothing of another does not have a share.
    let (theirs, ours) = same();
    let theirs = theirs.set("process_start_time_seconds", 1000.0);
    pages.theirs = theirs.page();
    pages.ours = ours.requests("POST 201 order", 50).page();
    assert!(unexplained(&compare(&pages).unwrap()).contains(&BY_STATUS_VIEW));
}

#[test]
fn another_process_is_known_by_its_start() {
    let (_, ours) = same();
    // It has counted more of one view than was served since.
    let theirs = share().requests("GET 200 rare", 2);
    for (start, class) in [(2000.0, "workers"), (1.0, "reset")] {
        let mut pages = pages(&theirs, &ours);
        let before = Sheet::theirs().set("process_start_time_seconds", start);
        pages.before = Some((before.page(), Sheet::ours().page()));
        let found = compare(&pages).unwrap();
        assert_eq!(unexplained(&found), [""; 0]);
        assert!(names(&found).contains(&class), "{:?}", names(&found));
    }
}

#[test]
fn counters_that_are_lower_than_before_began_again() {
    let (theirs, ours) = same();
    let mut pages = pages(&Sheet::theirs().requests("GET 200 home", 400), &ours);
    let more = Sheet::theirs().requests("GET 200 home", 500);
    pages.before = Some((more.page(), Sheet::ours().page()));
    check(&compare(&pages).unwrap(), &["reset", "clock", "bytes"]);
    // Those of the exporter.
    let less = Sheet::ours().requests("GET 200 home", 400);
    pages.theirs = theirs.page();
    pages.ours = less.page();
    let more = Sheet::ours().requests("GET 200 home", 500);
    pages.before = Some((Sheet::theirs().page(), more.page()));
    check(&compare(&pages).unwrap(), &["reset", "clock", "bytes"]);
    // Of both: the pages are swapped.
    pages.before = Some((
        Sheet::theirs().requests("GET 200 home", 9_000).page(),
        more.page(),
    ));
    assert_eq!(compare(&pages), Err(NotComparable::Swapped));
}

#[test]
fn without_an_interval_one_side_may_have_begun_earlier() {
    let (theirs, ours) = same();
    for (theirs, ours) in [
        (theirs.clone(), ours.clone().requests("GET 200 home", 5)),
        (theirs.requests("GET 200 home", 5), ours),
    ] {
        let mut pages = pages(&theirs, &ours);
        assert!(unexplained(&compare(&pages).unwrap()).contains(&BY_STATUS_VIEW));
        pages.before = None;
        check(&compare(&pages).unwrap(), &["beginning", "clock", "bytes"]);
    }
    // Not both.
    let (theirs, ours) = same();
    let (theirs, ours) = (
        theirs.requests("GET 200 a", 5),
        ours.requests("GET 200 b", 4),
    );
    let mut pages = pages(&theirs, &ours);
    pages.before = None;
    assert!(unexplained(&compare(&pages).unwrap()).contains(&BY_STATUS_VIEW));
}

#[test]
fn times_of_the_server_are_longer() {
    let (theirs, ours) = same();
    let labels = "method=\"GET\",view=\"home\"";
    explained(
        &theirs,
        &ours
            .clone()
            .observe(LATENCY_BY_VIEW, labels, 0.0, 0.0)
            .add(&format!("{LATENCY_BY_VIEW}_sum{{{labels}}}"), 9.0),
        &["clock"],
    );
    let found = result(
        &theirs,
        &ours.add(&format!("{LATENCY_BY_VIEW}_sum{{{labels}}}"), -5.0),
    );
    assert_eq!(unexplained(&found), [LATENCY_BY_VIEW]);
}

#[test]
fn bodies_are_shorter_as_they_were_sent() {
    let (theirs, ours) = same();
    for family in [REQUEST_BYTES, RESPONSE_BYTES] {
        let sum = format!("{family}_sum{{}}");
        explained(&theirs, &ours.clone().add(&sum, -500.0), &["bytes"]);
        assert_eq!(
            unexplained(&result(&theirs, &ours.clone().add(&sum, 500.0))),
            [family]
        );
    }
}

#[test]
fn a_family_that_contradicts_the_others_is_unexplained() {
    for family in [
        REQUESTS,
        BY_METHOD,
        BY_VIEW,
        "django_http_responses_total_by_status_total",
    ] {
        let (theirs, ours) = same();
        let series = theirs
            .0
            .keys()
            .find(|series| series.starts_with(family))
            .unwrap();
        let found = result(&theirs, &ours.add(series, 1.0));
        assert_eq!(unexplained(&found), [family]);
    }
}

#[test]
fn names_with_a_namespace_are_found() {
    let (theirs, ours) = same();
    let names = theirs
        .0
        .into_iter()
        .map(|(series, count)| (format!("shop_{series}"), count));
    let theirs = Sheet(names.collect());
    let mut pages = pages(&theirs, &ours);
    pages.before = None;
    check(&compare(&pages).unwrap(), &[]);
}

#[test]
fn pages_of_something_else_are_refused() {
    let (theirs, ours) = same();
    let good = pages(&theirs, &ours);
    let other = Sheet::default().set("node_cpu_seconds_total", 1.0).page();
    let check = |change: &dyn Fn(&mut Pages), expected: NotComparable| {
        let mut pages = good.clone();
        change(&mut pages);
        assert_eq!(compare(&pages), Err(expected));
    };
    let (after, before) = (Moment::After, Moment::Before);
    check(
        &|pages| std::mem::swap(&mut pages.theirs, &mut pages.ours),
        NotComparable::Ours(after),
    );
    check(
        &|pages| pages.theirs = other.clone(),
        NotComparable::NotTheirs(after),
    );
    check(
        &|pages| pages.ours = other.clone(),
        NotComparable::NotOurs(after),
    );
    check(
        &|pages| pages.ours = pages.theirs.clone(),
        NotComparable::NotOurs(after),
    );
    let lone = Sheet::default()
        .set("httplog_exporter_build_info", 1.0)
        .page();
    check(&|pages| pages.ours = lone.clone(), NotComparable::NoSet);
    for (theirs, expected) in [
        (good.ours.clone(), NotComparable::Ours(before)),
        (other.clone(), NotComparable::NotTheirs(before)),
    ] {
        check(
            &|pages| pages.before = Some((theirs.clone(), good.ours.clone())),
            expected,
        );
    }
    check(
        &|pages| pages.before = Some((good.theirs.clone(), other.clone())),
        NotComparable::NotOurs(before),
    );
}

fn request() -> impl Strategy<Value = String> {
    let methods = prop::sample::select(vec!["GET", "POST", "FROB"]);
    let statuses =
        prop::sample::select(vec!["200", "301", "304", "400", "404", "499", "500", "502"]);
    let views = prop::sample::select(vec![
        "home",
        "/a/<int>/",
        "<unnamed view>",
        "prometheus-django-metrics",
    ]);
    (methods, statuses, views)
        .prop_map(|(method, status, view)| format!("{method} {status} {view}"))
}

fn sheet(sheet: Sheet) -> impl Strategy<Value = Sheet> {
    let odd = prop::sample::select(vec![
        "httplog_upstream_retries_total",
        "httplog_exporter_lag_bytes",
        "process_start_time_seconds",
        "django_http_responses_streaming_total",
        REQUESTS,
        "django_http_responses_total_by_status_total{status=\"200\"}",
        "django_http_requests_latency_including_middlewares_seconds_sum",
    ]);
    let value = prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-1e300),
        -5.0..50.0
    ];
    let odd = proptest::collection::vec((odd, value), 0..3);
    let requests = proptest::collection::vec((request(), 0..60_u32), 0..8);
    (requests, odd).prop_map(move |(requests, odd)| {
        let add = |sheet: Sheet, (what, count): (String, u32)| sheet.requests(&what, count);
        let sheet = requests.into_iter().fold(sheet.clone(), add);
        odd.into_iter()
            .fold(sheet, |sheet, (series, value)| sheet.set(series, value))
    })
}

proptest! {
    #[test]
    fn each_difference_is_the_sum_of_its_parts(
        theirs in sheet(Sheet::theirs()),
        ours in sheet(Sheet::ours()),
        their_before in sheet(Sheet::theirs()),
        our_before in sheet(Sheet::ours()),
        earlier in proptest::option::of(sheet(Sheet::ours())),
        has_before: bool,
    ) {
        let mut pages = pages(&theirs, &ours);
        pages.ours_earlier = earlier.map(|sheet| sheet.page());
        pages.before = has_before.then(|| (their_before.page(), our_before.page()));
        if let Ok(found) = compare(&pages) {
            for one in found.families.iter().flat_map(|family| &family.series) {
                let reasons: i64 = one.reasons.iter().map(|reason| reason.count).sum();
                prop_assert_eq!(one.ours - one.theirs, reasons + one.unexplained, "{:?}", one);
            }
        }
    }

    #[test]
    fn the_same_traffic_has_no_difference(
        requests in proptest::collection::vec((request(), 0..60_u32), 0..8),
    ) {
        let add = |sheet: Sheet, (what, count): &(String, u32)| sheet.requests(what, *count);
        let theirs = requests.iter().fold(Sheet::theirs(), add);
        let ours = requests.iter().fold(Sheet::ours(), add);
        let found = result(&theirs, &ours);
        prop_assert!(names(&found).iter().all(|name| *name == "method"), "{found:?}");
        prop_assert_eq!(found.unexplained(), 0);
    }
}
