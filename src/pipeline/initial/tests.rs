//! Series that exist before the first line.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::aggregate::Measure;
use crate::diag::Report;
use crate::label::{Budget, Condition};
use crate::metric::{Counts, Metric, Metrics, Quantity, Set};
use crate::model::{Batch, Families, Family, FieldSet, GenerationId, Position, Value};
use crate::pattern::{Dialect, Pattern};
use crate::pipeline::Settings;
use crate::route::{PathTemplate, Resolver, Urlconf};
use proptest::prelude::*;

const NGINX: &str = "\"$request\" $status $request_time $upstream_response_time $scheme";

/// Creates a URLconf that routes the paths below each name to the view of that name.
fn views(names: &[&str]) -> Arc<Resolver> {
    let mut urlconf = Urlconf::default();
    for name in names {
        let template = PathTemplate::parse(&format!("/{name}/<int:x>/"), &BTreeMap::new());
        urlconf.routes.push(template.unwrap().route(name).unwrap());
    }
    Arc::new(Resolver::new(urlconf, None, &mut Report::default()))
}

fn metric(name: &str, labels: &[Label], when: &[Condition]) -> Metric {
    Metric {
        name: name.into(),
        help: "h".into(),
        counts: Counts::Lines,
        labels: labels.to_vec(),
        other: Vec::new(),
        when: when.to_vec(),
        has_short_bounds: false,
        is_native: false,
        needs: FieldSet::EMPTY,
    }
}

fn when(label: Label, glob: &str) -> Condition {
    Condition::new(label, [glob]).unwrap()
}

fn initial(methods: &[Method], statuses: &[u16]) -> Arc<Initial> {
    Arc::new(Initial {
        methods: methods.into(),
        statuses: statuses.into(),
        place: None,
    })
}

fn pipeline(format: &str, metrics: Metrics, names: Option<&[&str]>, budget: usize) -> Pipeline {
    let pattern = Pattern::compile("test", Dialect::Nginx, format).unwrap();
    let settings = Settings {
        routes: names.map(views),
        max_routes: Some(3),
        metrics,
        ..Settings::new("test", Arc::new(pattern))
    };
    Pipeline::new(settings, Budget::new(budget))
}

/// Returns the labels of each series of each family, after checking that all are 0.
fn zeros(shard: &mut Shard) -> Vec<String> {
    let families = Families::new(shard.snapshot());
    let mut found = Vec::new();
    for family in families.iter() {
        assert_eq!(family.total(), 0);
        for series in &family.series {
            let values: Vec<&str> = series.labels.iter().map(|(_, value)| &**value).collect();
            found.push(format!("{} {}", family.name, values.join(" ")));
        }
    }
    found
}

fn check(format: &str, metrics: Vec<Metric>, names: Option<&[&str]>, expected: &[&str]) {
    let asked = initial(&[Method::Get, Method::Post], &[500]);
    let metrics = Metrics::new(metrics).starting_with(Some(asked));
    let pipeline = pipeline(format, metrics, names, 1_000);
    let mut shard = pipeline.shard();
    let known = pipeline.initialise(&mut shard);
    assert_eq!(zeros(&mut shard), expected);
    assert!(known.iter().all(|family| family.is_there));
    let series: usize = known.iter().map(|family| family.series).sum();
    assert_eq!(series, shard.series());
    // A second time adds nothing.
    assert_eq!(pipeline.initialise(&mut shard), known);
    assert_eq!(series, shard.series());
}

#[test]
fn views_methods_and_listed_statuses_are_known() {
    let all = [Label::Method, Label::Route, Label::Source, Label::Status];
    check(
        NGINX,
        vec![metric("a", &all, &[]), metric("b", &[Label::Source], &[])],
        Some(&["x"]),
        &[
            "a GET <unnamed view> test 500",
            "a GET x test 500",
            "a POST <unnamed view> test 500",
            "a POST x test 500",
            "b test",
        ],
    );
}

