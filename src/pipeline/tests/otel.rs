//! The set `otel` agrees with OpenTelemetry's semantic conventions.
//!
//! Facts are those of the tables of "Semantic conventions for HTTP metrics" (`http-metrics.md`) in
//! github.com/open-telemetry/semantic-conventions, v1.44.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::Report;
use crate::label::{Budget, Label, Method};
use crate::metric::{Counts, Metric, Metrics, Quantity, Set};
use crate::model::{Batch, Families, Family, GenerationId, Position, Value};
use crate::pattern::{Dialect, Pattern};
use crate::pipeline::{Pipeline, Settings};
use crate::route::{PathTemplate, Resolver, Urlconf};

/// Instruments: name, unit, description.
const INSTRUMENTS: [(&str, &str, &str); 3] = [
    (
        "http.server.request.duration",
        "s",
        "Duration of HTTP server requests.",
    ),
    (
        "http.server.request.body.size",
        "By",
        "Size of HTTP server request bodies.",
    ),
    (
        "http.server.response.body.size",
        "By",
        "Size of HTTP server response bodies.",
    ),
];
/// Attributes of each of them that are required, recommended, or required under a condition. `network.protocol.name` is
/// not set if it is `http`.
const ATTRIBUTES: [&str; 6] = [
    "http.request.method",
    "url.scheme",
    "error.type",
    "http.response.status_code",
    "http.route",
    "network.protocol.version",
];
/// `ExplicitBucketBoundaries` of `http.server.request.duration`, in microseconds here. The other two have none.
const BOUNDARIES: [u64; 14] = [
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000,
    2_500_000, 5_000_000, 7_500_000, 10_000_000,
];
/// Stable values of `http.request.method`. `QUERY` is in development.
const METHODS: [&str; 10] = [
    "_OTHER", "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];
/// Examples of `network.protocol.version`.
const VERSIONS: [&str; 4] = ["1.0", "1.1", "2", "3"];

/// Returns the name of an instrument or an attribute in Prometheus.
fn in_prometheus(name: &str, unit: &str) -> String {
    let suffix = match unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    };
    name.replace('.', "_") + suffix
}

fn set() -> Vec<Metric> {
    Set::find("otel").unwrap().metrics()
}

