//! The shipped sets, counted from lines.

use std::sync::Arc;

use crate::label::{Budget, Condition, Hosts, Label};
use crate::metric::{Counts, Metric, Metrics, Set};
use crate::model::{
    Batch, Families, Family, FieldSet, GenerationId, Number, Position, Unit, Value,
};
use crate::pattern::{Dialect, Pattern};
use crate::pipeline::{Pipeline, Settings};
use proptest::prelude::*;

const NGINX: &str = "\"$request\" $status $request_time $upstream_response_time $bytes_sent $content_length $scheme \"$sent_http_content_type\"";

fn counted_as(metrics: Vec<Metric>, dialect: Dialect, format: &str, lines: &[String]) -> Families {
    counted_of(Metrics::new(metrics), dialect, format, lines)
}

fn counted_of(metrics: Metrics, dialect: Dialect, format: &str, lines: &[String]) -> Families {
    let pattern = Pattern::compile("test", dialect, format).unwrap();
    let settings = Settings {
        metrics,
        ..Settings::new("test", Arc::new(pattern))
    };
    let mut pipeline = Pipeline::new(settings, Budget::new(10_000));
    let mut shard = pipeline.shard();
    let text = lines.join("\n");
    let text = if lines.is_empty() { text } else { text + "\n" };
    let end = Position {
        generation: GenerationId(0),
        offset: text.len() as u64,
    };
    pipeline.feed(&mut shard, &Batch::new(text.as_bytes(), 0, end));
    Families::new(shard.snapshot())
}

fn counted(set: &str, lines: &[String]) -> Families {
    let metrics = Set::find(set).unwrap().metrics();
    counted_as(metrics, Dialect::Nginx, NGINX, lines)
}

fn total(families: &Families, name: &str) -> u64 {
    families.get(name).map_or(0, Family::total)
}

fn labels(families: &Families, name: &str) -> Vec<String> {
    let family = families.get(name).unwrap();
    let series = family.series.iter().map(|series| {
        let labels = series.labels.iter();
        let pairs: Vec<String> = labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    });
    series.collect()
}

fn line(method: &str, path: &str, status: u16, upstream: &str) -> String {
    format!(
        "\"{method} {path} HTTP/1.1\" {status} 0.012 {upstream} 10 - https \"text/html; charset=UTF-8\""
    )
}

#[test]
fn the_set_django_counts_what_reached_django_under_its_names() {
    let lines = [
        line("GET", "/a/7", 200, "0.010"),
        line("BREW", "/a/7", 405, "0.001"),
        line("GET", "/wp-login.php", 404, "0.001"),
        line("GET", "/static/x.css", 200, "-"),
        line("GET", "/a/7", 499, "-"),
    ];
    let families = counted("django", &lines);
    assert_eq!(
        labels(
            &families,
            "django_http_responses_total_by_status_view_method_total"
        ),
        [
            "method=<invalid method> status=405 view=/a/<int>",
            "method=GET status=200 view=/a/<int>",
            "method=GET status=404 view=<unnamed view>",
        ]
    );
    assert_eq!(
        labels(
            &families,
            "django_http_requests_total_by_view_transport_method_total"
        ),
        [
            "method=<invalid method> transport=https view=/a/<int>",
            "method=GET transport=https view=/a/<int>",
        ]
    );
    assert_eq!(
        labels(&families, "django_http_responses_total_by_charset_total"),
        ["charset=utf-8"]
    );
    // A request without Content-Length has an empty body; the upstream time is Django's latency.
    assert_eq!(total(&families, "django_http_requests_body_total_bytes"), 3);
    let latency = families
        .get("django_http_requests_latency_including_middlewares_seconds")
        .unwrap();
    let Value::Histogram(latency) = &latency.series[0].value else {
        panic!()
    };
    assert_eq!((latency.sum, latency.counts[0]), (12_000, 3));
}