#[test]
fn values_that_only_lines_have_make_no_series() {
    // Learned routes, and charsets.
    check(
        "\"$request\" $status \"$sent_http_content_type\"",
        vec![
            metric("a", &[Label::Route], &[]),
            metric("b", &[Label::Charset], &[]),
            metric("c", &[Label::Status], &[]),
        ],
        None,
        &["c 500"],
    );
    let metrics = Metrics::new(vec![
        metric("a", &[Label::Method], &[]),
        metric("b", &[Label::Status], &[]),
    ]);
    let pipeline = pipeline(
        NGINX,
        metrics.starting_with(Some(initial(&[], &[]))),
        None,
        9,
    );
    let mut shard = pipeline.shard();
    assert_eq!(pipeline.initialise(&mut shard), []);
    assert_eq!(shard.series(), 0);
}

/// Returns the known series of metrics with a URLconf of two patterns of the view `v`.
fn of_two_patterns(metrics: Vec<Metric>, folds: bool) -> Vec<String> {
    let mut urlconf = Urlconf::default();
    for template in ["/a/", "/b/"] {
        let template = PathTemplate::parse(template, &BTreeMap::new()).unwrap();
        urlconf.routes.push(template.route("v").unwrap());
    }
    let resolver = Resolver::new(urlconf, None, &mut Report::default());
    let asked = initial(&[Method::Get], &[200, 404, 500]);
    let pattern = Pattern::compile("test", Dialect::Nginx, NGINX).unwrap();
    let settings = Settings {
        routes: Some(Arc::new(resolver.folding_unmatched(folds))),
        metrics: Metrics::new(metrics).starting_with(Some(asked)),
        ..Settings::new("test", Arc::new(pattern))
    };
    let pipeline = Pipeline::new(settings, Budget::new(100));
    let mut shard = pipeline.shard();
    let known = pipeline.initialise(&mut shard);
    let series: usize = known.iter().map(|family| family.series).sum();
    assert_eq!(series, shard.series());
    zeros(&mut shard)
}

#[test]
fn values_that_differ_in_no_shown_label_make_one_series() {
    let metrics = vec![
        metric("a", &[Label::HttpRoute], &[]),
        metric("b", &[Label::View], &[]),
        metric("c", &[Label::HttpRoute, Label::Route], &[]),
        metric("d", &[Label::ErrorType], &[]),
        metric("e", &[Label::ErrorType, Label::HttpResponseStatusCode], &[]),
        metric("f", &[Label::NetworkProtocolVersion], &[]),
    ];
    let expected = [
        "a ",
        "a a/",
        "a b/",
        "b <unnamed view>",
        "b v",
        "c  <unnamed view>",
        "c a/ v",
        "c b/ v",
        "d ",
        "d 500",
        "e  200",
        "e  404",
        "e 500 500",
    ];
    assert_eq!(of_two_patterns(metrics, false), expected);
}

#[test]
fn paths_that_are_folded_make_other_routes_possible() {
    let metrics = || {
        vec![
            metric("a", &[Label::Route], &[]),
            metric("b", &[Label::Method], &[when(Label::Route, "/media/*")]),
        ]
    };
    assert_eq!(
        of_two_patterns(metrics(), false),
        ["a <unnamed view>", "a v"]
    );
    assert_eq!(of_two_patterns(metrics(), true), ["a v", "b GET"]);
}

#[test]
fn views_over_the_cap_share_a_series_that_does_not_start_at_0() {
    check(
        NGINX,
        vec![metric("a", &[Label::View], &[])],
        Some(&["w", "x", "y", "z", "w"]),
        &["a <unnamed view>", "a w", "a x", "a y"],
    );
}