#[test]
fn the_families_are_those_of_the_conventions() {
    let mut labels = ATTRIBUTES.map(|attribute| in_prometheus(attribute, ""));
    labels.sort();
    let metrics = set();
    assert_eq!(metrics.len(), INSTRUMENTS.len());
    for (metric, (name, unit, help)) in metrics.iter().zip(INSTRUMENTS) {
        assert_eq!(*metric.name, in_prometheus(name, unit));
        assert_eq!(*metric.help, *help);
        let found: Vec<&str> = metric.labels.iter().map(Label::name).collect();
        assert_eq!(found, labels);
        let Counts::Histogram(_, bounds) = &metric.counts else {
            panic!("{name}")
        };
        if unit == "s" {
            assert_eq!(**bounds, BOUNDARIES);
        }
    }
    let values: Vec<_> = metrics.iter().map(|metric| metric.counts.clone()).collect();
    let of = |at: usize| match &values[at] {
        Counts::Histogram(Quantity::Of(measure), _) => format!("{measure:?}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        [of(0), of(1), of(2)],
        ["Duration", "RequestBodyBytes", "ResponseBytes"]
    );
}

fn pipeline(format: &str, routes: Option<Resolver>) -> Pipeline {
    let pattern = Pattern::compile("test", Dialect::Nginx, format).unwrap();
    let settings = Settings {
        metrics: Metrics::new(set()),
        routes: routes.map(Arc::new),
        ..Settings::new("test", Arc::new(pattern))
    };
    Pipeline::new(settings, Budget::new(10_000))
}

/// Creates a URLconf of these templates and their views.
fn urlconf(routes: &[(&str, &str)]) -> Resolver {
    let mut urlconf = Urlconf::default();
    for (template, view) in routes {
        let template = PathTemplate::parse(template, &BTreeMap::new()).unwrap();
        urlconf.routes.push(template.route(view).unwrap());
    }
    Resolver::new(urlconf, None, &mut Report::default())
}

/// Counts lines, and returns the values of a label in the family of durations, by the number of their requests.
fn values(mut pipeline: Pipeline, lines: &[String], label: &str) -> BTreeMap<String, u64> {
    let mut shard = pipeline.shard();
    let text = lines.join("\n") + "\n";
    let end = Position {
        generation: GenerationId(0),
        offset: text.len() as u64,
    };
    pipeline.feed(&mut shard, &Batch::new(text.as_bytes(), 0, end));
    assert_eq!(shard.ledger().recorded, lines.len() as u64);
    let families = Families::new(shard.snapshot());
    let family: &Family = families
        .get("http_server_request_duration_seconds")
        .unwrap();
    let mut counts = BTreeMap::new();
    for series in &family.series {
        let (_, value) = series
            .labels
            .iter()
            .find(|(name, _)| **name == *label)
            .unwrap();
        let Value::Histogram(histogram) = &series.value else {
            panic!("{value}")
        };
        let count: u64 = histogram.counts.iter().sum();
        *counts.entry(value.to_string()).or_default() += count;
    }
    counts
}

fn counted(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let pairs = pairs
        .iter()
        .map(|(value, count)| ((*value).to_owned(), *count));
    pairs.collect()
}

#[test]
fn values_of_attributes_are_those_of_the_conventions() {
    let count = |format: &str, lines: &[&str], label: &str| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        values(pipeline(format, None), &lines, label)
    };
    let format = r#""$request" $status $request_time"#;
    let methods = ["GET", "POST", "QUERY", "get", "PROPFIND"];
    let lines = methods.map(|method| format!(r#""{method} / HTTP/1.1" 200 0.1"#));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected = counted(&[("GET", 1), ("POST", 1), ("_OTHER", 3)]);
    assert_eq!(count(format, &lines, "http_request_method"), expected);
    let names = Method::ALL.map(|method| match method {
        Method::Other => Label::HttpRequestMethod.other(),
        method => method.name(),
    });
    assert_eq!(names, METHODS);

    let protocols = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9"];
    let lines = protocols.map(|protocol| format!(r#""GET / {protocol}" 200 0.1"#));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut expected = counted(&VERSIONS.map(|version| (version, 1)));
    // The version is not one that the conventions name: the attribute is not set.
    expected.insert(String::new(), 1);
    assert_eq!(count(format, &lines, "network_protocol_version"), expected);

    let lines = [200, 404, 499, 500, 503].map(|status| format!(r#""GET / HTTP/1.1" {status} 0.1"#));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected = counted(&[("", 3), ("500", 1), ("503", 1)]);
    assert_eq!(count(format, &lines, "error_type"), expected);
    let statuses = ["200", "404", "499", "500", "503"].map(|status| (status, 1));
    assert_eq!(
        count(format, &lines, "http_response_status_code"),
        counted(&statuses)
    );
    // The format has no scheme, and no paths are resolved.
    assert_eq!(count(format, &lines, "url_scheme"), counted(&[("", 5)]));
    assert_eq!(count(format, &lines, "http_route"), counted(&[("", 5)]));

    let format = r#""$request" $status $request_time $scheme"#;
    let lines =
        ["http", "https", "-"].map(|scheme| format!(r#""GET / HTTP/1.1" 200 0.1 {scheme}"#));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected = counted(&[("", 1), ("http", 1), ("https", 1)]);
    assert_eq!(count(format, &lines, "url_scheme"), expected);
}

const ROUTES: [(&str, &str); 3] = [
    ("/articles/", "articles"),
    ("/articles/<int:year>/", "articles"),
    ("/", "home"),
];

#[test]
fn the_route_is_the_pattern_and_never_a_folded_path() {
    let line = |target: &str| format!(r#""GET {target} HTTP/1.1" 200 0.1"#);
    let targets = [
        "/articles/",
        "/articles/2026/",
        "/articles/2025/?page=2",
        "/nowhere/7/",
        "/",
    ];
    let lines = targets.map(line);
    let format = r#""$request" $status $request_time"#;
    let expected = counted(&[("articles/", 1), ("articles/<int:year>/", 2), ("", 2)]);
    let strict = pipeline(format, Some(urlconf(&ROUTES)));
    assert_eq!(values(strict, &lines, "http_route"), expected);
    let folding = pipeline(format, Some(urlconf(&ROUTES).folding_unmatched(true)));
    assert_eq!(values(folding, &lines, "http_route"), expected);
    assert_eq!(
        values(pipeline(format, None), &lines, "http_route"),
        counted(&[("", 5)])
    );
}

#[test]
fn the_pattern_of_a_view_that_the_line_names_is_that_of_its_path() {
    let line =
        |(target, view): (&str, &str)| format!(r#""GET {target} HTTP/1.1" 200 0.1 "{view}""#);
    let lines = [
        ("/articles/2026/", "articles"),
        ("/articles/2026/", "-"),
        ("/articles/2026/", "home"),
        ("/nowhere", "articles"),
    ];
    let lines = lines.map(line);
    let format = r#""$request" $status $request_time "$sent_http_x_view_name""#;
    assert!(
        pipeline(format, None)
            .settings
            .pattern
            .fields()
            .contains(crate::model::Field::View)
    );
    let expected = counted(&[("articles/<int:year>/", 2), ("", 2)]);
    let pipeline = pipeline(format, Some(urlconf(&ROUTES)));
    assert_eq!(values(pipeline, &lines, "http_route"), expected);
}