#[test]
fn every_line_of_gunicorns_log_reached_django() {
    let metrics = Set::find("django").unwrap().metrics();
    let lines = ["\"GET /a HTTP/1.1\" 200 0.5".to_owned()];
    let families = counted_as(metrics, Dialect::Gunicorn, "\"%(r)s\" %(s)s %(L)s", &lines);
    assert_eq!(
        total(&families, "django_http_requests_before_middlewares_total"),
        1
    );
    assert_eq!(
        total(
            &families,
            "django_http_requests_latency_seconds_by_view_method"
        ),
        1
    );
    for absent in [
        "django_http_requests_total_by_transport_total",
        "django_http_responses_total_by_charset_total",
        "django_http_requests_body_total_bytes",
    ] {
        assert!(families.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn the_time_of_an_upgraded_connection_is_in_its_own_set_alone() {
    let lines = [101, 200].map(|status| {
        format!("\"GET /live/ HTTP/1.1\" {status} 3600.000 3600.000 10 - https \"text/html\"")
    });
    for (set, name, count) in [
        ("httplog", "httplog_requests_total", 2),
        ("httplog", "httplog_request_duration_seconds", 1),
        ("httplog", "httplog_upstream_duration_seconds", 1),
        ("django", "django_http_requests_before_middlewares_total", 2),
        (
            "django",
            "django_http_requests_latency_including_middlewares_seconds",
            1,
        ),
        (
            "django",
            "django_http_requests_latency_seconds_by_view_method",
            1,
        ),
        ("nginxlog", "nginx_http_response_count_total", 2),
        ("nginxlog", "nginx_http_response_time_seconds_hist", 1),
        ("nginxlog", "nginx_http_upstream_time_seconds_hist", 1),
        ("connections", "httplog_connection_duration_seconds", 1),
    ] {
        assert_eq!(total(&counted(set, &lines), name), count, "{name}");
    }
}

#[test]
fn the_set_nginxlog_counts_rejected_lines() {
    let lines = [line("GET", "/", 200, "-"), "hello".to_owned()];
    let families = counted("nginxlog", &lines);
    assert_eq!(total(&families, "nginx_parse_errors_total"), 1);
    assert_eq!(
        labels(&families, "nginx_http_response_count_total"),
        ["method=GET status=200"]
    );
    assert_eq!(total(&families, "nginx_http_response_size_bytes"), 10);
}

/// Requests by host and status, restricted to the hosts of `when`.
fn by_host(when: &[&str]) -> Metric {
    Metric {
        name: "by_host_total".into(),
        help: "Requests.".into(),
        counts: Counts::Lines,
        labels: vec![Label::Host, Label::Status],
        other: Vec::new(),
        when: match when {
            [] => Vec::new(),
            globs => vec![Condition::new(Label::Host, globs.iter().copied()).unwrap()],
        },
        has_short_bounds: false,
        is_native: false,
        needs: FieldSet::EMPTY,
    }
}

#[test]
fn only_listed_hosts_are_distinguished() {
    let line = |host: &str| format!("\"GET / HTTP/1.1\" 200 {host}");
    let lines = [
        "shop.example",
        "SHOP.example:443",
        "a.example.org",
        "jane@example.com",
        "-",
    ];
    let lines = lines.map(line);
    let hosts = ["shop.example", "*.example.org"].map(str::to_owned);
    let counted = |when: &[&str], hosts: &[String]| {
        let metrics = Metrics::new(vec![by_host(when)]).with_hosts(Hosts::new(hosts.to_vec()));
        let format = r#""$request" $status $http_host"#;
        let families = counted_of(metrics, Dialect::Nginx, format, &lines);
        let counts = families.get("by_host_total").unwrap().series.iter();
        let counts = counts.map(|series| match series.value {
            Value::Number(Number::Exact(count, Unit::One)) => count,
            _ => panic!("{series:?}"),
        });
        labels(&families, "by_host_total")
            .into_iter()
            .zip(counts)
            .collect::<Vec<_>>()
    };
    let of = |host: &str, count| (format!("host={host} status=200"), count);
    let (below, other) = (of("*.example.org", 1), of("<other>", 2));
    let shop = of("shop.example", 2);
    let all = [below.clone(), other, shop.clone()];
    assert_eq!(counted(&[], &hosts), all);
    assert_eq!(counted(&["!<other>"], &hosts), [below, shop.clone()]);
    assert_eq!(counted(&["shop.*"], &hosts), [shop]);
    assert_eq!(counted(&[], &[]), [of("<other>", 5)]);
}

proptest! {
    #[test]
    fn a_set_counts_every_line_that_passes_its_filters_once(
        lines in proptest::collection::vec(
            (
                prop_oneof![Just("GET"), Just("POST"), Just("BREW")],
                prop_oneof![Just("/a"), Just("/b/7"), Just("*")],
                prop_oneof![Just(200_u16), Just(404), Just(503), Just(700)],
                prop_oneof![Just("-"), Just("0.001"), Just("0.1, 0.2")],
            ),
            0..40,
        ),
    ) {
        let texts: Vec<String> = lines
            .iter()
            .map(|(method, path, status, upstream)| line(method, path, *status, upstream))
            .collect();
        let reached = lines.iter().filter(|line| line.3 != "-").count() as u64;
        let django = counted("django", &texts);
        for family in django.iter() {
            let is_named = &*family.name == "django_http_requests_total_by_view_transport_method_total";
            prop_assert!(family.total() == reached || is_named, "{}", family.name);
        }
        for (set, counter) in [
            ("httplog", "httplog_requests_total"),
            ("nginxlog", "nginx_http_response_count_total"),
        ] {
            prop_assert_eq!(total(&counted(set, &texts), counter), lines.len() as u64);
        }
        let mut custom = Set::DEFAULT.metrics();
        custom.truncate(1);
        custom[0].counts = Counts::Lines;
        custom[0].labels.clear();
        custom[0].when = vec![Condition::new(Label::Status, ["5xx"]).unwrap()];
        let failed = lines.iter().filter(|line| line.2 == 503).count() as u64;
        let families = counted_as(custom, Dialect::Nginx, NGINX, &texts);
        prop_assert_eq!(total(&families, "httplog_requests_total"), failed);
    }
}