#[test]
fn conditions_exclude_series_that_no_line_could_count() {
    check(
        NGINX,
        vec![
            metric("a", &[Label::Method], &[when(Label::Method, "GET")]),
            // Tested under another name than shown.
            metric("b", &[Label::View], &[when(Label::Route, "x*")]),
            // Tested and not shown: it is enough that such lines are possible.
            metric("c", &[Label::View], &[when(Label::Status, "4xx")]),
            metric("d", &[Label::View], &[when(Label::Method, "PATCH")]),
            metric("e", &[Label::Method], &[when(Label::Route, "none:*")]),
            metric("f", &[], &[when(Label::Status, "!*")]),
            metric("g", &[Label::Method], &[when(Label::Method, "PUT")]),
            metric("h", &[Label::Scheme], &[when(Label::Upstream, "yes")]),
            metric("i", &[Label::Upstream], &[when(Label::Source, "other")]),
        ],
        Some(&["x"]),
        &[
            "a GET",
            "b x",
            "c <unnamed view>",
            "c x",
            "d <unnamed view>",
            "d x",
            "h http",
            "h https",
        ],
    );
}

#[test]
fn a_label_whose_field_is_not_logged_has_one_value() {
    check(
        "\"$status\" $request_time",
        vec![
            metric(
                "a",
                &[Label::Method, Label::Route, Label::Scheme, Label::Upstream],
                &[],
            ),
            metric("b", &[], &[when(Label::Method, "GET")]),
        ],
        Some(&["x"]),
        &["a <other> <other> <other> no"],
    );
}

#[test]
fn the_set_django_starts_at_0_under_its_names() {
    let metrics = Set::find("django").unwrap().metrics();
    let asked = Metrics::new(metrics).starting_with(Some(initial(&[Method::Get], &[])));
    let pipeline = pipeline(NGINX, asked, Some(&["x"]), 1_000);
    let mut shard = pipeline.shard();
    pipeline.initialise(&mut shard);
    assert_eq!(
        zeros(&mut shard),
        [
            "django_http_requests_before_middlewares_total ",
            "django_http_requests_latency_including_middlewares_seconds ",
            "django_http_requests_latency_seconds_by_view_method GET <unnamed view>",
            "django_http_requests_latency_seconds_by_view_method GET x",
            "django_http_requests_total_by_method_total GET",
            "django_http_requests_total_by_transport_total http",
            "django_http_requests_total_by_transport_total https",
            "django_http_requests_total_by_view_transport_method_total GET http x",
            "django_http_requests_total_by_view_transport_method_total GET https x",
            "django_http_responses_before_middlewares_total ",
        ]
    );
}

#[test]
fn a_family_without_room_is_left_out_whole_and_the_next_ones_try() {
    let metrics = Metrics::new(vec![
        metric("a", &[Label::Method, Label::View], &[]),
        metric("b", &[Label::Method], &[]),
        metric("c", &[Label::View], &[]),
    ]);
    let asked = metrics.starting_with(Some(initial(&[Method::Get, Method::Post], &[])));
    // Half of the budget is 4, as many as `a` has.
    let narrow = pipeline(NGINX, asked.clone(), Some(&["x"]), 9);
    let mut shard = narrow.shard();
    let found = narrow.initialise(&mut shard);
    let there: Vec<bool> = found.iter().map(|family| family.is_there).collect();
    assert_eq!(there, [true, false, false]);
    assert_eq!(shard.series(), 4);
    assert_eq!(
        found[1].to_string(),
        "2 series of `b` do not start at 0: series without an event may take up to half of limits.series"
    );
    // More than the whole budget.
    let statuses: Vec<u16> = (100..=599).collect();
    let labels = [Label::Method, Label::Status, Label::View, Label::Scheme];
    let many = Metrics::new(vec![metric("a", &labels, &[])]);
    let many = many.starting_with(Some(initial(&[Method::Get, Method::Post], &statuses)));
    let wide = pipeline(NGINX, many, Some(&["x", "y"]), 5_999);
    let mut shard = wide.shard();
    assert_eq!(wide.initialise(&mut shard)[0].series, 6_000);
    assert_eq!(shard.series(), 0);
}

/// Method, path and status of a line.
type Line = (&'static str, &'static str, u16);

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (
        prop_oneof![Just("GET"), Just("POST"), Just("PUT"), Just("ODD")],
        prop_oneof![Just("/x/1/"), Just("/y/1/"), Just("/z/1/"), Just("/none")],
        prop_oneof![Just(200_u16), Just(404), Just(500)],
    );
    proptest::collection::vec(line, 0..40)
}

fn feed(pipeline: &mut Pipeline, shard: &mut Shard, lines: &[Line]) {
    let texts = lines.iter().map(|(method, path, status)| {
        format!("\"{method} {path} HTTP/1.1\" {status} 0.012 0.010 https\n")
    });
    let text: String = texts.collect();
    let end = Position {
        generation: GenerationId(0),
        offset: text.len() as u64,
    };
    pipeline.feed(shard, &Batch::new(text.as_bytes(), 0, end));
}

fn counted_metrics() -> Vec<Metric> {
    let mut metrics = Set::DEFAULT.metrics();
    metrics.extend(Set::find("django").unwrap().metrics());
    let mut custom = metric(
        "custom_seconds",
        &[Label::Method, Label::View],
        &[when(Label::Method, "GET"), when(Label::Status, "5xx")],
    );
    custom.counts = Counts::Histogram(Quantity::Of(Measure::Duration), [1_000].into());
    metrics.push(custom);
    metrics
}

/// Returns the families without their series at 0.
fn without_zeros(shard: &mut Shard) -> Families {
    let is_zero = |value: &Value| match value {
        Value::Histogram(histogram) => histogram.counts.iter().all(|count| *count == 0),
        Value::Number(number) => format!("{number:?}").starts_with("Exact(0,"),
    };
    Families::new(shard.snapshot().into_iter().filter_map(|mut family| {
        family.series.retain(|series| !is_zero(&series.value));
        (!family.series.is_empty()).then_some(family)
    }))
}

proptest! {
    /// The counts do not depend on when known series are made, or whether they are.
    #[test]
    fn starting_at_0_changes_no_count(lines in lines(), at in any::<prop::sample::Index>()) {
        let metrics = Metrics::new(counted_metrics());
        let asked = initial(&[Method::Get, Method::Put], &[500]);
        let mut plain = pipeline(NGINX, metrics.clone(), Some(&["x", "y"]), 10_000);
        let mut expected = plain.shard();
        feed(&mut plain, &mut expected, &lines);

        let mut asked = pipeline(NGINX, metrics.starting_with(Some(asked)), Some(&["x", "y"]), 10_000);
        let mut shard = asked.shard();
        let (before, after) = lines.split_at(at.index(lines.len() + 1));
        feed(&mut asked, &mut shard, before);
        asked.initialise(&mut shard);
        let there = shard.series();
        feed(&mut asked, &mut shard, after);
        prop_assert_eq!(without_zeros(&mut shard), without_zeros(&mut expected));
        prop_assert_eq!(shard.ledger(), expected.ledger());
        // A line with a known method, view and status makes no series.
        let known = |line: &Line| {
            ["GET", "PUT"].contains(&line.0) && line.1 != "/z/1/" && line.2 == 500
        };
        if after.iter().all(known) {
            prop_assert_eq!(shard.series(), there);
        }
    }

    /// Whatever the budget, no line is lost, no series exceeds it, and none is removed.
    #[test]
    fn the_budget_holds_for_what_starts_at_0(lines in lines(), budget in 0..80_usize) {
        let metrics = Metrics::new(counted_metrics());
        let asked = metrics.starting_with(Some(initial(&[Method::Get, Method::Post], &[200, 500])));
        let mut asked = pipeline(NGINX, asked, Some(&["x", "y"]), budget);
        let mut shard = asked.shard();
        asked.initialise(&mut shard);
        let there = zeros(&mut shard);
        prop_assert!(there.len() <= budget / 2);
        feed(&mut asked, &mut shard, &lines);
        let families = Families::new(shard.snapshot());
        let requests = families.get("httplog_requests_total").map_or(0, Family::total);
        prop_assert_eq!(requests, lines.len() as u64);
        // Overflow series come on top, at most two in a family: one for each set of families that
        // count a line.
        let over = 2 * families.iter().count();
        prop_assert!(shard.series() <= budget + over);
        let now: Vec<String> = families.iter().flat_map(|family| {
            family.series.iter().map(|series| {
                let values: Vec<&str> = series.labels.iter().map(|(_, value)| &**value).collect();
                format!("{} {}", family.name, values.join(" "))
            })
        }).collect();
        prop_assert!(there.iter().all(|series| now.contains(series)));
    }
}

#[test]
fn over_the_cap_existing_series_keep_counting() {
    let metrics = Metrics::new(vec![metric("a", &[Label::Method, Label::View], &[])]);
    let asked = metrics.starting_with(Some(initial(&[Method::Get], &[])));
    // Two series at 0, and room for two more.
    let mut asked = pipeline(NGINX, asked, Some(&["x"]), 4);
    let mut shard = asked.shard();
    asked.initialise(&mut shard);
    let lines = [
        ("PUT", "/x/1/", 200),
        ("PUT", "/none", 200),
        ("POST", "/x/1/", 200),
        ("GET", "/x/1/", 200),
        ("POST", "/none", 200),
        ("GET", "/none", 200),
    ];
    feed(&mut asked, &mut shard, &lines);
    let families = Families::new(shard.snapshot());
    let series = families.get("a").unwrap().series.iter();
    let counts: Vec<String> = series
        .map(|series| {
            let label = |name| series.label(name).unwrap();
            let Value::Number(number) = &series.value else {
                panic!("{series:?}")
            };
            format!("{} {} {number:?}", label("method"), label("view"))
        })
        .collect();
    assert_eq!(
        counts,
        [
            "<other> <other> Exact(2, One)",
            "GET <unnamed view> Exact(1, One)",
            "GET x Exact(1, One)",
            "PUT <unnamed view> Exact(1, One)",
            "PUT x Exact(1, One)",
        ]
    );
    assert_eq!(shard.ledger().overflow, 2);
}

#[test]
fn once_over_the_cap_no_line_makes_a_series() {
    let metrics = Metrics::new(vec![
        metric("a", &[Label::Method, Label::View], &[]),
        metric("b", &[Label::Status], &[]),
    ]);
    let asked = metrics.starting_with(Some(initial(&[Method::Get], &[])));
    let mut asked = pipeline(NGINX, asked, Some(&["x"]), 7);
    let mut shard = asked.shard();
    asked.initialise(&mut shard);
    // Two series for each, then one is left: too few for the third line, and not for the fourth.
    let lines = [
        ("PUT", "/x/1/", 200),
        ("PUT", "/none", 404),
        ("POST", "/x/1/", 500),
        ("POST", "/none", 200),
    ];
    feed(&mut asked, &mut shard, &lines);
    assert_eq!(shard.ledger().overflow, 2);
}

#[test]
fn another_urlconf_adds_its_views_and_keeps_the_counts() {
    let metrics = Metrics::new(vec![metric("a", &[Label::View], &[])]);
    let asked = metrics.starting_with(Some(initial(&[], &[])));
    let mut asked = pipeline(NGINX, asked, Some(&["x"]), 100);
    let mut shard = asked.shard();
    asked.initialise(&mut shard);
    feed(&mut asked, &mut shard, &[("GET", "/x/1/", 200)]);
    asked.set_views(views(&["x", "y"]));
    asked.initialise(&mut shard);
    feed(&mut asked, &mut shard, &[("GET", "/y/1/", 200)]);
    asked.set_views(views(&["y", "z"]));
    asked.initialise(&mut shard);
    let families = Families::new(shard.snapshot());
    let series = families.get("a").unwrap().series.iter();
    let views: Vec<(&str, bool)> = series
        .map(|series| {
            let is_zero = format!("{:?}", series.value).contains("Exact(0,");
            (series.label("view").unwrap(), !is_zero)
        })
        .collect();
    assert_eq!(
        views,
        [
            ("<unnamed view>", false),
            ("x", true),
            ("y", true),
            ("z", false)
        ]
    );
}
